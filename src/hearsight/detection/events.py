"""Events from the probabilities of successive segments: pure functions of arrays, in one pass and in constant memory.

For each class the steps are, in this order:

1. a **median filter** over an odd number of segments, which removes single outliers;
2. **hysteresis**: a stretch of segments at or above the lower threshold, of which at least one reaches the upper one;
3. **bridging**: stretches whose gap is at most some seconds become one event;
4. a **least duration**: shorter events are dropped.

An event lasts from the start of its first segment to the end of its last one, and has the highest probability of its segments,
after the filter. Where segments overlap, stretches that overlap or touch are one event.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64
from scipy.ndimage import median_filter

from hearsight.errors import UsageError

TOLERANCE = 1e-9
"""Seconds by which times may differ that are computed from the same samples."""
LONGEST_MEDIAN = 1001
"""Segments of the longest median filter."""


@dataclasses.dataclass(frozen=True)
class EventRule:
    """How probabilities become events.

    Parameters
    ----------
    threshold
        Upper threshold, from 0 to 1: an event reaches it.
    low
        Lower threshold: an event lasts as long as its class stays at or above it. None for the upper one, without hysteresis.
    median
        Segments of the median filter, an odd number; 1 for none.
    least
        Seconds that an event must last.
    gap
        Longest gap between two stretches that become one event, in seconds.

    Raises
    ------
    UsageError
        When a value is out of its range.
    """

    threshold: float = 0.5
    low: float | None = None
    median: int = 1
    least: float = 0.0
    gap: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.threshold <= 1.0:
            raise UsageError("threshold", f"{self.threshold:g}", "a probability, from 0 to 1")
        if self.low is not None and not 0.0 <= self.low <= self.threshold:
            raise UsageError("low", f"{self.low:g}", f"a probability, from 0 to the threshold {self.threshold:g}")
        if not (1 <= self.median <= LONGEST_MEDIAN and self.median % 2):
            raise UsageError("median", f"{self.median} segments", f"an odd number, from 1 to {LONGEST_MEDIAN}")
        for name, value in (("least", self.least), ("gap", self.gap)):
            if not 0.0 <= value < np.inf:
                raise UsageError(name, f"{value:g} s", "seconds, 0 or more")

    @property
    def lower(self) -> float:
        """The lower threshold."""
        return self.threshold if self.low is None else self.low


@dataclasses.dataclass(frozen=True)
class Events:
    """Events as columns: the index of the class, start and end in seconds, and the highest probability."""

    classes: Int64[np.ndarray, " events"]
    starts: Float64[np.ndarray, " events"]
    ends: Float64[np.ndarray, " events"]
    peaks: Float64[np.ndarray, " events"]

    def sort(self) -> Events:
        """Return the events by start, then end, then class."""
        order = np.lexsort((self.classes, self.ends, self.starts))
        return Events(self.classes[order], self.starts[order], self.ends[order], self.peaks[order])


def find_events(
    starts: Float64[np.ndarray, " segments"],
    ends: Float64[np.ndarray, " segments"],
    probabilities: Float[np.ndarray, "segments classes"],
    rule: EventRule,
) -> Events:
    """Return the events of a whole sound, sorted by start.

    Parameters
    ----------
    starts, ends
        Of the segments, in seconds; both rise.
    probabilities
        Of each class in each segment.
    rule
        How probabilities become events.
    """
    classes = probabilities.shape[1]
    detector = EventDetector(np.full(classes, rule.threshold), np.full(classes, rule.lower), rule)
    found = [detector.push(starts, ends, probabilities), detector.finish()]
    return join_events(found).sort()


def join_events(parts: Iterable[Events]) -> Events:
    """Join events in the order of the parts."""
    some = list(parts)
    classes = [part.classes for part in some]
    columns = [[getattr(part, name) for part in some] for name in ("starts", "ends", "peaks")]
    joined = [np.concatenate([np.zeros(0), *column]) for column in columns]
    return Events(np.concatenate([np.zeros(0, np.int64), *classes]), *joined)


class EventDetector:
    """Finds the events of a sound whose segments come block by block.

    The result does not depend on how the segments are divided into blocks. Memory is bounded by the median filter and by some
    numbers per class.

    Parameters
    ----------
    highs, lows
        The thresholds of each class.
    rule
        Median filter, least duration and gap; its thresholds are not used.
    """

    def __init__(
        self, highs: Float64[np.ndarray, " classes"], lows: Float64[np.ndarray, " classes"], rule: EventRule
    ) -> None:
        self._highs, self._lows, self._rule = highs, lows, rule
        self._filter = MedianFilter(rule.median, len(highs))
        self._times = np.zeros((0, 2))
        self._run, self._held = _Stretches(len(highs)), _Stretches(len(highs))

    def push(
        self,
        starts: Float64[np.ndarray, " segments"],
        ends: Float64[np.ndarray, " segments"],
        probabilities: Float[np.ndarray, "segments classes"],
    ) -> Events:
        """Take the next segments, and return the events that they complete, by time of completion."""
        self._times = np.concatenate([self._times, np.stack([starts, ends], axis=1)])
        return self._scan(self._filter.push(probabilities.astype(np.float64)))

    def finish(self) -> Events:
        """Return the events that are left at the end of the sound."""
        last = self._scan(self._filter.finish())
        found = self._close(self._run.active.copy())
        return join_events([last, found, self._emit(self._held.active.copy())])

    def _scan(self, values: Float64[np.ndarray, "segments classes"]) -> Events:
        times, self._times = self._times[: len(values)], self._times[len(values) :]
        found: list[Events] = []
        for (start, end), row in zip(times.tolist(), values, strict=True):
            active = row >= self._lows
            ended = self._run.active & ~active
            if ended.any():
                found.append(self._close(ended))
            self._run.extend(active, start, end, row)
            late = self._held.active & ~active & (start - self._held.ends > self._rule.gap + TOLERANCE)
            if late.any():
                found.append(self._emit(late))
        return join_events(found)

    def _close(self, ended: Bool[np.ndarray, " classes"]) -> Events:
        """End the current stretches of some classes: those that reach the upper threshold wait for a neighbour."""
        good = ended & (self._run.peaks >= self._highs)
        joined = good & self._held.active & (self._run.starts - self._held.ends <= self._rule.gap + TOLERANCE)
        found = self._emit(good & self._held.active & ~joined)
        self._held.replace(good & ~joined, self._run)
        self._held.join(joined, self._run)
        self._run.active[ended] = False
        return found

    def _emit(self, which: Bool[np.ndarray, " classes"]) -> Events:
        held = self._held
        held.active[which] = False
        chosen = np.flatnonzero(which & (held.ends - held.starts >= self._rule.least - TOLERANCE))
        return Events(chosen.astype(np.int64), held.starts[chosen], held.ends[chosen], held.peaks[chosen])


class _Stretches:
    """At most one stretch of segments per class."""

    def __init__(self, classes: int) -> None:
        self.active = np.zeros(classes, dtype=bool)
        self.starts, self.ends, self.peaks = np.zeros(classes), np.zeros(classes), np.zeros(classes)

    def extend(
        self, active: Bool[np.ndarray, " classes"], start: float, end: float, row: Float64[np.ndarray, " classes"]
    ) -> None:
        """Start or prolong the stretches of the active classes."""
        new = active & ~self.active
        self.starts[new] = start
        self.peaks[new] = 0.0
        self.ends[active] = end
        np.maximum(self.peaks, row, out=self.peaks, where=active)
        self.active |= active

    def replace(self, which: Bool[np.ndarray, " classes"], other: _Stretches) -> None:
        """Take over the stretches of some classes."""
        self.active[which] = True
        for name in ("starts", "ends", "peaks"):
            getattr(self, name)[which] = getattr(other, name)[which]

    def join(self, which: Bool[np.ndarray, " classes"], other: _Stretches) -> None:
        """Prolong the stretches of some classes by those of another."""
        self.ends[which] = np.maximum(self.ends, other.ends)[which]
        self.peaks[which] = np.maximum(self.peaks, other.peaks)[which]


class MedianFilter:
    """A median over an odd number of rows, for rows that come block by block; the first and the last row are repeated at the ends.

    Parameters
    ----------
    size
        Rows of the window.
    columns
        Numbers of a row; each column is filtered by itself.
    """

    def __init__(self, size: int, columns: int) -> None:
        self._size, self._reach = size, size // 2
        self._held = np.zeros((0, columns))
        self._started = False

    def push(self, rows: Float64[np.ndarray, "rows columns"]) -> Float64[np.ndarray, "ready columns"]:
        """Take the next rows, and return those whose window is complete."""
        if not self._reach or not len(rows):
            return rows
        if not self._started:
            self._held, self._started = np.repeat(rows[:1], self._reach, axis=0), True
        self._held = np.concatenate([self._held, rows])
        return self._take()

    def finish(self) -> Float64[np.ndarray, "ready columns"]:
        """Return the rows that are left."""
        if not self._started:
            return self._held[:0]
        self._held = np.concatenate([self._held, np.repeat(self._held[-1:], self._reach, axis=0)])
        return self._take()

    def _take(self) -> Float64[np.ndarray, "ready columns"]:
        ready = len(self._held) - self._size + 1
        if ready < 1:
            return self._held[:0]
        smooth = median_filter(self._held, size=(self._size, 1), mode="nearest")
        result = smooth[self._reach : self._reach + ready]
        self._held = self._held[ready:]
        return result


def cut_to_top(
    probabilities: Float[np.ndarray, "segments classes"], top: int | None
) -> Float[np.ndarray, "segments classes"]:
    """Return probabilities in which all but the most probable classes of each segment are 0; ties go to the first class."""
    if top is None or top >= probabilities.shape[1]:
        return probabilities
    order = np.argsort(-probabilities, axis=1, kind="stable")[:, top:]
    result = probabilities.copy()
    np.put_along_axis(result, order, 0.0, axis=1)
    return result


def iterate_events(events: Events) -> Iterator[tuple[int, float, float, float]]:
    """Return the events one by one: class, start, end, probability."""
    columns = (events.classes, events.starts, events.ends, events.peaks)
    return zip(*(column.tolist() for column in columns), strict=True)
