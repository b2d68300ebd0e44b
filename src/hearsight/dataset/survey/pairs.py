"""How often two classes are labels of the same clip, over the whole dataset, with every source counted once."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Float64, Int64

from hearsight.dataset.survey.tables import LabelTables, ShardLabels

BATCH_LABELS = 4_000_000
"""Number of labels whose pairs are counted in one batch: the sum over all pairs is updated once per batch, not per shard."""


@dataclasses.dataclass(frozen=True)
class PairCounts:
    """Counts of classes and of pairs of classes.

    A source has a weight of one, which its clips share equally: of a source with four clips, each clip counts a quarter. All sums
    of weights are therefore numbers of sources.

    Attributes
    ----------
    num_clips, num_sources
        Of the dataset.
    clips, sources
        Of each class, the clips that have it as a label, and the sources with at least one of them.
    pairs
        Sparse symmetric matrix, classes x classes: the sum of the weights of the clips that have both classes. The diagonal is that
        of the clips with one class.
    """

    num_clips: int
    num_sources: int
    clips: Int64[np.ndarray, " classes"]
    sources: Int64[np.ndarray, " classes"]
    pairs: Any

    @property
    def weights(self) -> Float64[np.ndarray, " classes"]:
        """Sum of the weights of the clips with each class."""
        return np.asarray(self.pairs.diagonal(), np.float64)


class PairCounter:
    """Adds up the shards of a dataset.

    Parameters
    ----------
    num_classes
        Classes of the vocabulary.
    """

    def __init__(self, num_classes: int) -> None:
        self._clips = np.zeros(num_classes, np.int64)
        self._sources = np.zeros(num_classes, np.int64)
        self._pairs: Any = scipy.sparse.csr_array((num_classes, num_classes), dtype=np.float64)
        self._num_clips = 0
        self._num_sources = 0
        self._waiting: list[Any] = []

    def add(self, shard: ShardLabels) -> None:
        """Count the clips of a shard. Shards must not share sources."""
        labels = shard.labels
        self._num_clips += labels.shape[0]
        self._num_sources += shard.num_sources
        self._clips += np.bincount(labels.indices, minlength=labels.shape[1])
        rows = np.repeat(shard.source_of, np.diff(labels.indptr))
        once = np.unique(rows * labels.shape[1] + labels.indices) % labels.shape[1]
        self._sources += np.bincount(once, minlength=labels.shape[1])
        # rows times the root of their weight: the product of the matrix with itself is then weighted
        scaled = labels.copy()
        scaled.data = np.repeat(np.sqrt(shard.weights), np.diff(labels.indptr))
        self._waiting.append(scaled)
        if sum(one.nnz for one in self._waiting) >= BATCH_LABELS:
            self._merge()

    def finish(self) -> PairCounts:
        """Return the counts of all shards added."""
        self._merge()
        return PairCounts(self._num_clips, self._num_sources, self._clips, self._sources, self._pairs)

    def _merge(self) -> None:
        if self._waiting:
            rows: Any = scipy.sparse.vstack(self._waiting, format="csr")
            self._pairs = scipy.sparse.csr_array(self._pairs + rows.T @ rows)
            self._pairs.sort_indices()
            self._waiting.clear()


def count_pairs(tables: LabelTables, shards: Iterable[ShardLabels] | None = None) -> PairCounts:
    """Count the classes and pairs of classes of a dataset in one pass over its label tables.

    Parameters
    ----------
    tables
        The dataset.
    shards
        Its shards where they are read anyway; by default they are read here.

    Raises
    ------
    DatasetError
        When a table cannot be read.
    """
    counter = PairCounter(len(tables.classes))
    for shard in tables.read_shards() if shards is None else shards:
        counter.add(shard)
    return counter.finish()
