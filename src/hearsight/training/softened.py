"""A dataset whose targets are what the vision teachers said, instead of the labels that the policy makes of it (Aytar 2016)."""

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


@dataclasses.dataclass(frozen=True)
class VisualLabels:
    """The labels of one clip, all of them seen."""

    visual: Int32[np.ndarray, " visual_labels"]
    audio: Int32[np.ndarray, " audio_labels"]


class SoftenedData:
    """The visual classes of a dataset, and the vision teachers' distributions over them as targets.

    Parameters
    ----------
    data
        The dataset.

    Raises
    ------
    DatasetError
        When it has kept no soft labels of a vision teacher.
    """

    def __init__(self, data: TrainingData) -> None:
        heads = data.visual_heads if isinstance(data, SoftSource) else ()
        self._heads = [head for head in heads if len(head)]
        if not isinstance(data, SoftSource) or not self._heads:
            raise DatasetError("the dataset", "no soft labels of a vision teacher", "some, for the loss kl")
        self._data: SoftSource = data
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
        """Give the visual labels of a clip: what validation counts as true."""
        visual = self._data.labels(index).visual
        return VisualLabels(self._place[visual], np.empty(0, np.int32))

    def soft_targets(self, index: int) -> Float32[np.ndarray, " visual_classes"]:
        """Give the distributions of a clip, head by head."""
        return self._data.distribution(index)[self._kept]
