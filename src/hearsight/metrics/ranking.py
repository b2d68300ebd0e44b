"""Average precision and AUC of every class: how well its scores put its positives above its negatives.

Both are undefined (NaN) where the evaluated clips have no positive of a class, AUC also where they have no negative; means are
taken over the defined classes, so that an absent class is never a zero.

Both follow from one sort per class: with ``n`` scores sorted, a binary search gives for each positive how many scores reach it,
ties included.
"""

from __future__ import annotations

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float, Float64, Int

from hearsight.metrics.blocks import BLOCK_BYTES, Targets, check_shapes, refuse_nan, walk_columns, widen
from hearsight.threads import count_cores

MAX_THREADS = 8
"""Maximum number of threads that sort; it does not change the result."""

TILE = 16
"""Number of classes that a thread takes at a time."""

_RESAMPLED_VALUES = 16_000_000


@dataclasses.dataclass(frozen=True)
class Ranking:
    """How well each class's scores put its positives above its negatives.

    Attributes
    ----------
    average_precision
        Per class, 0..1; NaN for a class without a positive.
    area_under_curve
        Per class, 0..1, the probability that a random positive scores above a random negative, ties counting one half; NaN
        for a class without a positive or without a negative.
    num_positives
        Per class, the number of clips it is true of.
    """

    average_precision: Float64[np.ndarray, " classes"]
    area_under_curve: Float64[np.ndarray, " classes"]
    num_positives: Float64[np.ndarray, " classes"]


def rank_classes(
    scores: Float[np.ndarray, "clips classes"],
    targets: Targets,
    *,
    block_bytes: int = BLOCK_BYTES,
    threads: int | None = None,
) -> Ranking:
    """Measure average precision and AUC of every class with one sort per class.

    Parameters
    ----------
    scores
        Any floating type, also memory-mapped; finite or infinite, not NaN.
    targets
        Which classes are true of which clips, packed or not.
    block_bytes
        Memory that a block of columns may take; the result does not depend on it.
    threads
        Number of threads that sort; one per processor, up to ``MAX_THREADS``, unless given.

    Raises
    ------
    UsageError
        When the shapes differ, there are no clips, or a score is NaN.
    """
    check_shapes(scores, targets)
    num_classes = scores.shape[1]
    precision = np.full(num_classes, np.nan)
    area = np.full(num_classes, np.nan)
    positives = np.zeros(num_classes)
    if threads is None:
        threads = min(MAX_THREADS, count_cores())
    with ThreadPoolExecutor(threads) as pool:
        for columns, block, flags in walk_columns(scores, targets, block_bytes):
            tiles = [slice(start, start + TILE) for start in range(0, block.shape[1], TILE)]
            pieces = pool.map(lambda tile, block=block, flags=flags: _rank_tile(block[:, tile], flags[:, tile]), tiles)
            found = [np.concatenate(parts) for parts in zip(*pieces, strict=True)]
            precision[columns], area[columns], positives[columns] = found
    return Ranking(precision, area, positives)


def _rank_tile(
    block: Float[np.ndarray, "clips tile"], flags: Bool[np.ndarray, "clips tile"]
) -> tuple[Float64[np.ndarray, " tile"], Float64[np.ndarray, " tile"], Float64[np.ndarray, " tile"]]:
    """Rank a few classes: so few that their scores stay in the processor's cache once they are in rows."""
    rows, flags = widen(np.array(block.T, order="C")), np.ascontiguousarray(flags.T)  # a copy: it is sorted in place
    precision, area, positives = np.full(len(rows), np.nan), np.full(len(rows), np.nan), np.zeros(len(rows))
    for index, (row, chosen) in enumerate(zip(rows, flags, strict=True)):
        true = np.sort(row[chosen])
        row.sort()
        if math.isnan(row[-1]):  # sorting puts NaN last
            refuse_nan(int(np.isnan(row).sum()))
        positives[index] = true.size
        if true.size:
            precision[index], area[index] = _rank_one(row, true)
    return precision, area, positives


def _rank_one(
    ascending: Float[np.ndarray, " clips"], positives: Float[np.ndarray, " positives"]
) -> tuple[float, float]:
    """Average precision and AUC of one class, from its sorted scores and the sorted scores of its positives.

    A threshold at a positive's score lets through every score that reaches it, so tied scores share one precision; the steps of
    recall that such a group makes add up to its size (the step-wise sum ``Σ (R_n - R_{n-1}) P_n``, without interpolation).
    """
    below = np.searchsorted(ascending, positives, side="left")
    reached = ascending.size - below
    true_reached = positives.size - np.searchsorted(positives, positives, side="left")
    precision = float(np.mean(true_reached / reached))
    num_negatives = ascending.size - positives.size
    if num_negatives == 0:
        return precision, math.nan
    not_above = np.searchsorted(ascending, positives, side="right")
    # Mann and Whitney's U, doubled to stay whole: all pairs with a positive, less the pairs of two positives
    doubled = int(below.sum()) + int(not_above.sum()) - positives.size**2
    return precision, doubled / (2 * positives.size * num_negatives)


