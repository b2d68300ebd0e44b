"""From probabilities to tags: which classes of a file are shown, and how probable they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from jaxtyping import Float, Int64

from hearsight.errors import UsageError
from hearsight.listening.outputs import SegmentOutputs
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.records import Tag

SENSES = ("heard", "seen", "all")


class Tags(list[Tag]):
    """The tags of one file, with its ``duration`` in seconds, and whether it was ``padded`` to the length of a segment."""

    def __init__(self, tags: Iterable[Tag], duration: float, padded: bool) -> None:
        super().__init__(tags)
        self.duration = duration
        self.padded = padded


@dataclasses.dataclass(frozen=True)
class TagSelection:
    """Which tags are returned.

    Parameters
    ----------
    top
        Classes of the file, or of each segment; None for all.
    threshold
        Smallest probability, from 0 to 1.
    per_segment
        Whether each segment is tagged, in order of time, instead of the whole file.
    sense
        ``heard``: classes that an audio teacher taught; ``seen``: those of a vision teacher, which may make no sound;
        ``all``: both. None for the heard ones if there are some, otherwise for all.

    Raises
    ------
    UsageError
        When a value is out of its range.
    """

    top: int | None = 5
    threshold: float | None = None
    per_segment: bool = False
    sense: Literal["heard", "seen", "all"] | None = None

    def __post_init__(self) -> None:
        if self.top is not None and self.top < 1:
            raise UsageError("top", f"{self.top}", "at least 1")
        if self.threshold is not None and not 0.0 <= self.threshold <= 1.0:
            percent = 1.0 < self.threshold <= 100.0
            hint = f"for {self.threshold:g} %, use {self.threshold / 100:g}" if percent else ""
            raise UsageError("threshold", f"{self.threshold:g}", "a probability, from 0 to 1", hint)
        if self.sense not in (None, *SENSES):
            raise UsageError("sense", f"{self.sense!r}", ", ".join(SENSES))


class Tagger:
    """Turns the outputs of a network into tags.

    Parameters
    ----------
    vocabulary, classes
        Names of the network's classes and where they come from; the latter is empty if it is unknown.
    selection
        Which tags are returned.

    Raises
    ------
    UsageError
        When no class is of the wanted sense, or the senses are unknown.
    """

    def __init__(self, vocabulary: Sequence[str], classes: Sequence[ClassOrigin], selection: TagSelection) -> None:
        self._vocabulary = tuple(vocabulary)
        self._classes = classes
        self._selection = selection
        self._chosen = choose_classes(len(vocabulary), classes, selection.sense)

    def tag(self, outputs: Iterable[SegmentOutputs], path: str) -> tuple[list[Tag], float, float]:
        """Return the tags of one file, its duration and the length of its shortest segment, in seconds."""
        total, weight, end, shortest = np.zeros(len(self._vocabulary)), 0.0, 0.0, np.inf
        tags: list[Tag] = []
        for part in outputs:
            total += part.weights @ part.probabilities.astype(np.float64)
            weight += float(part.weights.sum())
            end = part.end
            shortest = min(shortest, float(part.durations[0]))
            if self._selection.per_segment:
                for start, duration, row in zip(part.starts, part.durations, part.probabilities, strict=True):
                    tags += self._name_classes(path, float(start), float(duration), row)
        if not self._selection.per_segment:
            tags = self._name_classes(path, 0.0, end, total / weight)
        return tags, end, shortest

    def _name_classes(self, path: str, start: float, duration: float, row: Float[np.ndarray, " classes"]) -> list[Tag]:
        least = self._selection.threshold
        order = self._chosen[np.argsort(-row[self._chosen], kind="stable")][: self._selection.top]
        return [
            Tag(path, start, duration, self._vocabulary[index], float(row[index]), *self._describe(index))
            for index in order.tolist()
            if least is None or row[index] >= least
        ]

    def _describe(self, index: int) -> tuple[Literal["heard", "seen"] | None, str | None]:
        if not self._classes:
            return None, None
        return self._classes[index].sense, self._classes[index].teacher


def choose_classes(
    num_classes: int, classes: Sequence[ClassOrigin], sense: Literal["heard", "seen", "all"] | None
) -> Int64[np.ndarray, " chosen"]:
    """Return the indices of the classes of a sense; see :class:`TagSelection`.

    Raises
    ------
    UsageError
        When no class has the requested sense, or the senses are unknown.
    """
    everything = np.arange(num_classes, dtype=np.int64)
    if sense == "all" or (sense is None and not classes):
        return everything
    if not classes:
        hint = "models of earlier versions do not: train it again"
        raise UsageError(
            "sense", f"a model that does not record whether its {num_classes} classes were heard or seen", "all", hint
        )
    wanted = sense or "heard"
    chosen = everything[[origin.sense == wanted for origin in classes]]
    if len(chosen) or sense is None:
        return chosen if len(chosen) else everything
    raise UsageError("sense", f"no class of the model was {wanted}", "all")
