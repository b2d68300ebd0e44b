"""What the loss compares a network's outputs with: labels, the teachers' probabilities, or their distributions.

========================  ==========================================  ============================================
source                    one clip                                    a mixture of two clips
========================  ==========================================  ============================================
:class:`LabelTargets`     1 for each drawn label (Jia 2019)           the labels of both
:class:`ProbabilityTargets`  the teachers' probabilities              the larger probability of each class
:class:`ExclusiveTargets`   equal shares of the drawn labels           the mean of the two distributions
:class:`DistributionTargets`  a distribution per vision teacher       the mean of the two distributions
                          (Aytar 2016)
========================  ==========================================  ============================================
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64

from hearsight.config import TrainConfig
from hearsight.errors import DatasetError
from hearsight.training.data.dataset import SoftTrainingData, TrainingData
from hearsight.training.data.pairs import iterate_labels

DISTRIBUTION_LOSSES = ("kl", "l2")
"""Names of the losses that are computed from distributions, with a softmax for each vision teacher."""


@runtime_checkable
class TargetSource(Protocol):
    """The targets of a dataset's clips."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the targets."""
        ...

    @property
    def heads(self) -> tuple[int, ...]:
        """Sizes of the groups of classes that share a distribution; empty where the classes are independent."""
        ...

    def draw(self, clip: int, generator: np.random.Generator) -> Float32[np.ndarray, " classes"]:
        """Return the targets of a clip for one training example."""
        ...

    def mix(
        self, one: Float32[np.ndarray, "*steps classes"], other: Float32[np.ndarray, "*steps classes"]
    ) -> Float32[np.ndarray, "*steps classes"]:
        """Return the targets of the sum of two sounds."""
        ...

    def add_expected(self, clip: int, total: Float64[np.ndarray, " classes"]) -> None:
        """Add the mean over all draws of a clip's targets to a total."""
        ...

    def full(self, clip: int) -> Float32[np.ndarray, " classes"]:
        """Return the targets of a clip for validation, where nothing is drawn."""
        ...

    def labels(self, clip: int) -> Bool[np.ndarray, " classes"]:
        """Return which classes are labels of a clip: what validation scores are computed against."""
        ...


@runtime_checkable
class SpanTargets(TargetSource, Protocol):
    """Targets of several outputs over time, which depend on where an example starts."""

    @property
    def shape(self) -> tuple[int, int]:
        """Number of outputs of an example, and of classes."""
        ...

    def draw_span(self, clip: int, start: float) -> Float32[np.ndarray, "steps classes"]:
        """Return the targets of each output of an example that starts at a second of a clip."""
        ...


class LabelTargets:
    """A one for each label: a random share of a clip's visual labels, and all of its audio labels (Jia 2019, section 3).

    Parameters
    ----------
    data
        The dataset.
    visual_share
        Share of the visual labels that is drawn for each training example.
    """

    heads: tuple[int, ...] = ()

    def __init__(self, data: TrainingData, visual_share: float) -> None:
        self._data = data
        self._visual_share = visual_share

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dataset's classes."""
        return self._data.names

    def draw(self, clip: int, generator: np.random.Generator) -> Float32[np.ndarray, " classes"]:
        """Return a one for each drawn label of a clip."""
        labels = self._data.labels(clip)
        visual = labels.visual
        if len(visual):
            visual = generator.permutation(visual)[: count_drawn(len(visual), self._visual_share)]
        targets = np.zeros(len(self.names), dtype=np.float32)
        targets[visual] = 1.0
        targets[labels.audio] = 1.0
        return targets

    def mix(
        self, one: Float32[np.ndarray, " classes"], other: Float32[np.ndarray, " classes"]
    ) -> Float32[np.ndarray, " classes"]:
        """Return a one for each label of either sound."""
        return np.maximum(one, other)

    def add_expected(self, clip: int, total: Float64[np.ndarray, " classes"]) -> None:
        """Add how often each class is drawn for a clip: the drawn share of its visual labels, and one for its audio labels."""
        labels = self._data.labels(clip)
        if len(labels.visual):
            total[labels.visual] += count_drawn(len(labels.visual), self._visual_share) / len(labels.visual)
        total[labels.audio] += 1.0

    def sum_expected(
        self, clips: Int64[np.ndarray, " clips"]
    ) -> tuple[Float64[np.ndarray, " classes"], Bool[np.ndarray, " clips"]]:
        """Return the sum of :meth:`add_expected` over some clips, and which of them have a label."""
        total, labelled = np.zeros(len(self.names)), [np.zeros(0, np.bool_)]
        for block in iterate_labels(self._data, clips):
            rows, classes = block.visual
            counts = np.bincount(rows, minlength=block.num_clips)
            drawn = np.minimum(counts, np.maximum(1, np.floor(self._visual_share * counts + 0.5)))
            total += np.bincount(classes, weights=(drawn / np.maximum(counts, 1))[rows], minlength=len(total))
            total += np.bincount(block.audio[1], minlength=len(total))
            labelled.append(block.count_labels() > 0)
        return total, np.concatenate(labelled)

    def full(self, clip: int) -> Float32[np.ndarray, " classes"]:
        """Return a one for each label of a clip."""
        return self.labels(clip).astype(np.float32)

    def labels(self, clip: int) -> Bool[np.ndarray, " classes"]:
        """Return which classes are labels of a clip."""
        return _mark_labels(self._data, clip)


class _Distributions:
    """What targets have in common that are distributions over classes."""

    def mix(
        self, one: Float32[np.ndarray, " classes"], other: Float32[np.ndarray, " classes"]
    ) -> Float32[np.ndarray, " classes"]:
        """Return the mean of two distributions, which is one again."""
        return 0.5 * (one + other)


