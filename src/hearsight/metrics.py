"""How well scores rank the truth: average precision, AUC, d-prime, top-n accuracy; exact with ties, in bounded memory.

Scores may be probabilities, logits or anything else that rises with belief; only their order counts. Average precision and AUC
of a class are undefined (NaN) where the evaluated clips have no positive of it, AUC also where they have no negative; means are
taken over the defined classes, and :func:`count_undefined` says how many were left out, so that an absent class is never a zero.

Both follow from one sort per class: with ``n`` scores sorted, a binary search gives for each positive how many scores reach it,
ties included. Classes are taken in blocks of columns, so that 100,000 clips × 10,998 classes in float16 on disk need little
more memory than the file's pages.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float, Float64

from hearsight.errors import UsageError

BLOCK_BYTES = 128 * 2**20
"""Memory that one block of columns (or rows) may take as float32 or float64."""


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
    truths: Bool[np.ndarray, "clips classes"],
    *,
    block_bytes: int = BLOCK_BYTES,
) -> Ranking:
    """Measure average precision and AUC of every class with one sort per class.

    Parameters
    ----------
    scores
        Any floating type, also memory-mapped; finite or infinite, not NaN.
    truths
        Which classes are true of which clips.
    block_bytes
        Memory that a block of columns may take; the result does not depend on it.

    Raises
    ------
    UsageError
        When the shapes differ, there are no clips, or a score is NaN.
    """
    _check(scores, truths)
    num_classes = scores.shape[1]
    precision = np.full(num_classes, np.nan)
    area = np.full(num_classes, np.nan)
    positives = np.zeros(num_classes)
    for columns in _blocks(num_classes, scores.shape[0] * 8, block_bytes):
        block = _columns_first(scores, columns)
        block_truths = np.ascontiguousarray(truths[:, columns].T)
        for row in range(block.shape[0]):
            chosen = block[row][block_truths[row]]
            index = columns.start + row
            positives[index] = chosen.size
            if chosen.size:
                precision[index], area[index] = _rank_one(np.sort(block[row]), np.sort(chosen))
    return Ranking(precision, area, positives)


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


def average_precision(
    scores: Float[np.ndarray, "clips classes"], truths: Bool[np.ndarray, "clips classes"]
) -> Float64[np.ndarray, " classes"]:
    """Average precision of every class, 0..1; NaN where a class has no positive. See :func:`rank_classes`."""
    return rank_classes(scores, truths).average_precision


def area_under_curve(
    scores: Float[np.ndarray, "clips classes"], truths: Bool[np.ndarray, "clips classes"]
) -> Float64[np.ndarray, " classes"]:
    """Area under the ROC curve of every class, 0..1; NaN where a class lacks positives or negatives. See :func:`rank_classes`."""
    return rank_classes(scores, truths).area_under_curve


def mean_defined(values: Float64[np.ndarray, " classes"]) -> float:
    """Mean over the classes whose value is defined; NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if defined.size else math.nan


def count_undefined(values: Float64[np.ndarray, " classes"]) -> int:
    """Count the classes whose value is undefined, to be reported beside the mean."""
    return int(np.isnan(values).sum())


def mean_average_precision(
    scores: Float[np.ndarray, "clips classes"], truths: Bool[np.ndarray, "clips classes"]
) -> float:
    """Mean of the average precisions of the classes that have a positive; NaN where none has one (Jia 2019, section 4)."""
    return mean_defined(average_precision(scores, truths))


def d_prime(mean_area: float) -> float:
    """Separability d' of a class-mean AUC: ``sqrt(2)`` times the inverse normal distribution of it (Hershey 2017, section 3.3).

    It is taken of the mean over classes, not averaged over classes: so every published pair of the paper fits. An AUC of 0 or 1
    gives minus or plus infinity.
    """
    if math.isnan(mean_area):
        return math.nan
    if not 0.0 <= mean_area <= 1.0:
        raise UsageError("d_prime", f"an AUC of {mean_area}", "0 to 1")
    if mean_area in (0.0, 1.0):
        return math.inf if mean_area else -math.inf
    return math.sqrt(2.0) * NormalDist().inv_cdf(mean_area)


def one_best_accuracy(scores: Float[np.ndarray, "clips classes"], truths: Bool[np.ndarray, "clips classes"]) -> float:
    """Share of clips whose top-scored class is one of their truths. See :func:`top_accuracy`."""
    return top_accuracy(scores, truths, top=1)


def top_accuracy(
    scores: Float[np.ndarray, "clips classes"], truths: Bool[np.ndarray, "clips classes"], *, top: int
) -> float:
    """Share of clips that have at least one truth among their ``top`` highest scores (Jia 2019, section 4).

    Among equal scores the class of lower index comes first. A clip without any truth cannot be hit, and counts as a miss.

    Raises
    ------
    UsageError
        When the shapes differ, there are no clips, ``top`` is below 1, or a score is NaN.
    """
    return float(hits(scores, truths, top=top).mean())


def hits(
    scores: Float[np.ndarray, "clips classes"], truths: Bool[np.ndarray, "clips classes"], *, top: int = 1
) -> Bool[np.ndarray, " clips"]:
    """Say of each clip whether a truth is among its ``top`` highest scores, for intervals and paired comparisons."""
    _check(scores, truths)
    if top < 1:
        raise UsageError("top", f"{top}", "at least 1")
    num_clips, num_classes = scores.shape
    hit = np.zeros(num_clips, dtype=bool)
    for rows in _blocks(num_clips, num_classes * 8, BLOCK_BYTES):
        block = _widen(scores[rows])
        _refuse_nan(block)
        block_truths = truths[rows]
        # the rank of the best-scored truth: how many classes come before it
        best = np.where(block_truths, block, -np.inf).max(axis=1, keepdims=True)
        first = np.argmax(block_truths & (block == best), axis=1)[:, None]
        before = (block > best) | ((block == best) & (np.arange(num_classes) < first))
        hit[rows] = (before.sum(axis=1) < top) & block_truths.any(axis=1)
    return hit


def _check(scores: np.ndarray, truths: np.ndarray) -> None:
    if scores.shape != truths.shape:
        raise UsageError("scores", f"shape {scores.shape} beside truths of shape {truths.shape}", "equal shapes")
    if scores.size == 0:
        raise UsageError("scores", f"shape {scores.shape}", "at least one clip and one class")


def _refuse_nan(block: np.ndarray) -> None:
    count = int(np.isnan(block).sum())
    if count:
        raise UsageError("scores", f"{count} of the values are NaN", "numbers", "NaN has no rank: leave such clips out")


def _blocks(length: int, bytes_each: int, block_bytes: int) -> Iterator[slice]:
    step = max(1, block_bytes // max(1, bytes_each))
    for start in range(0, length, step):
        yield slice(start, min(start + step, length))


def _columns_first(scores: np.ndarray, columns: slice) -> np.ndarray:
    """One block of columns as contiguous rows."""
    block = np.ascontiguousarray(_widen(scores[:, columns]).T)
    _refuse_nan(block)
    return block


def _widen(block: np.ndarray) -> np.ndarray:
    """Half precision has no fast sort; single precision holds its values exactly."""
    return block.astype(np.float32) if block.dtype == np.float16 else block
