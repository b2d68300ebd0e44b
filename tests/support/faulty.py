"""A teacher of another package that does to a build what real teachers, decoders and machines do: it fails on some clips.

It is installed by :func:`install_faulty_teacher` as the kind ``faulty``, and does what the environment variable ``FAULT`` says for
loud clips (see :func:`write_loud_clip`), or for all clips where ``FAULT_ON`` is ``all``.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from pathlib import Path
from typing import Any

import numpy as np

from hearsight.media.containers.writer import write_video
from hearsight.teachers.spec import TeacherSpec
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary
from tests.support.videos import FRAME_RATE, SAMPLE_RATE, make_images, make_waveform

LOUD = 0.4


class FaultyTeacher:
    """Names the louder half of a second, unless it does something else."""

    def __init__(self, spec: TeacherSpec, modality: Modality) -> None:
        self.name = "faulty"
        self.spec = spec.text
        self.modality = modality
        self.vocabulary = Vocabulary(("first", "second", "neither"))
        self.image_request = None
        self.digest = "f" * 64

    def predict(self, items: Any) -> Any:
        halves = np.stack([np.abs(half).mean(axis=1) for half in np.split(items, 2, axis=1)], axis=1)
        probabilities = np.concatenate([halves, np.zeros((len(items), 1))], axis=1).astype(np.float32)
        if os.environ.get("FAULT_ON") == "all" or np.sqrt(np.square(items).mean()) > LOUD:
            _do(os.environ.get("FAULT", ""))
            if os.environ.get("FAULT") == "nan":
                probabilities[0, 0] = np.nan
        return probabilities


def _do(fault: str) -> None:
    kind, _, path = fault.partition(" ")
    if kind == "memory":
        raise MemoryError
    if kind == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == "hang":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
        signal.sigwait({signal.SIGALRM})
    if kind == "full":
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
    if kind == "remove":
        Path(path).unlink(missing_ok=True)
    if kind == "grow":
        with Path(path).open("ab") as file:
            file.write(b"more")
    if kind == "kill-once":
        with contextlib.suppress(FileExistsError):
            Path(path).touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool) -> FaultyTeacher:
    """Load the teacher; with ``FAULT=setup`` that fails in workers."""
    if quiet and os.environ.get("FAULT") == "setup":
        raise KeyError("weights")
    return FaultyTeacher(spec, modality)


def install_faulty_teacher(folder: Path, monkeypatch: Any) -> None:
    """Install the kind ``faulty`` for this process and its workers."""
    info = folder / "faulty-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hearsight.teachers]\nfaulty = tests.support.faulty:load\n")
    monkeypatch.syspath_prepend(str(folder))


def write_loud_clip(path: Path, seconds: float, loud_from: float = 0.0, seed: int = 99) -> Path:
    """Write a video that is loud from a time on."""
    waveform = make_waveform(seconds, seed)
    start = int(loud_from * SAMPLE_RATE)
    waveform[start:] = np.clip(6.0 * waveform[start:], -0.9, 0.9)
    write_video(path, make_images(seconds, seed), FRAME_RATE, waveform, SAMPLE_RATE)
    return path