def average_precision(scores: Float[np.ndarray, "clips classes"], targets: Targets) -> Float64[np.ndarray, " classes"]:
    """Average precision of every class, 0..1; NaN where a class has no positive. See :func:`rank_classes`."""
    return rank_classes(scores, targets).average_precision


def area_under_curve(scores: Float[np.ndarray, "clips classes"], targets: Targets) -> Float64[np.ndarray, " classes"]:
    """Area under the ROC curve of every class, 0..1; NaN where a class lacks positives or negatives. See :func:`rank_classes`."""
    return rank_classes(scores, targets).area_under_curve


@dataclasses.dataclass(frozen=True)
class ResampledRanking:
    """What :class:`Ranking` would be of each of many resamples of the clips."""

    average_precision: Float64[np.ndarray, "resamples classes"]
    area_under_curve: Float64[np.ndarray, "resamples classes"]
    num_positives: Float64[np.ndarray, "resamples classes"]


def rank_resamples(
    scores: Float[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    weights: Int[np.ndarray, "resamples clips"],
) -> ResampledRanking:
    """Measure what :func:`rank_classes` would give if each clip were there as often as its weight says.

    Each class is sorted once for all resamples. The result is exact: that of the clips repeated so many times.

    Parameters
    ----------
    scores, targets
        As in :func:`rank_classes`; in memory.
    weights
        How often each clip is in each resample.
    """
    check_shapes(scores, targets)
    num_resamples, num_clips = weights.shape
    shape = (num_resamples, scores.shape[1])
    precision, area, positives = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape)
    columns = np.ascontiguousarray(widen(scores).T)
    refuse_nan(int(np.isnan(columns).sum()))
    step = max(1, _RESAMPLED_VALUES // num_clips)
    for first in range(0, num_resamples, step):
        rows = slice(first, min(first + step, num_resamples))
        repeated = np.ascontiguousarray(weights[rows].T, dtype=np.int32)  # clips first: sorting moves whole rows
        for index, column in enumerate(columns):
            flags = targets[:, index]
            if flags.any():
                found = _rank_repeated(column, flags, repeated)
                precision[rows, index], area[rows, index], positives[rows, index] = found
    return ResampledRanking(precision, area, positives)


def _rank_repeated(
    column: Float[np.ndarray, " clips"], flags: Bool[np.ndarray, " clips"], repeated: Int[np.ndarray, "clips resamples"]
) -> tuple[Float64[np.ndarray, " resamples"], Float64[np.ndarray, " resamples"], Float64[np.ndarray, " resamples"]]:
    """Average precision, AUC and positives of one class in each resample."""
    order = np.argsort(column, kind="stable")
    ascending = column[order]
    values, place = np.unique(column[flags], return_inverse=True)  # thresholds: the different scores of positives
    left = np.searchsorted(ascending, values, side="left")
    right = np.searchsorted(ascending, values, side="right")
    edges = np.unique(np.concatenate([[0], left, right, [len(order)]]))
    # one row of this matrix for each stretch of scores between thresholds: its clips, summed in each resample
    stretches = scipy.sparse.csr_array(
        (np.ones(len(order), dtype=np.int32), order, edges), shape=(len(edges) - 1, len(order))
    )
    running = np.cumsum(np.vstack([np.zeros_like(repeated[:1]), stretches @ repeated]), axis=0, dtype=np.int64)
    below, not_above = running[np.searchsorted(edges, left)], running[np.searchsorted(edges, right)]
    true_here = np.zeros_like(below)
    np.add.at(true_here, place, repeated[flags])
    true_up_to = np.cumsum(true_here, axis=0)
    num_true, num_all = true_up_to[-1], running[-1]
    true_reached, reached = num_true - true_up_to + true_here, num_all - below
    num_false = num_all - num_true
    false_below = below - (true_up_to - true_here)
    false_here = (not_above - below) - true_here
    with np.errstate(divide="ignore", invalid="ignore"):
        precision = (true_here * (true_reached / np.maximum(reached, 1))).sum(axis=0) / num_true
        area = (true_here * (2 * false_below + false_here)).sum(axis=0) / (2 * num_true * num_false)
    return precision, area, num_true.astype(np.float64)
