"""How well each clip's scores put its own classes first: top-n accuracy, label-ranking precision, F1 at a threshold."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from hearsight.errors import UsageError
from hearsight.metrics.averages import mean_defined
from hearsight.metrics.blocks import Targets, check_shapes, walk_rows


def one_best_accuracy(scores: Float[np.ndarray, "clips classes"], targets: Targets) -> float:
    """Share of clips whose top-scored class is one of their targets. See :func:`top_accuracy`."""
    return top_accuracy(scores, targets, top=1)


def top_accuracy(scores: Float[np.ndarray, "clips classes"], targets: Targets, *, top: int) -> float:
    """Share of clips that have at least one truth among their ``top`` highest scores (Jia 2019, section 4).

    Among equal scores the class of lower index comes first. A clip without any truth cannot be hit, and counts as a miss.

    Raises
    ------
    UsageError
        When the shapes differ, there are no clips, ``top`` is below 1, or a score is NaN.
    """
    return float(hits(scores, targets, top=top).mean())


def hits(scores: Float[np.ndarray, "clips classes"], targets: Targets, *, top: int = 1) -> Bool[np.ndarray, " clips"]:
    """Return whether a target of each clip is among its ``top`` highest scores, for intervals and paired comparisons."""
    check_shapes(scores, targets)
    if top < 1:
        raise UsageError("top", f"{top}", "at least 1")
    num_clips, num_classes = scores.shape
    hit = np.zeros(num_clips, dtype=bool)
    for rows, block, flags in walk_rows(scores, targets):
        # the rank of the best-scored truth: how many classes come before it
        best = np.where(flags, block, -np.inf).max(axis=1, keepdims=True)
        first = np.argmax(flags & (block == best), axis=1)[:, None]
        before = (block > best) | ((block == best) & (np.arange(num_classes) < first))
        hit[rows] = (before.sum(axis=1) < top) & flags.any(axis=1)
    return hit


def label_ranking_precision(
    scores: Float[np.ndarray, "clips classes"], targets: Targets
) -> tuple[Float64[np.ndarray, " clips"], Int64[np.ndarray, " clips"]]:
    """Return, for each clip, the sum over its targets of the precision at their rank, and how many targets it has.

    The precision at a truth is the share of targets among the classes whose scores reach its own, ties included.
    """
    check_shapes(scores, targets)
    sums, counts = np.zeros(len(scores)), np.zeros(len(scores), dtype=np.int64)
    for rows, block, flags in walk_rows(scores, targets):
        counts[rows] = np.count_nonzero(flags, axis=1)
        ascending = np.sort(block, axis=1)
        for row in np.flatnonzero(counts[rows]):
            chosen = np.sort(block[row][flags[row]])
            reached = block.shape[1] - np.searchsorted(ascending[row], chosen, side="left")
            true_reached = chosen.size - np.searchsorted(chosen, chosen, side="left")
            sums[rows.start + row] = (true_reached / reached).sum()
    return sums, counts


def lwlrap(scores: Float[np.ndarray, "clips classes"], targets: Targets) -> float:
    """Label-weighted label-ranking average precision: the mean, over all targets of all clips, of the precision at their rank.

    As defined for DCASE 2019, task 2, except that tied scores share the worst of their ranks, as in scikit-learn's
    ``label_ranking_average_precision_score`` weighted by the number of labels. NaN where no clip has a truth.
    """
    sums, counts = label_ranking_precision(scores, targets)
    return float(sums.sum() / counts.sum()) if counts.any() else float("nan")


@dataclasses.dataclass(frozen=True)
class ThresholdCounts:
    """What comes of calling true whatever scores at least a threshold: counts per class."""

    true_positives: Int64[np.ndarray, " classes"]
    false_positives: Int64[np.ndarray, " classes"]
    false_negatives: Int64[np.ndarray, " classes"]

    @property
    def micro_f1(self) -> float:
        """F1 of all decisions together; NaN where nothing is true and nothing was called so."""
        counts = (self.true_positives, self.false_positives, self.false_negatives)
        return float(_harmonic(*(count.sum(keepdims=True) for count in counts))[0])

    @property
    def class_f1(self) -> Float64[np.ndarray, " classes"]:
        """F1 of each class; NaN for a class that is nowhere true and nowhere called so."""
        return _harmonic(self.true_positives, self.false_positives, self.false_negatives)

    @property
    def macro_f1(self) -> float:
        """Mean F1 over the classes where it is defined."""
        return mean_defined(self.class_f1)


def count_at_threshold(
    scores: Float[np.ndarray, "clips classes"], targets: Targets, threshold: float = 0.5
) -> ThresholdCounts:
    """Count hits, false alarms and misses of every class at one threshold; a score that equals it is above."""
    check_shapes(scores, targets)
    hit, alarm, miss = (np.zeros(scores.shape[1], dtype=np.int64) for _ in range(3))
    for _, block, flags in walk_rows(scores, targets):
        called = block >= threshold
        hit += np.count_nonzero(called & flags, axis=0)
        alarm += np.count_nonzero(called & ~flags, axis=0)
        miss += np.count_nonzero(~called & flags, axis=0)
    return ThresholdCounts(hit, alarm, miss)


def f1_micro(scores: Float[np.ndarray, "clips classes"], targets: Targets, *, threshold: float = 0.5) -> float:
    """F1 of all decisions together at a threshold. See :class:`ThresholdCounts`."""
    return count_at_threshold(scores, targets, threshold).micro_f1


def f1_macro(scores: Float[np.ndarray, "clips classes"], targets: Targets, *, threshold: float = 0.5) -> float:
    """Mean over classes of their F1 at a threshold. See :class:`ThresholdCounts`."""
    return count_at_threshold(scores, targets, threshold).macro_f1


def _harmonic(
    hit: Int64[np.ndarray, " classes"], alarm: Int64[np.ndarray, " classes"], miss: Int64[np.ndarray, " classes"]
) -> Float64[np.ndarray, " classes"]:
    with np.errstate(invalid="ignore"):
        return np.asarray(2.0 * hit / (2.0 * hit + alarm + miss), dtype=np.float64)
