"""What crosses file boundaries: media, clips, soft labels, tags, rejections, and their Arrow schemas.

One record is one row somewhere: of ``clips/*.parquet``, ``labels/<teacher>/*.parquet``, ``rejected.parquet``, or of what
``hearsight tag --json`` prints. A clip's identity is its content: a UUID5 of its media's content and its span.
"""

from __future__ import annotations

import dataclasses
import uuid as uuid_module
from enum import StrEnum
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int32

from hearsight.units import to_milliseconds

NAMESPACE = uuid_module.UUID("6f0b4c1e-3a54-5b0e-9d53-2f4c61a7d0aa")
"""The namespace of every UUID5 that hearsight makes; changing it changes every identity."""


class RejectReason(StrEnum):
    """Why a media file, or a span of one, is not in the dataset."""

    UNREADABLE = "unreadable"
    """The file cannot be opened: it does not exist, may not be read, or changed during the build."""
    NOT_MEDIA = "not_media"
    """The file can be opened, but its format is unknown, or its index is missing."""
    NO_AUDIO = "no_audio"
    NO_VIDEO = "no_video"
    TOO_SHORT = "too_short"
    """The whole media is shorter than the shortest clip."""
    SHORT_TAIL = "short_tail"
    """What remained after the last whole clip is shorter than the shortest clip."""
    BROKEN_STREAM = "broken_stream"
    """The span is damaged: it cannot be decoded, or sound or pictures are missing in it."""
    SILENT = "silent"
    STILL = "still"
    """The pictures do not move: a slide, a cover, a test card."""
    TONE = "tone"
    """The sound is one constant tone: a test signal, mains hum."""
    CLIPPED = "clipped"
    """Too much of the sound is at full scale."""
    GAPS = "gaps"
    """The sound has a silent stretch that is too long."""
    STUCK = "stuck"
    """The sound stays at one value: a converter or a decoder that hung."""
    DUPLICATE = "duplicate"
    """The same content is in the dataset already."""
    WITHDRAWN = "withdrawn"
    """Somebody has asked that it be taken out of the dataset."""
    FAILED = "failed"
    """A decoder or teacher raised an unexpected error, or a teacher's output is no probability."""
    CRASHED = "crashed"
    """The worker process died on this file, also when it was tried again."""
    TIMED_OUT = "timed_out"
    """The worker made no progress on this file before the deadline, also when it was tried again."""


@dataclasses.dataclass(frozen=True, order=True)
class Source:
    """One line of the user's list: a file and, where only a part of it is meant, the span in seconds.

    Where ``may_be_excerpt`` is true, the file may hold the whole video or that span alone, as downloads of published lists do.
    """

    path: str
    start: float = 0.0
    end: float | None = None
    may_be_excerpt: bool = False


@dataclasses.dataclass(frozen=True)
class Media:
    """A source file with what its container states about it.

    ``duration`` is in seconds, ``None`` where the container does not say; ``rotation`` is in degrees, counter-clockwise, as players
    turn the pictures before they show them; ``width`` and ``height`` are those of the shown picture. ``start`` and ``end`` bound
    the part that is used. ``local_path`` is the copy of a source that is no file of this machine.

    Examples
    --------
    >>> from hearsight.media.info import read_media
    >>> from hearsight.records import Source
    >>> media = read_media(Source("videos/video-00.mp4"))
    >>> media.sample_rate, media.width, media.height
    (16000, 64, 48)
    """

    uuid: str
    path: str
    size_bytes: int
    start: float
    end: float | None
    duration: float | None
    container: str
    audio_codec: str | None
    sample_rate: int | None
    channels: int | None
    video_codec: str | None
    width: int | None
    height: int | None
    frame_rate: float | None
    rotation: int = 0
    local_path: str | None = None

    @property
    def readable_path(self) -> str:
        """Where its bytes can be read: the copy, if there is one."""
        return self.path if self.local_path is None else self.local_path


@dataclasses.dataclass(frozen=True)
class Clip:
    """A 3 to 5 s excerpt of a media file, as the dataset knows it.

    ``start`` and ``duration`` are in seconds of the media's own timeline; ``loudness`` is the RMS level in dB relative to full
    scale; ``motion`` the mean absolute difference of successive pictures, 0 to 255; ``fold`` is in 0..4095 and the same for
    all clips of one media.

    Examples
    --------
    >>> clip = hearsight.Dataset("dataset").clips().to_pylist()[0]
    >>> 3.0 <= clip["duration"] <= 5.0
    True
    """

    uuid: str
    media_uuid: str
    source: str
    start: float
    duration: float
    fold: int
    num_samples: int
    num_images: int
    width: int
    height: int
    loudness: float
    motion: float
    sound_fingerprint: bytes
    image_fingerprint: bytes


