"""Detections counted by class and time: hours of the day, hours, or days, by the times in the names of the recordings."""

from __future__ import annotations

import dataclasses
import datetime
import functools
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from hearsight.detection.formats.reading import read_detections
from hearsight.detection.time_stamps import parse_time

Unit = Literal["hour", "day", "hour-of-day"]
"""What detections are counted by: each hour of each day, each day, or the 24 hours of all days together."""
UNITS: tuple[Unit, ...] = ("hour", "day", "hour-of-day")
_STEP = {"hour": datetime.timedelta(hours=1), "day": datetime.timedelta(days=1)}
_FORMAT = {"hour": "%Y-%m-%d %H:00", "day": "%Y-%m-%d"}
MOST_GAPS = 2000
"""Columns up to which empty ones are listed, too."""


@dataclasses.dataclass(frozen=True)
class Counts:
    """How often each class was detected, and when.

    Attributes
    ----------
    classes
        Names, the most frequent first.
    times
        Names of the columns, in order and without gaps: a column without detections is there, too.
    values
        Detections.
    without_time
        Detections in recordings whose names have no time, by class; they are in no column.
    """

    classes: tuple[str, ...]
    times: tuple[str, ...]
    values: Int64[np.ndarray, "classes times"]
    without_time: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight counts --json`` prints."""
        return {
            "times": list(self.times),
            "classes": {name: row.tolist() for name, row in zip(self.classes, self.values, strict=True)},
            "without_time": self.without_time,
        }


class TimeCounter:
    """Counts detections; memory grows with classes and times, not with detections.

    Parameters
    ----------
    unit
        What is counted by.
    """

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._found: Counter[tuple[str, datetime.datetime | int]] = Counter()
        self._without: Counter[str] = Counter()

    def add(self, path: str, starts: Iterable[float], names: Iterable[str]) -> None:
        """Add detections of one recording: where each starts in seconds, and its class."""
        begin = _parse(path)
        for start, name in zip(starts, names, strict=True):
            if begin is None:
                self._without[name] += 1
            else:
                self._found[name, self._place(begin + datetime.timedelta(seconds=start))] += 1

    def finish(self, top: int | None = None) -> Counts:
        """Return the counts of the most frequent classes; None for all."""
        totals: Counter[str] = Counter()
        for (name, _), count in self._found.items():
            totals[name] += count
        for name, count in self._without.items():
            totals[name] += count
        classes = [name for name, _ in sorted(totals.items(), key=lambda pair: (-pair[1], pair[0]))][:top]
        places = self._list_places()
        values = np.array([[self._found[name, place] for place in places] for name in classes], np.int64)
        without = {name: self._without[name] for name in classes if self._without[name]}
        times = tuple(self._name(place) for place in places)
        return Counts(tuple(classes), times, values.reshape(len(classes), len(places)), without)

    def _place(self, time: datetime.datetime) -> datetime.datetime | int:
        if self._unit == "hour-of-day":
            return time.hour
        return time.replace(hour=0 if self._unit == "day" else time.hour, minute=0, second=0, microsecond=0)

    def _list_places(self) -> list[Any]:
        """Return all columns; where recordings are years apart, only those with detections."""
        if self._unit == "hour-of-day":
            return list(range(24)) if self._found else []
        found = sorted({place for _, place in self._found if isinstance(place, datetime.datetime)})
        if not found or (found[-1] - found[0]) / _STEP[self._unit] > MOST_GAPS:
            return found
        count = round((found[-1] - found[0]) / _STEP[self._unit]) + 1
        return [found[0] + number * _STEP[self._unit] for number in range(count)]

    def _name(self, place: datetime.datetime | int) -> str:
        return f"{place:02d}:00" if isinstance(place, int) else place.strftime(_FORMAT[self._unit])


def count_tables(tables: Sequence[Path], unit: Unit, threshold: float = 0.0, top: int | None = None) -> Counts:
    """Count the detections of tables that ``hearsight tag`` wrote.

    Parameters
    ----------
    tables
        CSV, JSON lines or Parquet.
    unit
        What is counted by.
    threshold
        Smallest probability.
    top
        Most classes; None for all.

    Raises
    ------
    TableError
        When a table cannot be read.
    """
    counter = TimeCounter(unit)
    for path in tables:
        for part in read_detections(path):
            _add(counter, part, threshold)
    return counter.finish(top)


def _add(counter: TimeCounter, part: pa.Table, threshold: float) -> None:
    chosen = part.filter(pa.array(part["probability"].fill_null(1.0).to_numpy() >= threshold))
    starts = chosen["start"].fill_null(0.0).to_pylist()
    for path, start, name in zip(chosen["path"].to_pylist(), starts, chosen["class"].to_pylist(), strict=True):
        counter.add(path or "", [start], [name])


@functools.lru_cache(maxsize=4096)
def _parse(path: str) -> datetime.datetime | None:
    return parse_time(path)
