"""hearsight's own networks as audio teachers of the next generation: ``student:RUN[,option=value...]``.

``RUN`` is the folder of a finished run, any checkpoint folder, or a repository ``hf://owner/name``. The classes are those of the
checkpoint, with the ids of the teachers that they come from. A network that was trained on a narrower band than it takes (16 kHz
sound in a 32 kHz network) gets that band only, as it does in listening.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float32
from pydantic import Field

from hearsight.errors import CheckpointError, TeacherError
from hearsight.files import hash_file
from hearsight.models.checkpoint import WEIGHTS, CheckpointInfo, load_checkpoint
from hearsight.models.network import Network
from hearsight.signal.waveform import resample
from hearsight.teachers.runtimes.classifier import Classifier, Model
from hearsight.teachers.runtimes.inputs import WaveformInput
from hearsight.teachers.spec import ModelOptions, TeacherSpec, read_options
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary, check_names, load_vocabulary, make_unique


class StudentOptions(ModelOptions):
    """Options of ``student:``."""

    sense: Literal["heard", "seen", "all"] = Field(default="all")
    """Which classes are used: those that audio teachers taught, those that vision teachers taught, or all."""


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool = False) -> Classifier:  # noqa: ARG001
    """Load a checkpoint as an audio teacher; see :func:`hearsight.teachers.registry.load_teacher` for the errors."""
    options = read_options(StudentOptions, spec)
    if modality != "audio":
        raise TeacherError(spec.where, f"a network of sounds, for {modality}", "a teacher of pictures")
    if options.activation not in ("auto", "none"):
        raise TeacherError(spec.where, f"activation={options.activation}", "none: a checkpoint states its own")
    folder = _find(spec.where)
    try:
        network, info = load_checkpoint(folder)
    except CheckpointError as error:
        raise TeacherError(error.where, error.found, error.wanted or "a checkpoint", error.hint) from error
    chosen = _choose_classes(info, options.sense, spec.where)
    names = _name_classes(info, chosen, options.vocabulary)
    rate = min(info.training_sample_rate or network.sample_rate, network.sample_rate)
    student = _Student(network, rate, torch.from_numpy(chosen))
    content = hash_file(folder / WEIGHTS) + _describe(network, rate, options.sense)
    stem = spec.where.removeprefix("hf://") if spec.where.startswith("hf://") else folder.resolve().name
    model = Model(str(folder), stem, content, WaveformInput(rate, rate), student.run, "none")
    return Classifier(spec, modality, model, lambda _: names)


class _Student:
    """A network in evaluation mode, run in one thread: workers label in parallel, one per core."""

    def __init__(self, network: Network, sample_rate: int, classes: torch.Tensor) -> None:
        self._network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch lists no such overload)
        self._sample_rate = sample_rate
        self._classes = classes

    def run(self, values: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, "segments classes"]:
        """Return the probabilities of each of the network's segments in one second of sound."""
        waveform = resample(values, self._sample_rate, self._network.sample_rate)
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with torch.inference_mode():
                segments = self._network.segmentation.split(torch.from_numpy(waveform)[None])[0]
                logits, _ = self._network.forward_segments(segments)
                return self._network.probabilities(logits)[:, self._classes].numpy()
        finally:
            torch.set_num_threads(before)


def _find(where: str) -> Path:
    if not where.startswith("hf://"):
        try:
            return Path(where).expanduser()
        except RuntimeError as error:  # an unknown user
            raise TeacherError(where, f"not a path ({error})", "the folder of a run") from error
    from hearsight.models.hub import fetch_checkpoint  # half a second that a folder does not need

    return fetch_checkpoint(where)


def _choose_classes(info: CheckpointInfo, sense: str, where: str) -> np.ndarray:
    """Return the indices of the classes that are used."""
    if sense == "all":
        chosen = np.arange(info.num_classes)
    elif not info.classes:
        raise TeacherError(where, f"sense={sense} for a checkpoint that does not record it", "sense=all")
    else:
        chosen = np.flatnonzero([origin.sense == sense for origin in info.classes])
    if not len(chosen):
        found = "no class" if sense == "all" else f"no class that was {sense}"
        raise TeacherError(where, f"{found}, of {info.num_classes}", "at least one")
    return chosen


def _name_classes(info: CheckpointInfo, chosen: np.ndarray, option: str | None) -> Vocabulary:
    if option is not None:
        named = load_vocabulary(option)
        if len(named) != len(chosen):
            raise TeacherError(option, f"{len(named)} classes", f"{len(chosen)}, as the network has")
        return named
    names = [info.vocabulary[index] for index in chosen]
    check_names(names, f"{info.folder} config.json")
    ids = [info.classes[index].id for index in chosen] if info.classes else []
    known = tuple(identity for identity in ids if identity is not None)
    return Vocabulary(make_unique(names), known if len(known) == len(names) else None)


def _describe(network: Network, rate: int, sense: str) -> str:
    """Return what the outputs depend on in addition to the weights."""
    return json.dumps([network.name, network.options, network.tail, rate, sense], sort_keys=True)
