"""Estimates for all detections of a class, from judged ones: precision against threshold, a threshold, and how many are true.

Precision above a threshold is a share weighted by what each judged detection stands for, with Wilson's interval
(:mod:`hearsight.metrics.proportions`). The number of true detections is summed over the strata of the sample. In each, the share of
true ones has a beta distribution (Jeffreys' prior), and those that were not judged are drawn from it. Source: Navine et al. 2024,
*All thresholds barred: direct estimation of call density in bioacoustic data*.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float64, Int64

from hearsight.metrics.intervals import LEVEL, Estimate
from hearsight.metrics.proportions import estimate_weighted_share
from hearsight.review.judged import Judged

DRAWS = 10_000
"""Draws of the number of true detections."""
PRIOR = 0.5
"""Of Jeffreys, for right and for wrong."""
LEAST_JUDGED = 5
"""Judged detections at or above a threshold, at least. With fewer, one more judgement may move its precision by 20 points."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """Precision against threshold.

    Attributes
    ----------
    thresholds
        Rising, each a score of a judged detection: what is at or above it counts.
    precision, low, high
        Share of true detections among those, and its interval.
    kept
        Share of the true detections that are at or above the threshold.
    judged
        Number of judged detections that are at or above it.
    """

    thresholds: Float64[np.ndarray, " thresholds"]
    precision: Float64[np.ndarray, " thresholds"]
    low: Float64[np.ndarray, " thresholds"]
    high: Float64[np.ndarray, " thresholds"]
    kept: Float64[np.ndarray, " thresholds"]
    judged: Int64[np.ndarray, " thresholds"]

    def find_threshold(self, precision: float, sure: bool = False) -> int | None:
        """Return the place of the lowest threshold of a precision; None where none has it.

        Parameters
        ----------
        precision
            What is wanted.
        sure
            Whether the lower end of the interval must reach it.
        """
        reached = np.flatnonzero((self.low if sure else self.precision) >= precision)
        return int(reached[0]) if len(reached) else None


def trace_precision(judged: Judged) -> Curve:
    """Return precision against threshold."""
    weights = judged.weights
    thresholds = np.unique(judged.scores)
    right = judged.right.astype(np.float64)
    total = float(weights @ right)
    rows = np.full((len(thresholds), 4), math.nan)
    for place, threshold in enumerate(thresholds):
        above = judged.scores >= threshold
        found = estimate_weighted_share(right[above], weights[above])
        kept = float(weights[above] @ right[above]) / total if total else math.nan
        rows[place] = found.value, found.low, found.high, kept
    judged_above = len(judged.scores) - np.searchsorted(np.sort(judged.scores), thresholds)
    precision, low, high, kept_shares = rows.T
    return Curve(thresholds, precision, low, high, kept_shares, judged_above.astype(np.int64))


def count_true(judged: Judged, seed: int = 0) -> Estimate:
    """Return the expected number of true detections, judged or not, with its interval.

    Parameters
    ----------
    judged
        The judged detections. Without strata they are all there are.
    seed
        Of the draws.
    """
    sizes = judged.sizes or {-1: len(judged.scores)}
    expected, drawn = 0.0, np.zeros(DRAWS)
    generator = np.random.default_rng(seed)
    for stratum, size in sorted(sizes.items()):
        own = judged.right[judged.strata == stratum]
        right, rest = int(own.sum()), size - len(own)
        first, second = right + PRIOR, len(own) - right + PRIOR
        expected += right + rest * first / (first + second)
        drawn += right + generator.binomial(rest, generator.beta(first, second, DRAWS))
    low, high = np.quantile(drawn, [(1.0 - LEVEL) / 2.0, (1.0 + LEVEL) / 2.0])
    return Estimate(expected, min(float(low), expected), max(float(high), expected))
