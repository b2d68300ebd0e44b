"""Media in, clips out: consecutive windows, and what becomes of the rest after the last whole one.

Every span of a media file ends up in exactly one clip or one rejection.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media.decode import DecodedClip, ImageRequest, decode_windows
from hearsight.records import Media, Rejection, RejectReason

Tail = Literal["merge", "drop", "keep"]

SHORTEST_KEPT = 1.0
"""Seconds that a rest must have to be kept as a clip of its own by the policy ``keep``."""

_CLOSE = 1e-6
"""Seconds within which two lengths are the same."""


def cut_media(
    media: Media,
    *,
    length: float,
    min_length: float,
    max_length: float,
    tail: Tail,
    images_per_second: float,
    requests: Sequence[ImageRequest],
) -> Iterator[DecodedClip | Rejection]:
    """Cut a media file into clips, in one decode pass.

    Parameters
    ----------
    media
        As :func:`~hearsight.media.info.read_media` gives it.
    length
        Seconds of a clip.
    min_length, max_length, tail
        What becomes of the rest after the last whole clip, as :func:`place_rest` says.
    images_per_second, requests
        Pictures wanted, as :func:`~hearsight.media.decode.decode_windows` takes them.

    Yields
    ------
    DecodedClip or Rejection
        In order of time; together they cover the media's span once, but for less than a millisecond at its end. Whatever is
        wrong with the file is a rejection, nothing is raised.
    """
    held: DecodedClip | None = None
    trouble: MediaError | None = None
    end = media.start
    windows = decode_windows(media, length=length, images_per_second=images_per_second, requests=requests)
    try:
        for window in windows:
            end = window.start + window.duration
            if window.duration >= length - _CLOSE:
                if held is not None:
                    yield held
                held = window
            else:
                yield from _settle(
                    media, held, window, place_rest(window.duration, length, min_length, max_length, tail)
                )
                held = None
    except MediaError as error:
        trouble = error
    if held is not None:
        yield held
    if trouble is not None:
        yield _reject(media, trouble, end)
    elif end <= media.start:
        yield Rejection(media.path, media.start, 0.0, RejectReason.TOO_SHORT, "nothing lies in its span")


def place_rest(
    rest: float, length: float, min_length: float, max_length: float, tail: Tail
) -> Literal["clip", "merge", "drop"]:
    """Say what becomes of the rest after the last whole clip.

    A rest of at least ``min_length`` is a clip of its own. A shorter one is merged into the clip before it where the two stay
    within ``max_length`` (``merge``), kept where it has at least a second (``keep``), and dropped otherwise. With no clip before
    it, what would be merged is dropped.

    Parameters
    ----------
    rest
        Seconds left, less than ``length``.
    """
    if rest >= min_length - _CLOSE:
        return "clip"
    if tail == "merge" and length + rest <= max_length + _CLOSE:
        return "merge"
    if tail == "keep" and rest >= SHORTEST_KEPT - _CLOSE:
        return "clip"
    return "drop"


def _settle(
    media: Media, before: DecodedClip | None, rest: DecodedClip, place: Literal["clip", "merge", "drop"]
) -> Iterator[DecodedClip | Rejection]:
    if place == "merge" and before is not None:
        yield join_clips(before, rest)
        return
    if before is not None:
        yield before
    if place == "clip":
        yield rest
        return
    reason = RejectReason.SHORT_TAIL if rest.start > media.start else RejectReason.TOO_SHORT
    what = "are left after the last clip" if reason is RejectReason.SHORT_TAIL else "are all there is"
    yield Rejection(media.path, rest.start, rest.duration, reason, f"{rest.duration:.3f} s {what}")


def join_clips(first: DecodedClip, second: DecodedClip) -> DecodedClip:
    """Make one clip of two that follow each other."""
    return dataclasses.replace(
        first,
        duration=second.start + second.duration - first.start,
        samples=np.concatenate([first.samples, second.samples]),
        thumbnails=np.concatenate([first.thumbnails, second.thumbnails]),
        images=tuple(np.concatenate(pair) for pair in zip(first.images, second.images, strict=True)),
        longest_hold=max(first.longest_hold, second.longest_hold),
        seconds_filled=first.seconds_filled + second.seconds_filled,
    )


def _reject(media: Media, error: MediaError, end: float) -> Rejection:
    """Make a rejection of what is wrong with a media file after ``end``."""
    reason = RejectReason(error.reason)
    if not isinstance(error, BrokenMediaError):
        duration = None if media.duration is None else max(0.0, media.duration - media.start)
        return Rejection(media.path, media.start, duration, reason, error.found)
    duration = None if error.end is None else max(0.0, error.end - end)
    return Rejection(media.path, end, duration, reason, error.found)
