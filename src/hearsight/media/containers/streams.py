"""What the file that knows FFmpeg passes to those that do not: decoded sound and pictures, damage, stream facts, encodings."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hearsight.media.limits import MAX_FRAME_RATE, MAX_PIXEL_ASPECT


class Sound(NamedTuple):
    """A decoded stretch of sound.

    Attributes
    ----------
    time
        When it starts, in seconds of the file's own time.
    sample_rate
        Hz.
    samples
        ``channels samples``, in the decoder's own number format.
    """

    time: float
    sample_rate: int
    samples: np.ndarray


class Picture(NamedTuple):
    """A decoded picture, not yet converted.

    Attributes
    ----------
    time
        When it is shown, in seconds of the file's own time.
    duration
        For how long in seconds; 0 where nothing is known.
    frame
        What :meth:`~hearsight.media.containers.reader.MediaReader.scale` converts; nothing else looks into it.
    """

    time: float
    duration: float
    frame: Any


class Damage(NamedTuple):
    """A span in which the sound or the pictures of a file cannot be used.

    Attributes
    ----------
    start, end
        Seconds of the file's own time.
    is_video
        Whether it is the pictures that are damaged.
    found
        What is wrong, in words.
    """

    start: float
    end: float
    is_video: bool
    found: str


@dataclasses.dataclass(frozen=True, slots=True)
class StreamFacts:
    """The header of one stream of a container; times in seconds, None where unknown, 0 where unknown or without meaning."""

    codec: str
    start: float | None
    duration: float | None
    sample_rate: int = 0
    channels: int = 0
    width: int = 0
    height: int = 0
    frame_rate: float | None = None
    pixel_aspect: float = 1.0
    """Width of a pixel over its height."""


def describe_audio(stream: Any) -> StreamFacts:
    """Return the header of an open sound stream."""
    start, duration = _find_span(stream)
    context = stream.codec_context
    return StreamFacts(context.name, start, duration, sample_rate=context.sample_rate, channels=context.channels)


def describe_video(stream: Any) -> StreamFacts:
    """Return the header of an open picture stream."""
    start, duration = _find_span(stream)
    context, rate, aspect = stream.codec_context, stream.guessed_rate or stream.average_rate, stream.sample_aspect_ratio
    return StreamFacts(
        context.name,
        start,
        duration,
        width=context.width,
        height=context.height,
        frame_rate=float(rate) if rate and 0.0 < rate <= MAX_FRAME_RATE else None,
        pixel_aspect=float(aspect) if aspect and 1.0 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT else 1.0,
    )


def _find_span(stream: Any) -> tuple[float | None, float | None]:
    start, duration, unit = stream.start_time, stream.duration, stream.time_base
    return (
        None if start is None else float(start * unit),
        None if duration is None or duration <= 0 else float(duration * unit),
    )


@dataclasses.dataclass(frozen=True)
class Encoding:
    """How :func:`~hearsight.media.containers.writer.write_video` encodes.

    Attributes
    ----------
    video_codec, audio_codec
        FFmpeg's names of the encoders.
    crf
        x264's constant quality: 18 is nearly transparent, 40 is poor.
    preset
        How much work x264 puts into it, ``ultrafast`` to ``veryslow``.
    audio_bit_rate
        Bits per second of a lossy audio codec.
    rotation
        Degrees counter-clockwise by which players are to turn the pictures, as a phone writes it.
    times
        When each picture is shown (seconds, rising), where they are not evenly spaced.
    sound_start
        Seconds between the start of the file and its first sample.
    container_options
        FFmpeg's options of the container, such as ``{"movflags": "faststart"}`` for an index in front.
    picture_options
        FFmpeg's options of the encoder of pictures, such as ``{"g": "25"}`` for a key frame every 25 pictures.
    """

    video_codec: str = "libx264"
    audio_codec: str = "aac"
    crf: int = 23
    preset: str = "medium"
    audio_bit_rate: int = 128_000
    rotation: int = 0
    times: Sequence[float] | None = None
    sound_start: float = 0.0
    container_options: Mapping[str, str] | None = None
    picture_options: Mapping[str, str] | None = None
