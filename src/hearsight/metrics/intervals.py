"""How sure a measure is: bootstrap intervals over clips and over folds, and paired comparisons of two models.

A score of cross-validation is the mean over folds of the measure of each. Over clips, each resample draws as many clips within each
fold as it has, with replacement: how far the score would move with other clips of the same kind. Over folds, it draws as many folds
as there are: how far it would move with other splits, of which a handful of folds can only give a rough idea.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from hearsight.errors import UsageError
from hearsight.metrics.measures import THRESHOLD, compute_measures, resample_measures

RESAMPLES = 10_000
"""Resamples of the interval of a mean of values per clip, which costs next to nothing."""
LEVEL = 0.95
"""Share of the resamples that an interval holds."""

_BLOCK_VALUES = 4_000_000

Over = Literal["clips", "folds", "both"]
"""What is drawn anew in each resample."""


@dataclasses.dataclass(frozen=True)
class Resampling:
    """How intervals are drawn.

    Attributes
    ----------
    over
        Whether clips within folds are drawn anew, or folds, or both.
    resamples
        How many times.
    seed
        Of the draws.
    level
        Share of the resamples that the interval holds.
    """

    over: Over = "clips"
    resamples: int = 1_000
    seed: int = 0
    level: float = LEVEL


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A measure, or a difference of two, with its interval by the percentiles of a bootstrap; NaN where it is undefined."""

    value: float
    low: float
    high: float


