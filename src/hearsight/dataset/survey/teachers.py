"""What each teacher's probabilities are like, and how far two teachers agree."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse
from jaxtyping import Float64, Int64

from hearsight.dataset.layout import TeacherRecord
from hearsight.dataset.survey.tables import LabelTables, ShardLabels

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles of a distribution that are reported."""

_CONFIDENCE_BINS = np.linspace(0.0, 1.0, 1001)
_SPREAD_BINS = np.geomspace(1.0, 1e5, 2001)


@dataclasses.dataclass(frozen=True)
class TeacherSurvey:
    """What the kept probabilities of a teacher are like.

    Attributes
    ----------
    name, modality
        Of the teacher.
    num_classes, num_used
        Its classes, and those that are a label of some clip.
    labels_per_clip, unlabelled
        Mean number of labels of a clip, and share of clips that have none.
    confidence
        Quantiles over the clips of the highest probability (:data:`QUANTILES`).
    spread
        Quantiles over the clips of the number of classes that the probability is spread over: e to the power of the entropy of the
        kept probabilities, scaled to sum to one. It is 1 where the teacher is sure.
    """

    name: str
    modality: str
    num_classes: int
    num_used: int
    labels_per_clip: float
    unlabelled: float
    confidence: tuple[float, ...]
    spread: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class TeacherPair:
    """How well the most probable class of one teacher predicts that of another.

    Attributes
    ----------
    first, second
        Names of the teachers.
    information
        Normalised mutual information of their most probable classes, from 0 to 1; each source counts once.
    chance
        The same after the clips of one teacher were exchanged at random: few clips look dependent by chance.
    """

    first: str
    second: str
    information: float
    chance: float


class TeacherCounter:
    """Adds up the shards of a dataset for the surveys of its teachers, in memory that does not grow with the clips.

    Parameters
    ----------
    tables
        The dataset.
    seed
        Of the exchange of clips that shows chance.
    """

    def __init__(self, tables: LabelTables, seed: int = 0) -> None:
        self._tables = tables
        self._teachers = tables.manifest.teachers
        self._seed = seed
        self._confidence = {one.name: np.zeros(len(_CONFIDENCE_BINS) - 1, np.int64) for one in self._teachers}
        self._spread = {one.name: np.zeros(len(_SPREAD_BINS) - 1, np.int64) for one in self._teachers}
        self._labels = {one.name: 0 for one in self._teachers}
        self._unlabelled = {one.name: 0 for one in self._teachers}
        self._num_clips = 0
        self._joint: dict[tuple[str, str, bool], Any] = {}

    def add(self, shard: ShardLabels) -> None:
        """Read what the teachers returned for the clips of a shard."""
        num_clips = shard.labels.shape[0]
        self._num_clips += num_clips
        best: dict[str, np.ndarray] = {}
        for teacher in self._teachers:
            table = self._tables.read_soft(teacher, shard.shard)
            best[teacher.name], highest, spread = _measure_rows(table)
            # a probability of 1.0000001 is in the last bin, too
            self._confidence[teacher.name] += np.histogram(np.clip(highest, 0.0, 1.0), _CONFIDENCE_BINS)[0]
            self._spread[teacher.name] += np.histogram(np.clip(spread, 1.0, _SPREAD_BINS[-1]), _SPREAD_BINS)[0]
            own = shard.labels[:, self._find_own(teacher)]
            number = np.diff(scipy.sparse.csr_array(own).indptr)
            self._labels[teacher.name] += int(number.sum())
            self._unlabelled[teacher.name] += int(np.sum(number == 0))
        order = np.random.default_rng([self._seed, shard.shard]).permutation(num_clips)
        for first, second in itertools.combinations(self._teachers, 2):
            for is_chance in (False, True):
                other = best[second.name][order] if is_chance else best[second.name]
                self._add_joint(first, second, is_chance, best[first.name], other, shard.weights)

    def finish(self) -> tuple[list[TeacherSurvey], list[TeacherPair]]:
        """Return the survey of each teacher, and of each pair of teachers."""
        surveys = [
            TeacherSurvey(
                name=one.name,
                modality=one.modality,
                num_classes=one.num_classes,
                num_used=len(self._find_own(one)),
                labels_per_clip=self._labels[one.name] / max(1, self._num_clips),
                unlabelled=self._unlabelled[one.name] / max(1, self._num_clips),
                confidence=find_quantiles(self._confidence[one.name], _CONFIDENCE_BINS),
                spread=find_quantiles(self._spread[one.name], _SPREAD_BINS),
            )
            for one in self._teachers
        ]
        pairs = [
            TeacherPair(
                first.name,
                second.name,
                *(_inform(self._joint.get((first.name, second.name, chance))) for chance in (False, True)),
            )
            for first, second in itertools.combinations(self._teachers, 2)
        ]
        return surveys, pairs

    def _find_own(self, teacher: TeacherRecord) -> Int64[np.ndarray, " _"]:
        return np.array([one.index for one in self._tables.classes if one.teacher == teacher.name], np.int64)

    def _add_joint(
        self,
        first: TeacherRecord,
        second: TeacherRecord,
        is_chance: bool,
        rows: Int64[np.ndarray, " clips"],
        columns: Int64[np.ndarray, " clips"],
        weights: Float64[np.ndarray, " clips"],
    ) -> None:
        both = (rows >= 0) & (columns >= 0)
        content = (weights[both], (rows[both], columns[both]))
        joint = scipy.sparse.csr_array(content, shape=(first.num_classes, second.num_classes))
        key = (first.name, second.name, is_chance)
        self._joint[key] = self._joint[key] + joint if key in self._joint else joint


