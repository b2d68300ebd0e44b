"""What can be seen of a benchmark's videos, to set beside what can be heard of them (Aytar 2016, section 4.3)."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

from hearsight.errors import UsageError
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.records import Source
from hearsight.teachers.registry import load_teacher
from hearsight.teachers.teacher import Teacher

NUM_IMAGES = 4
"""Pictures of a video that are looked at, evenly spread over it."""
_WINDOW_SECONDS = 4.0


@runtime_checkable
class MediaExtractor(Protocol):
    """Turns a clip's file, not its waveform alone, into one row of numbers.

    Attributes
    ----------
    name, pooled, untrained
        As those of :class:`hearsight.evaluation.features.load.FeatureExtractor`.
    """

    name: str
    pooled: bool
    untrained: bool

    def compute_digest(self) -> str:
        """SHA-256 of all that decides what it gives."""
        ...

    def extract_media(self, path: Path) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return the row of a clip, and that it counts once."""
        ...


class VisionExtractor:
    """What a vision teacher sees in a video: the mean probability of each of its classes over four pictures.

    The paper takes the features below the last layer of two such networks; a published classifier gives its probabilities only.
    """

    pooled = True
    untrained = False

    def __init__(self, teacher: Teacher) -> None:
        self._teacher = teacher
        self.name = f"vision:{teacher.name}"

    def compute_digest(self) -> str:
        """SHA-256 of the teacher, and of how many pictures it is shown."""
        return hashlib.sha256(f"vision {NUM_IMAGES} {self._teacher.digest}".encode()).hexdigest()

    def extract_media(self, path: Path) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return one row of a video.

        Raises
        ------
        MediaError
            When it cannot be read, or has no pictures or no sound.
        """
        media = read_media(Source(str(path)))
        request = self._teacher.image_request
        rate = max(1.0, NUM_IMAGES / media.duration) if media.duration else 1.0
        windows = decode_windows(
            media, length=_WINDOW_SECONDS, images_per_second=rate, requests=[request] if request else []
        )
        seen = np.concatenate([window.images[0] for window in windows])
        chosen = ((np.arange(NUM_IMAGES) + 0.5) * len(seen) / NUM_IMAGES).astype(np.int64)
        probabilities = self._teacher.predict(seen[np.unique(chosen)])
        return probabilities.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32), np.ones(1)


def load_vision(spec: str) -> VisionExtractor:
    """Find a vision teacher to look with.

    Parameters
    ----------
    spec
        ``kind:where``, as ``hearsight build --vision`` takes it.

    Raises
    ------
    UsageError
        When the teacher has no classes of its own (``clusters``), or there is no such kind.
    TeacherError
        When its model is absent or broken.
    """
    teacher = load_teacher(spec, "vision")
    if not isinstance(teacher, Teacher):
        raise UsageError(f"vision:{spec}", "a teacher without classes of its own", "a published classifier")
    return VisionExtractor(teacher)