def estimate_measures(
    names: Sequence[str],
    scores: Float[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    folds: Int64[np.ndarray, " clips"] | None = None,
    resampling: Resampling | None = None,
    *,
    threshold: float = THRESHOLD,
) -> dict[str, Estimate]:
    """Work out measures as means over folds, with their intervals.

    Parameters
    ----------
    names
        Of :data:`hearsight.metrics.measures.MEASURES`.
    scores, targets
        A row per clip.
    folds
        Fold of each clip; all clips are one fold unless given.
    resampling
        How intervals are drawn.
    threshold
        Of F1: 0.5 for probabilities, 0 for logits and margins.

    Raises
    ------
    UsageError
        When a name is unknown, shapes differ, or the resampling is out of range.
    """
    drawn = resampling or Resampling()
    places = np.zeros(len(scores), dtype=np.int64) if folds is None else folds
    resampled = _resample(names, scores, targets, places, drawn, threshold)
    values = _measure_folds(names, scores, targets, places, threshold)
    return {name: _summarise(values[name], resampled[name], drawn) for name in names}


def compare_measures(
    names: Sequence[str],
    scores: tuple[Float[np.ndarray, "clips classes"], Float[np.ndarray, "clips classes"]],
    targets: Bool[np.ndarray, "clips classes"],
    folds: Int64[np.ndarray, " clips"] | None = None,
    resampling: Resampling | None = None,
    *,
    threshold: float = THRESHOLD,
) -> dict[str, Estimate]:
    """Work out by how much the first scores are better than the second on the same clips, measure by measure.

    Both are measured on the same resamples, which makes the intervals of the differences paired: much narrower than two intervals
    side by side. Parameters and errors are those of :func:`estimate_measures`, but ``scores`` are those of the two models.
    """
    drawn = resampling or Resampling()
    first, second = scores
    places = np.zeros(len(first), dtype=np.int64) if folds is None else folds
    values = [_measure_folds(names, one, targets, places, threshold) for one in (first, second)]
    resampled = [_resample(names, one, targets, places, drawn, threshold) for one in (first, second)]
    return {
        name: _summarise(values[0][name] - values[1][name], resampled[0][name] - resampled[1][name], drawn)
        for name in names
    }


def _measure_folds(
    names: Sequence[str], scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, threshold: float
) -> dict[str, float]:
    """Mean over the folds where a measure is defined."""
    of_folds = [
        compute_measures(names, scores[folds == fold], targets[folds == fold], threshold) for fold in np.unique(folds)
    ]
    return {name: float(_mean_defined(np.array([[one[name] for one in of_folds]]))[0]) for name in names}


def _resample(
    names: Sequence[str],
    scores: np.ndarray,
    targets: np.ndarray,
    folds: np.ndarray,
    drawn: Resampling,
    threshold: float,
) -> dict[str, Float64[np.ndarray, " resamples"]]:
    """Draw resamples and give the mean over folds of each; the draws depend on the folds and the seed alone."""
    if len(folds) == 0 or drawn.resamples < 1 or not 0.0 < drawn.level < 1.0:
        found = f"{len(folds)} clips, {drawn.resamples} resamples, level {drawn.level}"
        raise UsageError("bootstrap", found, "some clips, some resamples, a level within 0 and 1")
    rng = np.random.default_rng(drawn.seed)
    numbers = np.unique(folds)
    of_folds: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for fold in numbers:
        rows = np.flatnonzero(folds == fold)
        if drawn.over == "folds":
            weights = np.ones((1, len(rows)), dtype=np.int64)
        else:
            weights = rng.multinomial(len(rows), np.full(len(rows), 1.0 / len(rows)), size=drawn.resamples)
        found = resample_measures(names, scores[rows], targets[rows], weights, threshold)
        for name in names:
            of_folds[name].append(np.broadcast_to(found[name], drawn.resamples))
    stacked = {name: np.stack(values, axis=1) for name, values in of_folds.items()}
    if drawn.over != "clips":
        chosen = rng.integers(0, len(numbers), size=(drawn.resamples, len(numbers)))
        stacked = {name: np.take_along_axis(values, chosen, axis=1) for name, values in stacked.items()}
    return {name: _mean_defined(values) for name, values in stacked.items()}


def _mean_defined(values: Float64[np.ndarray, "resamples folds"]) -> Float64[np.ndarray, " resamples"]:
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(defined, values, 0.0).sum(axis=1) / defined.sum(axis=1)


def _summarise(value: float, resampled: np.ndarray, drawn: Resampling) -> Estimate:
    """Take the percentiles of what is defined; an infinite d-prime sorts like any number."""
    usable = np.sort(resampled[~np.isnan(resampled)])
    if not usable.size:
        return Estimate(value, float("nan"), float("nan"))
    ends = [(1.0 - drawn.level) / 2.0, (1.0 + drawn.level) / 2.0]
    if np.isinf(usable).any():
        low, high = (usable[round(end * (usable.size - 1))] for end in ends)
    else:
        low, high = np.quantile(usable, ends)
    return Estimate(value, float(low), float(high))


def mean_of_folds(values: Float64[np.ndarray, " clips"], folds: Int64[np.ndarray, " clips"]) -> float:
    """Mean over folds of the mean over each fold's clips, as scores of cross-validation are given."""
    _, members = np.unique(folds, return_inverse=True)
    return float(np.mean(np.bincount(members, weights=values) / np.bincount(members)))


def bootstrap_interval(
    values: Float64[np.ndarray, "runs clips"],
    folds: Int64[np.ndarray, " clips"],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> tuple[float, float]:
    """Interval of the mean of folds, by the percentiles of a bootstrap.

    Each resample draws, with replacement, as many clips within each fold as it has, and as many runs as there are. What one number
    per clip and run is, is the caller's: 1 for a hit and 0 for a miss, or the difference of two models' hits, which makes a paired
    interval.

    Parameters
    ----------
    values
        One row per run: runs differ by their seed alone.
    folds
        Fold of each clip.
    seed
        Of the resampling.
    resamples
        Number of resamples.
    level
        Share of the resamples that the interval holds.

    Returns
    -------
    tuple of float
        Its ends. It says how far the score would move with other clips of the same kind (and other seeds), the training clips of
        each fold being what they are.

    Raises
    ------
    UsageError
        When there are no clips, or ``resamples`` or ``level`` is out of range.
    """
    if values.size == 0 or resamples < 1 or not 0.0 < level < 1.0:
        found = f"{values.shape[1]} clips, {resamples} resamples, level {level}"
        raise UsageError("bootstrap", found, "some clips, some resamples, a level within 0 and 1")
    rng = np.random.default_rng(seed)
    num_runs, num_clips = values.shape
    members = [np.flatnonzero(folds == fold) for fold in np.unique(folds)]
    means = np.zeros(resamples)
    step = max(1, _BLOCK_VALUES // num_clips)
    for first in range(0, resamples, step):
        count = min(step, resamples - first)
        # which runs are drawn, as the weight of each
        weights = rng.multinomial(num_runs, np.full(num_runs, 1.0 / num_runs), size=count) / num_runs
        per_clip = weights @ values
        for rows in members:
            drawn = rng.integers(0, len(rows), size=(count, len(rows)))
            means[first : first + count] += np.take_along_axis(per_clip[:, rows], drawn, axis=1).mean(axis=1)
    means /= len(members)
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)
