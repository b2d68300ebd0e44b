"""Which of a file's streams are its sound and its pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_STILL_CODECS = frozenset({"png", "apng", "mjpeg", "bmp", "gif", "tiff", "webp", "jpegls", "jpeg2000"})
"""Codecs of covers; also of some films, so that they only decide between streams that are equal otherwise."""

_MOVING = 2
"""Pictures that a stream must have to be more than a cover."""


def list_usable(streams: Sequence[Any], covers: int) -> list[Any]:
    """Return the streams that can be decoded and are not marked as covers.

    Parameters
    ----------
    streams
        PyAV's streams of one kind.
    covers
        The dispositions of covers, as bits.
    """
    return [stream for stream in streams if stream.codec_context is not None and not stream.disposition & covers]


def choose_stream(streams: Sequence[Any], default: int, num_packets: Mapping[int, int] | None = None) -> Any:
    """Return the stream that players choose; None if there is none.

    A stream of a single picture is a cover, whatever it is marked as, and is never chosen. Of the others it is one that is marked
    as default, else one that is not of a codec of stills, else the first.

    Parameters
    ----------
    streams
        The usable streams of one kind.
    default
        The disposition of default streams, as a bit.
    num_packets
        How many packets of each stream, by index, there are at least, where they were counted.
    """
    moving = [stream for stream in streams if not _is_cover(stream, num_packets or {})]
    return max(
        moving,
        key=lambda s: (bool(s.disposition & default), s.codec_context.name not in _STILL_CODECS, -s.index),
        default=None,
    )


def needs_counting(streams: Sequence[Any]) -> bool:
    """Return whether packets must be counted to distinguish films from covers: several streams, some of unknown length."""
    return len(streams) > 1 and any(not stream.frames for stream in streams)


def _is_cover(stream: Any, num_packets: Mapping[int, int]) -> bool:
    if stream.type != "video":
        return False
    counted = num_packets.get(stream.index)
    return stream.frames == 1 or (counted is not None and counted < _MOVING <= max(num_packets.values()))