def _measure_rows(
    table: pa.Table,
) -> tuple[Int64[np.ndarray, " clips"], Float64[np.ndarray, " rows"], Float64[np.ndarray, " rows"]]:
    """Return the most probable class of each clip, -1 without any; and of the clips with one, its probability and the spread."""
    lists = table.column("probabilities").combine_chunks()
    offsets = np.asarray(lists.offsets).astype(np.int64)
    values = np.asarray(lists.flatten()).astype(np.float64)
    classes = np.asarray(table.column("classes").combine_chunks().flatten()).astype(np.int64)
    counts, first = np.diff(offsets), offsets[:-1] - offsets[0]
    filled = counts > 0
    best = np.full(len(counts), -1, np.int64)
    best[filled] = classes[first[filled]]
    row = np.repeat(np.arange(len(counts)), counts)
    total = np.bincount(row, weights=values, minlength=len(counts))
    share = values / np.maximum(total[row], 1e-30)
    entropy = np.bincount(row, weights=-share * np.log(np.maximum(share, 1e-30)), minlength=len(counts))
    return best, values[first[filled]], np.exp(entropy[filled])


def find_quantiles(counts: Int64[np.ndarray, " bins"], edges: Float64[np.ndarray, " edges"]) -> tuple[float, ...]:
    """Return the quantiles :data:`QUANTILES` of a histogram, each as the middle of its bin; none where it is empty."""
    total = int(counts.sum())
    if not total:
        return ()
    places = np.searchsorted(np.cumsum(counts), np.array(QUANTILES) * total)
    places = np.minimum(places, len(counts) - 1)
    return tuple(float(value) for value in (edges[places] + edges[places + 1]) / 2.0)


def _inform(joint: Any) -> float:
    """Return the normalised mutual information of a table of counts: over the root of the product of the entropies."""
    if joint is None or joint.nnz == 0:
        return 0.0
    table: Any = scipy.sparse.coo_array(joint)
    shares = table.data / table.data.sum()
    rows = np.bincount(table.row, weights=shares, minlength=table.shape[0])
    columns = np.bincount(table.col, weights=shares, minlength=table.shape[1])
    information = float(np.sum(shares * np.log(shares / (rows[table.row] * columns[table.col]))))
    entropies = [float(-np.sum(one[one > 0] * np.log(one[one > 0]))) for one in (rows, columns)]
    return max(0.0, information / np.sqrt(entropies[0] * entropies[1])) if min(entropies) > 1e-12 else 0.0