class ExclusiveTargets(_Distributions):
    """A distribution over all classes, of which just one holds: equal shares for the drawn labels of a clip.

    Parameters
    ----------
    labels
        The labels.
    """

    def __init__(self, labels: LabelTargets) -> None:
        self._labels = labels

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dataset's classes."""
        return self._labels.names

    @property
    def heads(self) -> tuple[int, ...]:
        """All classes are one head."""
        return (len(self.names),)

    def draw(self, clip: int, generator: np.random.Generator) -> Float32[np.ndarray, " classes"]:
        """Return equal shares for the drawn labels of a clip."""
        return _share(self._labels.draw(clip, generator))

    def add_expected(self, clip: int, total: Float64[np.ndarray, " classes"]) -> None:
        """Add the shares of all labels of a clip to a total."""
        total += self.full(clip)

    def full(self, clip: int) -> Float32[np.ndarray, " classes"]:
        """Return equal shares for the labels of a clip."""
        return _share(self._labels.full(clip))

    def labels(self, clip: int) -> Bool[np.ndarray, " classes"]:
        """Return which classes are labels of a clip."""
        return self._labels.labels(clip)


class ProbabilityTargets:
    """The teachers' own probabilities of all classes, as far as the dataset has kept them.

    Parameters
    ----------
    data
        A dataset with soft labels.
    """

    heads: tuple[int, ...] = ()

    def __init__(self, data: SoftTrainingData) -> None:
        self._data = data

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the dataset's classes."""
        return self._data.names

    def draw(self, clip: int, generator: np.random.Generator) -> Float32[np.ndarray, " classes"]:  # noqa: ARG002
        """Return the teachers' probabilities of a clip; nothing is drawn."""
        return self.full(clip)

    def mix(
        self, one: Float32[np.ndarray, " classes"], other: Float32[np.ndarray, " classes"]
    ) -> Float32[np.ndarray, " classes"]:
        """Return the larger probability of each class: what is present in either sound is present in their sum."""
        return np.maximum(one, other)

    def add_expected(self, clip: int, total: Float64[np.ndarray, " classes"]) -> None:
        """Add a clip's probabilities to a total."""
        total += self.full(clip)

    def full(self, clip: int) -> Float32[np.ndarray, " classes"]:
        """Return the teachers' probabilities of a clip."""
        return self._data.probabilities(clip)

    def labels(self, clip: int) -> Bool[np.ndarray, " classes"]:
        """Return which classes are labels of a clip."""
        return _mark_labels(self._data, clip)


class DistributionTargets(_Distributions):
    """A distribution over the classes of each vision teacher (Aytar 2016, section 3.2); audio classes are left out.

    Parameters
    ----------
    data
        A dataset with soft labels of at least one vision teacher.
    """

    def __init__(self, data: SoftTrainingData) -> None:
        heads = [head for head in data.visual_heads if len(head)]
        self._data = data
        self._heads = tuple(len(head) for head in heads)
        self.classes: Int32[np.ndarray, " visual_classes"] = np.concatenate(heads)
        """Indices of the visual classes within those of the dataset."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the visual classes, one teacher after the other."""
        return tuple(self._data.names[index] for index in self.classes)

    @property
    def heads(self) -> tuple[int, ...]:
        """Number of classes of each vision teacher."""
        return self._heads

    def draw(self, clip: int, generator: np.random.Generator) -> Float32[np.ndarray, " classes"]:  # noqa: ARG002
        """Return the teachers' distributions for a clip; nothing is drawn."""
        return self.full(clip)

    def add_expected(self, clip: int, total: Float64[np.ndarray, " classes"]) -> None:
        """Add a clip's distributions to a total."""
        total += self.full(clip)

    def full(self, clip: int) -> Float32[np.ndarray, " classes"]:
        """Return the teachers' distributions for a clip; zeros for a teacher without output."""
        return self._data.distribution(clip)[self.classes]

    def labels(self, clip: int) -> Bool[np.ndarray, " classes"]:
        """Return which visual classes are labels of a clip."""
        return _mark_labels(self._data, clip)[self.classes]


def make_targets(data: TrainingData, config: TrainConfig) -> TargetSource:
    """Return the targets that a configuration's loss is computed from.

    Raises
    ------
    DatasetError
        When they are soft labels, and the dataset has not kept them.
    """
    if config.loss in DISTRIBUTION_LOSSES:
        if not isinstance(data, SoftTrainingData) or not any(len(head) for head in data.visual_heads):
            found, wanted = "no soft labels of a vision teacher", f"some, for the loss {config.loss}"
            raise DatasetError("the dataset", found, wanted)
        return DistributionTargets(data)
    if config.targets == "soft":
        if not isinstance(data, SoftTrainingData):
            found = f"no soft labels of {len(data.names)} classes"
            raise DatasetError("the dataset", found, "some, for targets soft")
        return ProbabilityTargets(data)
    labels = LabelTargets(data, config.visual_share)
    return ExclusiveTargets(labels) if config.loss == "softmax" else labels


def count_drawn(num_labels: int, share: float) -> int:
    """Return how many of a clip's visual labels are drawn: the share of them, halves rounded up, but at least one."""
    return min(num_labels, max(1, math.floor(share * num_labels + 0.5)))


def _share(labels: Float32[np.ndarray, " classes"]) -> Float32[np.ndarray, " classes"]:
    """Return the labels scaled to sum to one; zeros where there is none."""
    return labels / max(1.0, float(labels.sum()))


def _mark_labels(data: TrainingData, clip: int) -> Bool[np.ndarray, " classes"]:
    marked = np.zeros(len(data.names), dtype=np.bool_)
    labels = data.labels(clip)
    marked[labels.visual] = True
    marked[labels.audio] = True
    return marked
