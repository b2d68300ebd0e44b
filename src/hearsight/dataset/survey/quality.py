"""Which classes are redundant: those that are labels of the same clips, and those that never occur alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float64, Int64

from hearsight.dataset.survey.pairs import PairCounts
from hearsight.dataset.survey.tables import LabelTables

TWIN_OVERLAP = 0.8
"""Clips with both of two classes over those with either of them, from which on the two count as synonyms."""
COMPANION_SHARE = 0.98
"""Share of a class's clips that have another class too, from which on it never comes alone."""
LEAST_SOURCES = 3
"""Sources that a class needs to be judged."""


@dataclasses.dataclass(frozen=True)
class TwinClasses:
    """Two classes of one sense that are labels of nearly the same clips.

    Attributes
    ----------
    first, second
        Their indices in the vocabulary.
    overlap
        Clips with both over clips with either, each source counted once.
    sources
        Sources, by weight, whose clips have both.
    """

    first: int
    second: int
    overlap: float
    sources: float


@dataclasses.dataclass(frozen=True)
class Companion:
    """A class that never comes without another one of its sense.

    Attributes
    ----------
    index, companion
        Indices of the class and of the other one in the vocabulary.
    share
        Share of its clips that have the other one too.
    """

    index: int
    companion: int
    share: float


@dataclasses.dataclass(frozen=True)
class SharedClass:
    """A class that two teachers know, by its identifier or its name.

    Attributes
    ----------
    first, second
        Its indices in the vocabulary.
    overlap
        Clips that both teachers label with it, over those that either does.
    kappa
        Cohen's kappa: 1 where both label the same clips, 0 where they agree as often as by chance.
    """

    first: int
    second: int
    overlap: float
    kappa: float


def find_twins(counts: PairCounts, tables: LabelTables, most: int) -> list[TwinClasses]:
    """Find classes of one sense whose labels nearly coincide, by falling overlap."""
    pairs = _list_pairs(counts, tables)
    weights = counts.weights
    overlap = pairs.both / (weights[pairs.first] + weights[pairs.second] - pairs.both)
    chosen = np.flatnonzero((pairs.first < pairs.second) & (overlap >= TWIN_OVERLAP))
    best = chosen[np.lexsort((pairs.second[chosen], pairs.first[chosen], -overlap[chosen]))][:most]
    return [
        TwinClasses(int(pairs.first[k]), int(pairs.second[k]), float(overlap[k]), float(pairs.both[k])) for k in best
    ]


def find_companions(counts: PairCounts, tables: LabelTables, most: int) -> list[Companion]:
    """Find the classes that never come alone, the most frequent first; for each, the rarest class that it always comes with.

    Classes that always come with each other are twins, and left out.
    """
    pairs = _list_pairs(counts, tables)
    weights = counts.weights
    share, back = pairs.both / weights[pairs.first], pairs.both / weights[pairs.second]
    chosen = np.flatnonzero((share >= COMPANION_SHARE) & (back < COMPANION_SHARE))
    order = chosen[np.lexsort((weights[pairs.second[chosen]], pairs.first[chosen]))]
    _, nearest = np.unique(pairs.first[order], return_index=True)
    found = order[nearest]
    best = found[np.argsort(-weights[pairs.first[found]], kind="stable")][:most]
    return [Companion(int(pairs.first[k]), int(pairs.second[k]), float(share[k])) for k in best]


def find_shared(counts: PairCounts, tables: LabelTables, most: int) -> list[SharedClass]:
    """Find the classes that several teachers know, and how far these agree on their clips; the most frequent first."""
    known = _identify_classes(tables)
    weights, total = counts.weights, max(counts.num_sources, 1)
    found: list[SharedClass] = []
    for places in known.values():
        for first, second in ((a, b) for n, a in enumerate(places) for b in places[n + 1 :]):
            both = float(counts.pairs[first, second])
            either = weights[first] + weights[second] - both
            observed = 1.0 - (either - both) / total
            chance = (
                weights[first] * weights[second] + (total - weights[first]) * (total - weights[second])
            ) / total**2
            kappa = (observed - chance) / (1.0 - chance) if chance < 1.0 else 0.0
            found.append(SharedClass(first, second, both / either if either else 0.0, float(kappa)))
    found.sort(key=lambda one: (-(weights[one.first] + weights[one.second]), one.first, one.second))
    return found[:most]


def _identify_classes(tables: LabelTables) -> dict[str, list[int]]:
    """Return the vocabulary indices of the classes that several teachers have, by identifier or name."""
    known: dict[str, list[int]] = {}
    teachers: dict[str, set[str]] = {}
    names = read_class_names(tables)
    for record in tables.classes:
        name, identity = names[record.index]
        key = identity or name.casefold()
        known.setdefault(key, []).append(record.index)
        teachers.setdefault(key, set()).add(record.teacher)
    return {key: places for key, places in known.items() if len(teachers[key]) > 1}


def read_class_names(tables: LabelTables) -> dict[int, tuple[str, str | None]]:
    """Return the teacher's own name of each used class and its identifier, None without one, by the class's vocabulary index.

    A dataset of format version 1 has no table of classes; for it, these are the names of the vocabulary.
    """
    if not tables.layout.classes.exists():
        return {record.index: (record.name, None) for record in tables.classes}
    table = tables.read_table(tables.layout.classes, ["vocabulary_index", "name", "id"])
    rows = zip(*(column.to_pylist() for column in table.columns), strict=True)
    return {index: (name, identity) for index, name, identity in rows if index is not None}


@dataclasses.dataclass(frozen=True)
class _Pairs:
    """Pairs of different classes of one modality, in both directions, and the weight of the clips with both."""

    first: Int64[np.ndarray, " pairs"]
    second: Int64[np.ndarray, " pairs"]
    both: Float64[np.ndarray, " pairs"]


def _list_pairs(counts: PairCounts, tables: LabelTables) -> _Pairs:
    is_audio: Bool[np.ndarray, " classes"] = np.array([one.modality == "audio" for one in tables.classes], bool)
    matrix: Any = scipy.sparse.coo_array(counts.pairs)
    first, second = matrix.row.astype(np.int64), matrix.col.astype(np.int64)
    known = counts.sources >= LEAST_SOURCES
    chosen = (first != second) & (is_audio[first] == is_audio[second]) & known[first] & known[second]
    return _Pairs(first[chosen], second[chosen], matrix.data[chosen])