@dataclasses.dataclass(frozen=True)
class SoftLabels:
    """The output of one teacher for one clip, before any policy.

    Attributes
    ----------
    classes, probabilities
        The kept classes of the clip-level mean, most probable first, ties by class index.
    item_classes, item_probabilities
        The same for each image (vision) or one-second segment (audio), in order of time.
    """

    classes: Int32[np.ndarray, " kept"]
    probabilities: Float32[np.ndarray, " kept"]
    item_classes: list[Int32[np.ndarray, " kept"]]
    item_probabilities: list[Float32[np.ndarray, " kept"]]


@dataclasses.dataclass(frozen=True)
class Tag:
    """A class in a span of a file (seconds), its probability, and where the class comes from.

    ``sense`` is ``heard`` or ``seen``, as the class was learned from a teacher of sounds or of pictures; None where that is not
    known, like ``teacher``. ``note`` is what a reader should know of how the sound was read: that channels cancel
    each other.

    Examples
    --------
    >>> tag = hearsight.Tag("beach.wav", start=0.0, duration=1.0, name="Gull", probability=0.83)
    >>> tag.as_json()["class"]
    'Gull'
    """

    path: str
    start: float
    duration: float
    name: str
    probability: float
    sense: Literal["heard", "seen"] | None = None
    teacher: str | None = None
    note: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the object of ``hearsight tag --json``: ``path, start, duration, class, probability, sense, teacher``.

        A key ``note`` is there only if there is one.
        """
        values = {
            "path": self.path,
            "start": self.start,
            "duration": self.duration,
            "class": self.name,
            "probability": self.probability,
            "sense": self.sense,
            "teacher": self.teacher,
        }
        return values if self.note is None else values | {"note": self.note}


@dataclasses.dataclass(frozen=True)
class Rejection:
    """A media file, or a span of one, that is not in the dataset, and why."""

    path: str
    start: float
    duration: float | None
    reason: RejectReason
    detail: str


CLIP_SCHEMA = pa.schema(
    [
        ("uuid", pa.string()),
        ("media_uuid", pa.string()),
        ("source", pa.string()),
        ("start", pa.float64()),
        ("duration", pa.float64()),
        ("fold", pa.int32()),
        ("num_samples", pa.int32()),
        ("num_images", pa.int32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("loudness", pa.float32()),
        ("motion", pa.float32()),
        ("sound_fingerprint", pa.binary()),
        ("image_fingerprint", pa.binary()),
    ]
)

AUDIO_SCHEMA = pa.schema(
    [("uuid", pa.string()), ("samples", pa.large_list(pa.field("item", pa.int16(), nullable=False)))]
)

CLASS_SCHEMA = pa.schema(
    [
        ("teacher", pa.string()),
        ("class_index", pa.int32()),
        ("name", pa.string()),
        ("id", pa.string()),
        ("sense", pa.string()),
        ("vocabulary_index", pa.int32()),
        ("count", pa.int64()),
    ]
)

LABEL_SCHEMA = pa.schema(
    [
        ("uuid", pa.string()),
        ("classes", pa.list_(pa.int32())),
        ("probabilities", pa.list_(pa.float32())),
        ("item_classes", pa.list_(pa.list_(pa.int32()))),
        ("item_probabilities", pa.list_(pa.list_(pa.float32()))),
    ]
)

REJECTION_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("start", pa.float64()),
        ("duration", pa.float64()),
        ("reason", pa.string()),
        ("detail", pa.string()),
    ]
)


SOURCE_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("list", pa.string()),
        ("format", pa.string()),
        ("line", pa.int64()),
        ("id", pa.string()),
        ("url", pa.string()),
        ("listed_start", pa.float64()),
        ("listed_end", pa.float64()),
        ("labels", pa.string()),
    ]
)

MISSING_SCHEMA = pa.schema(
    [
        ("list", pa.string()),
        ("line", pa.int64()),
        ("id", pa.string()),
        ("url", pa.string()),
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("labels", pa.string()),
    ]
)


def name_media(content_digest: str) -> str:
    """Return the UUID of a media file from the hexadecimal SHA-256 of its bytes: the same file has the same UUID under any path."""
    return str(uuid_module.uuid5(NAMESPACE, f"media:{content_digest}"))


def name_clip(media_uuid: str, start: float, duration: float) -> str:
    """Return the UUID of a clip: its media and its span in whole milliseconds."""
    first, last = to_milliseconds(start), to_milliseconds(start + duration)
    return str(uuid_module.uuid5(NAMESPACE, f"clip:{media_uuid}:{first}-{last}"))
