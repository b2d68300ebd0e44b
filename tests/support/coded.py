"""Teachers whose answer is a code of what they are given, so that an answer that reached another clip is noticed.

They are installed as the kind ``coded``: ``coded:NAME`` codes the bytes of a picture or of a second of sound with the name.
"""

from __future__ import annotations

import hashlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from hearsight.media.pictures import ImageRequest
from hearsight.teachers.spec import TeacherSpec
from hearsight.teachers.teacher import Modality
from hearsight.vocabulary import Vocabulary

NUM_CLASSES = 251


class CodedTeacher:
    """Answers with two classes that follow from the bytes of an item, and from nothing else."""

    def __init__(self, spec: TeacherSpec, modality: Modality) -> None:
        self.name = f"coded-{spec.where}"
        self.spec = spec.text
        self.modality = modality
        self.vocabulary = Vocabulary(tuple(f"code {number} of {spec.where}" for number in range(NUM_CLASSES)))
        self.image_request = ImageRequest(16, 24, "crop") if modality == "vision" else None
        self.digest = hashlib.sha256(f"{spec.where} {modality}".encode()).hexdigest()
        self._calls = spec.options.get("calls")

    def predict(self, items: Any) -> Any:
        if self._calls:
            with Path(self._calls).open("a") as file:
                file.write(f"{len(items)}\n")
        return (
            np.stack([self._answer(item) for item in items]) if len(items) else np.zeros((0, NUM_CLASSES), np.float32)
        )

    def _answer(self, item: Any) -> Any:
        code = zlib.crc32(np.ascontiguousarray(item).tobytes(), zlib.crc32(self.name.encode()))
        probabilities = np.zeros(NUM_CLASSES, np.float32)
        probabilities[code % NUM_CLASSES] += 0.5
        probabilities[code // NUM_CLASSES % NUM_CLASSES] += 0.25
        return probabilities


def load(spec: TeacherSpec, modality: Modality, *, quiet: bool) -> CodedTeacher:
    """Load the teacher."""
    return CodedTeacher(spec, modality)


def install_coded_teacher(folder: Path, monkeypatch: Any) -> None:
    """Install the kind ``coded`` for this process and its workers."""
    info = folder / "coded-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coded\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hearsight.teachers]\ncoded = tests.support.coded:load\n")
    monkeypatch.syspath_prepend(str(folder))
