"""Media in, clips out: consecutive windows, and what becomes of the rest after the last whole one.

Every span of a media file ends up in exactly one clip or one rejection.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media.decode import DecodedClip, ImageRequest, decode_windows
from hearsight.records import Media, Rejection, RejectReason
from hearsight.units import to_samples

Tail = Literal["share", "merge", "drop", "keep"]

SHORTEST_KEPT = 1.0
"""Seconds that a rest must have to be kept as a clip of its own by the policy ``keep``."""

MAX_SHARING_CLIPS = 2
"""Clips before a rest that it may be shared out with."""

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
        What becomes of the rest after the last whole clip, as :func:`plan_tail` says.
    images_per_second, requests
        Pictures wanted, as :func:`~hearsight.media.decode.decode_windows` takes them.

    Yields
    ------
    DecodedClip or Rejection
        In order of time; together they cover the media's span once, but for less than a millisecond at its end. Whatever is
        wrong with the file is a rejection, nothing is raised.
    """
    held: deque[DecodedClip] = deque()
    rest: DecodedClip | None = None
    trouble: MediaError | None = None
    end = media.start
    try:
        for window in decode_windows(media, length=length, images_per_second=images_per_second, requests=requests):
            if window.duration < length - _CLOSE:
                rest = window
                continue
            end = window.start + window.duration
            held.append(window)
            if len(held) > MAX_SHARING_CLIPS:
                yield held.popleft()
    except MediaError as error:
        trouble = error
    if rest is not None:
        place = plan_tail(rest.duration, len(held), length, min_length, max_length, tail)
        if place.num_clips:
            untouched = len(held) - place.num_before
            yield from (held.popleft() for _ in range(untouched))
            yield from split_clips_evenly([*held, rest], place.num_clips, images_per_second)
            held.clear()
            end, rest = rest.start + rest.duration, None
    yield from held
    rejection = _reject_end(media, end, rest, trouble)
    if rejection is not None:
        yield rejection


@dataclasses.dataclass(frozen=True)
class TailPlan:
    """What becomes of a rest: it and the last ``num_before`` clips become ``num_clips`` clips of equal length; 0 drops it."""

    num_before: int
    num_clips: int


def plan_tail(
    rest: float, num_before: int, length: float, min_length: float, max_length: float, tail: Tail
) -> TailPlan:
    """Say what becomes of the rest after the last whole clip.

    A rest of at least ``min_length`` is a clip of its own. A shorter one is

    - ``share``: shared out with the one or two clips before it, so that all of them stay within ``min_length`` and
      ``max_length``: 4 + 4 + 2 s become 4 + 3 + 3, and 4 + 4 + 1.5 s become 4.75 + 4.75;
    - ``merge``: merged into the clip before it, where the two stay within ``max_length``;
    - ``keep``: kept as it is, where it has at least a second;
    - dropped otherwise, or where there is no way to do so.

    Parameters
    ----------
    rest
        Seconds left, less than ``length``.
    num_before
        Clips of ``length`` before it, as far as they can still be changed.
    """
    if rest >= min_length - _CLOSE or (tail == "keep" and rest >= SHORTEST_KEPT - _CLOSE):
        return TailPlan(0, 1)
    most = {"share": MAX_SHARING_CLIPS, "merge": 1}.get(tail, 0)
    for before in range(1, min(most, num_before) + 1):
        total = before * length + rest
        for num_clips in (before, before + 1) if tail == "share" else (before,):
            if min_length - _CLOSE <= total / num_clips <= max_length + _CLOSE:
                return TailPlan(before, num_clips)
    return TailPlan(0, 0)


def split_clips_evenly(
    pieces: Sequence[DecodedClip], num_clips: int, images_per_second: float
) -> Iterator[DecodedClip]:
    """Make clips of equal length, to the millisecond, of clips that follow each other; no sample or picture is lost."""
    whole = functools.reduce(join_clips, pieces)
    shots = np.concatenate(
        [piece.start + (np.arange(len(piece.thumbnails)) + 0.5) / images_per_second for piece in pieces]
    )
    inner = [whole.start + math.floor(1000.0 * whole.duration * k / num_clips) / 1000.0 for k in range(1, num_clips)]
    bounds = [whole.start, *inner, whole.start + whole.duration]
    places = [to_samples(bound - whole.start) for bound in bounds[:-1]] + [len(whole.samples)]
    cuts = [0, *np.searchsorted(shots, inner).tolist(), len(shots)]
    for index in range(num_clips):
        duration = bounds[index + 1] - bounds[index]
        chosen = slice(cuts[index], cuts[index + 1])
        yield dataclasses.replace(
            whole,
            start=bounds[index],
            duration=duration,
            samples=whole.samples[places[index] : places[index + 1]],
            thumbnails=whole.thumbnails[chosen],
            images=tuple(images[chosen] for images in whole.images),
            seconds_filled=whole.seconds_filled * duration / whole.duration,
        )


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


def _reject_end(media: Media, end: float, rest: DecodedClip | None, trouble: MediaError | None) -> Rejection | None:
    """Say why what lies after ``end``, where the last clip ends, is no clip; None where nothing does.

    Where a file breaks off, that is the reason for the rest before the break too.
    """
    if isinstance(trouble, BrokenMediaError):
        duration = None if trouble.end is None else max(0.0, trouble.end - end)
        return Rejection(media.path, end, duration, RejectReason(trouble.reason), trouble.found)
    if trouble is not None:
        duration = None if media.duration is None else max(0.0, media.duration - media.start)
        return Rejection(media.path, media.start, duration, RejectReason(trouble.reason), trouble.found)
    if rest is not None and end > media.start:
        found = f"{rest.duration:.3f} s are left after the last clip"
        return Rejection(media.path, rest.start, rest.duration, RejectReason.SHORT_TAIL, found)
    if rest is not None:
        found = f"{rest.duration:.3f} s are all there is"
        return Rejection(media.path, rest.start, rest.duration, RejectReason.TOO_SHORT, found)
    if end <= media.start:
        reason = RejectReason.BROKEN_STREAM if media.duration is None else RejectReason.TOO_SHORT
        return Rejection(media.path, media.start, 0.0, reason, f"nothing can be decoded from {media.start:.2f} s on")
    return None
