"""From media to clips: consecutive windows, and what becomes of the rest after the last whole one.

Every span of a media file is part of exactly one clip or one rejection.
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
from hearsight.units import SAMPLE_RATE, to_samples

Tail = Literal["share", "merge", "drop", "keep"]

SHORTEST_KEPT = 1.0
"""Seconds that a rest must have to be kept as a separate clip by the policy ``keep``."""

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
    sample_rate: int = SAMPLE_RATE,
) -> Iterator[DecodedClip | Rejection]:
    """Cut a media file into clips, in one decode pass.

    Parameters
    ----------
    media
        As :func:`~hearsight.media.info.read_media` returns it.
    length
        Seconds of a clip.
    min_length, max_length, tail
        What becomes of the rest after the last whole clip, as :func:`plan_tail` decides.
    images_per_second, requests, sample_rate
        Pictures and samples wanted, as :func:`~hearsight.media.decode.decode_windows` takes them.

    Yields
    ------
    DecodedClip or Rejection
        In order of time; together they cover the media's span once, except for less than a millisecond at its end. Whatever is
        wrong with the file becomes a rejection: of the windows that damage touches, or of all that is left. Nothing is raised.
    """
    cutter = _Cutter(media, length, min_length, max_length, tail, images_per_second)
    trouble: MediaError | None = None
    try:
        windows = decode_windows(
            media, length=length, images_per_second=images_per_second, requests=requests, sample_rate=sample_rate
        )
        for window in windows:
            yield from cutter.add(window)
    except MediaError as error:
        trouble = error
    yield from cutter.finish(trouble)


class _Cutter:
    """Turn windows into clips and rejections, with so many clips held as the tail may be shared out with."""

    def __init__(
        self, media: Media, length: float, min_length: float, max_length: float, tail: Tail, images_per_second: float
    ) -> None:
        self._media = media
        self._length, self._limits = length, (min_length, max_length)
        self._tail: Tail = tail
        self._images_per_second = images_per_second
        self._held: deque[DecodedClip] = deque()
        self._rest: DecodedClip | None = None
        self._damaged: Rejection | None = None
        self._end = media.start

    def add(self, window: DecodedClip) -> Iterator[DecodedClip | Rejection]:
        """Add the next window; only the last one is shorter than the others."""
        if window.damage:
            yield from self._held
            self._held.clear()
            self._reject(window)
        elif window.duration < self._length - _CLOSE:
            self._rest = window
        else:
            yield from self._pop_damaged()
            self._end = window.start + window.duration
            self._held.append(window)
            if len(self._held) > MAX_SHARING_CLIPS:
                yield self._held.popleft()

    def finish(self, trouble: MediaError | None) -> Iterator[DecodedClip | Rejection]:
        """Return what is left after the last window; ``trouble`` is why there is no more, where it should have been."""
        if isinstance(trouble, BrokenMediaError) and self._damaged is not None and self._rest is None:
            until = None if trouble.end is None else max(0.0, trouble.end - self._damaged.start)
            yield dataclasses.replace(self._damaged, duration=until)
            return
        yield from self._pop_damaged()
        if self._rest is not None:
            yield from self._place(self._rest)
        yield from self._held
        rejection = _reject_end(self._media, self._end, self._rest, trouble)
        if rejection is not None:
            yield rejection

    def _place(self, rest: DecodedClip) -> Iterator[DecodedClip]:
        """Make clips of the rest and those before it, where the policy finds a way to."""
        shortest, longest = self._limits
        plan = plan_tail(rest.duration, len(self._held), self._length, shortest, longest, self._tail)
        if not plan.num_clips:
            return
        untouched = len(self._held) - plan.num_before
        yield from (self._held.popleft() for _ in range(untouched))
        yield from split_clips_evenly([*self._held, rest], plan.num_clips, self._images_per_second)
        self._held.clear()
        self._end, self._rest = rest.start + rest.duration, None

    def _reject(self, window: DecodedClip) -> None:
        """Add a damaged window to the run of those before it."""
        self._end = window.start + window.duration
        if self._damaged is None:
            reason = RejectReason.BROKEN_STREAM
            self._damaged = Rejection(self._media.path, window.start, window.duration, reason, window.damage)
        else:
            self._damaged = dataclasses.replace(self._damaged, duration=self._end - self._damaged.start)

    def _pop_damaged(self) -> Iterator[Rejection]:
        if self._damaged is not None:
            yield self._damaged
            self._damaged = None


@dataclasses.dataclass(frozen=True)
class TailPlan:
    """What becomes of a rest: it and the last ``num_before`` clips become ``num_clips`` clips of equal length; 0 drops it."""

    num_before: int
    num_clips: int


def plan_tail(
    rest: float, num_before: int, length: float, min_length: float, max_length: float, tail: Tail
) -> TailPlan:
    """Decide what becomes of the rest after the last whole clip.

    A rest of at least ``min_length`` is a separate clip. A shorter one is

    - ``share``: shared out with the one or two clips before it, so that all of them stay within ``min_length`` and
      ``max_length``: 4 + 4 + 2 s become 4 + 3 + 3, and 4 + 4 + 1.5 s become 4.75 + 4.75;
    - ``merge``: merged into the clip before it, where the two stay within ``max_length``;
    - ``keep``: kept as it is, where it has at least a second;
    - dropped otherwise, or if there is no way to do so.

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
    places = [to_samples(bound - whole.start, whole.sample_rate) for bound in bounds[:-1]] + [len(whole.samples)]
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
    """Return why what lies after ``end``, where the last clip ends, is no clip; None where nothing lies there.

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
