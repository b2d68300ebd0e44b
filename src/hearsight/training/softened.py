"""A dataset whose targets are what the teachers said, instead of the labels that the policy makes of it."""

from __future__ import annotations

import dataclasses
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64

from hearsight.errors import DatasetError
from hearsight.training.batches import Labels, TrainingData


@runtime_checkable
class SoftSource(TrainingData, Protocol):
    """A dataset that has kept soft labels; :class:`~hearsight.dataset.reader.Dataset` is one."""

    @property
    def visual_heads(self) -> tuple[Int32[np.ndarray, " _"], ...]:
        """Indices of each vision teacher's classes."""
        ...

    def distribution(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Give each vision teacher's distribution over its classes for a clip; zero where it said nothing."""
        ...

    def probabilities(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Give the probabilities that the teachers gave of a clip; zero where they are not kept."""
        ...


@dataclasses.dataclass(frozen=True)
class VisualLabels:
    """The labels of one clip, all of them seen."""

    visual: Int32[np.ndarray, " visual_labels"]
    audio: Int32[np.ndarray, " audio_labels"]


class SoftData:
    """A dataset whose targets are soft; what of it does not depend on them.

    Parameters
    ----------
    data
        The dataset.
    loss
        What asks for soft targets, for the error.

    Raises
    ------
    DatasetError
        When it has kept no soft labels.
    """

    exclusive: bool = False
    """Whether the targets are distributions: one class at the cost of others."""

    def __init__(self, data: TrainingData, loss: str) -> None:
        if not isinstance(data, SoftSource):
            raise DatasetError("the dataset", "no soft labels", f"some, for {loss}")
        self._data: SoftSource = data

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._data.names

    @property
    def sample_rate(self) -> int:
        """Hz of the sound."""
        return self._data.sample_rate

    @property
    def digest(self) -> str:
        """What tells the dataset from any other."""
        return self._data.digest

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        return self._data.num_samples

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " chosen"]:
        """Give the clips of a split."""
        return self._data.indices(split)

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Give samples of a clip, fewer where it ends."""
        return self._data.read(index, start, num_samples)

    def labels(self, index: int) -> Labels:
        """Give the labels of a clip: what validation counts as true."""
        return self._data.labels(index)

    def soft_targets(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Give the teachers' probabilities of a clip."""
        return self._data.probabilities(index)


class SoftenedData(SoftData):
    """The visual classes of a dataset, and the vision teachers' distributions over them as targets (Aytar 2016).

    Parameters
    ----------
    data
        The dataset.
    loss
        What asks for them, for the error.

    Raises
    ------
    DatasetError
        When it has kept no soft labels of a vision teacher.
    """

    exclusive: bool = True

    def __init__(self, data: TrainingData, loss: str = "the loss kl") -> None:
        heads = data.visual_heads if isinstance(data, SoftSource) else ()
        self._heads = [head for head in heads if len(head)]
        if not self._heads:
            raise DatasetError("the dataset", "no soft labels of a vision teacher", f"some, for {loss}")
        super().__init__(data, loss)
        self._kept = np.concatenate(self._heads)
        self._place = np.full(len(data.names), -1, dtype=np.int32)
        self._place[self._kept] = np.arange(len(self._kept), dtype=np.int32)

    @property
    def heads(self) -> tuple[int, ...]:
        """Classes of each vision teacher, in the order of the targets."""
        return tuple(len(head) for head in self._heads)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the visual classes."""
        return tuple(self._data.names[index] for index in self._kept)

    def labels(self, index: int) -> Labels:
        """Give the visual labels of a clip: what validation counts as true."""
        visual = self._data.labels(index).visual
        return VisualLabels(self._place[visual], np.empty(0, np.int32))

    def soft_targets(self, index: int) -> Float32[np.ndarray, " visual_classes"]:
        """Give the distributions of a clip, head by head."""
        return self._data.distribution(index)[self._kept]
