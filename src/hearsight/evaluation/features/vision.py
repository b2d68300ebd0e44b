"""Features of the pictures of a benchmark's videos, to combine with those of the sound (Aytar 2016, section 4.3)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from hearsight.errors import MediaError, UsageError
from hearsight.media.decode import DecodedClip, decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.records import Media, RejectReason, Source
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
        seen = choose_images(media, [request] if request else [])
        probabilities = self._teacher.predict(seen)
        return probabilities.mean(axis=0, keepdims=True, dtype=np.float64).astype(np.float32), np.ones(1)


def choose_images(media: Media, requests: Sequence[ImageRequest]) -> UInt8[np.ndarray, "images height width 3"]:
    """Return pictures that are evenly spread over a video, in memory that does not grow with its length.

    How many pictures there are to choose from is known only at the end. So the duration predicts it, and where the prediction
    chose others, the video is decoded once more.

    Parameters
    ----------
    media
        The video.
    requests
        What the teacher wants pictures to be: one request.

    Raises
    ------
    MediaError
        When the video cannot be decoded, or has no pictures.
    """
    rate = max(1.0, NUM_IMAGES / media.duration) if media.duration else 1.0
    chosen = _spread(round((media.duration or 0.0) * rate))
    while True:
        windows = decode_windows(media, length=_WINDOW_SECONDS, images_per_second=rate, requests=requests)
        kept, total = _keep(windows, chosen)
        if not total:
            raise MediaError(media.path, f"no pictures in {media.duration or 0.0:g} s", reason=RejectReason.NO_VIDEO)
        if np.array_equal(chosen, wanted := _spread(total)):
            return np.stack(kept)
        chosen = wanted


def _spread(total: int) -> Int64[np.ndarray, " chosen"]:
    """Return which of some pictures are looked at: the middle of each quarter, each picture once."""
    return np.unique(((np.arange(NUM_IMAGES) + 0.5) * total / NUM_IMAGES).astype(np.int64))


def _keep(
    windows: Iterable[DecodedClip], chosen: Int64[np.ndarray, " chosen"]
) -> tuple[list[UInt8[np.ndarray, "height width 3"]], int]:
    """Return copies of the chosen pictures of a stream, and how many pictures there were."""
    kept: list[UInt8[np.ndarray, "height width 3"]] = []
    total = 0
    for window in windows:
        images = window.images[0]
        inside = chosen[(chosen >= total) & (chosen < total + len(images))]
        kept.extend(images[index - total].copy() for index in inside)
        total += len(images)
    return kept, total


def load_vision(spec: str) -> VisionExtractor:
    """Find a vision teacher to look with.

    Parameters
    ----------
    spec
        ``kind:where``, as ``hearsight build --vision`` takes it.

    Raises
    ------
    UsageError
        When the teacher has no fixed classes (``clusters``), or there is no such kind.
    TeacherError
        When its model is absent or broken.
    """
    teacher = load_teacher(spec, "vision")
    if not isinstance(teacher, Teacher):
        raise UsageError(
            f"vision:{spec}",
            f"a teacher without fixed classes ({type(teacher).__name__})",
            "a published classifier",
        )
    return VisionExtractor(teacher)
