"""What is found in a recording: tags of the whole file or of each segment, or events. Memory does not grow with its length."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float

from hearsight.detection.classes import ClassThreshold, resolve_thresholds, select_classes
from hearsight.detection.events import EventDetector, EventRule, Events, cut_to_top, iterate_events, join_events
from hearsight.errors import MediaError, UsageError
from hearsight.listening.outputs import SegmentOutputs
from hearsight.listening.tags import TagSelection, choose_classes
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.records import Tag

Unit = Literal["file", "segments", "events"]
"""What a row is about."""
TOP = 5
"""Classes of a file or of a segment, unless something else is asked for; of events, all."""
EVENT_THRESHOLD = 0.5
"""Upper threshold of events, unless something else is asked for."""


@dataclasses.dataclass(frozen=True)
class TagOptions:
    """What is looked for in recordings.

    Parameters
    ----------
    unit
        ``file``: the mean over the whole file; ``segments``: each segment; ``events``: see :mod:`hearsight.detection.events`.
    top
        Most classes of a file or of a segment; None for 5, and for all where events are found.
    threshold
        Smallest probability; the upper threshold of events. None for 0, and for 0.5 where events are found.
    sense
        As in :class:`~hearsight.listening.tags.TagSelection`.
    include, exclude
        Names of wanted and of unwanted classes; all are wanted where the first is empty.
    thresholds
        Thresholds of single classes.
    low, median, least, gap
        Of events, as in :class:`~hearsight.detection.events.EventRule`.
    hop
        Seconds from the start of one segment to the start of the next; None for the network's own.

    Raises
    ------
    UsageError
        When a value is out of its range.
    """

    unit: Unit = "file"
    top: int | None = None
    threshold: float | None = None
    sense: Literal["heard", "seen", "all"] | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    thresholds: Mapping[str, ClassThreshold] = dataclasses.field(default_factory=dict[str, ClassThreshold])
    low: float | None = None
    median: int = 1
    least: float = 0.0
    gap: float = 0.0
    hop: float | None = None

    def __post_init__(self) -> None:
        TagSelection(self.top, self.threshold, sense=self.sense)
        self.make_rule()
        if self.hop is not None and not self.hop > 0.0:
            raise UsageError("hop", f"{self.hop:g} s", "more than 0")
        shaped = {"low": self.low is not None, "median": self.median != 1, "least": self.least, "gap": self.gap}
        if self.unit != "events" and any(shaped.values()):
            names = ", ".join(name for name, used in shaped.items() if used)
            raise UsageError(names, f"with tags of {self.unit}", "events", "add --events")

    def make_rule(self) -> EventRule:
        """Return the rule by which events are found."""
        default = EVENT_THRESHOLD if self.unit == "events" else 0.0
        threshold = default if self.threshold is None else self.threshold
        return EventRule(threshold, self.low, self.median, self.least, self.gap)

    @property
    def most_classes(self) -> int | None:
        """Most classes of a file or of a segment; None for all."""
        return TOP if self.top is None and self.unit != "events" else self.top

    def compute_digest(self) -> str:
        """Return a SHA-256 of every option."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()


class Detector:
    """Finds tags or events in the outputs of a network.

    Parameters
    ----------
    vocabulary, classes
        Names of the network's classes and where they come from; the latter is empty if it is unknown.
    options
        What is looked for.

    Attributes
    ----------
    end
        Seconds of the last recording.
    shortest
        Seconds of its shortest segment.

    Raises
    ------
    UsageError
        When the network has no classes, a name is no class, or no class is left.
    """

    def __init__(self, vocabulary: Sequence[str], classes: Sequence[ClassOrigin], options: TagOptions) -> None:
        if not vocabulary:
            hint = "hearsight embed returns its embeddings, hearsight evaluate fits classes to them"
            raise UsageError("model", "no trained classes: it was published for its embeddings", "classes", hint)
        self._vocabulary, self._classes, self._options = tuple(vocabulary), tuple(classes), options
        chosen = choose_classes(len(vocabulary), classes, options.sense)
        self._chosen = select_classes(vocabulary, chosen, options.include, options.exclude)
        names = [self._vocabulary[index] for index in self._chosen.tolist()]
        self._highs, self._lows = resolve_thresholds(names, options.make_rule(), options.thresholds)
        self.end = 0.0
        self.shortest = np.inf

    def detect(self, outputs: Iterable[SegmentOutputs], path: str) -> Iterator[list[Tag]]:
        """Return the rows of one recording part by part, sorted by time.

        Raises
        ------
        MediaError
            What the outputs raise. What was found before it comes first, except for tags of the whole file.
        """
        self.end, self.shortest = 0.0, np.inf
        watched = self._watch(outputs)
        if self._options.unit == "segments":
            for part in watched:
                yield self._tag_segments(part, path)
        elif self._options.unit == "file":
            yield self._tag_file(watched, path)
        else:
            yield from self._find_events(watched, path)

    def _watch(self, outputs: Iterable[SegmentOutputs]) -> Iterator[SegmentOutputs]:
        for part in outputs:
            self.end = part.end
            self.shortest = min(self.shortest, float(part.durations[0]))
            yield part

    def _tag_segments(self, part: SegmentOutputs, path: str) -> list[Tag]:
        values = part.probabilities[:, self._chosen]
        return [
            tag
            for start, duration, row in zip(part.starts.tolist(), part.durations.tolist(), values, strict=True)
            for tag in self._name(path, start, duration, row)
        ]

    def _tag_file(self, outputs: Iterable[SegmentOutputs], path: str) -> list[Tag]:
        total, weight = np.zeros(len(self._chosen)), 0.0
        for part in outputs:
            total += part.weights @ part.probabilities[:, self._chosen].astype(np.float64)
            weight += float(part.weights.sum())
        return self._name(path, 0.0, self.end, total / weight)

    def _find_events(self, outputs: Iterable[SegmentOutputs], path: str) -> Iterator[list[Tag]]:
        found = EventDetector(self._highs, self._lows, self._options.make_rule())
        events = join_events([])
        error: MediaError | None = None
        try:
            for part in outputs:
                values = cut_to_top(part.probabilities[:, self._chosen], self._options.most_classes)
                new = found.push(part.starts, part.starts + part.durations, values)
                # joined in one go: as columns, the events of ten hours are a few megabytes
                events = join_events([events, new]) if len(new.starts) else events
        except MediaError as damage:
            error = damage
        events = join_events([events, found.finish()]).sort()
        for first in range(0, len(events.starts), 1024):
            yield self._name_events(events, slice(first, first + 1024), path)
        if error is not None:
            raise error

    def _name_events(self, events: Events, rows: slice, path: str) -> list[Tag]:
        part = Events(*(getattr(events, field.name)[rows] for field in dataclasses.fields(events)))
        return [
            self._make_tag(path, start, end - start, index, peak) for index, start, end, peak in iterate_events(part)
        ]

    def _name(self, path: str, start: float, duration: float, row: Float[np.ndarray, " chosen"]) -> list[Tag]:
        order = np.argsort(-row, kind="stable")[: self._options.most_classes]
        good = order[row[order] >= self._highs[order]]
        return [self._make_tag(path, start, duration, index, float(row[index])) for index in good.tolist()]

    def _make_tag(self, path: str, start: float, duration: float, index: int, probability: float) -> Tag:
        place = int(self._chosen[index])
        origin = self._classes[place] if self._classes else None
        sense, teacher = (None, None) if origin is None else (origin.sense, origin.teacher)
        return Tag(path, start, duration, self._vocabulary[place], probability, sense, teacher)
