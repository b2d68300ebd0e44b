"""Confidence intervals of measures: bootstrap over clips and over folds, and paired comparisons of two models.

A score of cross-validation is the mean over folds of the measure of each fold. Over clips, each resample draws as many clips within
each fold as the fold has, with replacement: how far the score would move with other clips of the same kind. Over folds, it draws as
many folds as there are: how far the score would move with other splits, of which a handful of folds gives a rough idea only.

Average precision is biased upwards in a resample. A clip that is drawn twice counts as a hit in its own precision twice, and
a class whose few clips are not drawn is left out of the mean. Of 400 clips in 527 classes the plain percentiles do not even contain
the value that was measured. The interval is therefore that of the resamples' deviations from their own mean, set around the
measured value (the bootstrap's estimate of bias is subtracted: Efron & Tibshirani 1993, chapter 10). On simulated clips of
rare classes 90 to 95 % of these intervals cover the expected score; of plain percentiles 35 to 71 % do.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

from hearsight.errors import UsageError
from hearsight.metrics.measures import THRESHOLD, compute_measures, resample_measures

RESAMPLES = 10_000
"""Resamples of the interval of a mean of values per clip, which costs next to nothing."""
LEVEL = 0.95
"""Share of the resamples that an interval holds."""

_BLOCK_VALUES = 4_000_000

Over = Literal["clips", "folds", "both"]
"""What each resample draws."""


@dataclasses.dataclass(frozen=True)
class Resampling:
    """How intervals are drawn.

    Attributes
    ----------
    over
        Whether clips within folds are resampled, or folds, or both.
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
    """A measure, or a difference of two, with the ends of its interval; NaN where undefined. The interval contains the value."""

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
    """Compute measures as means over folds, with their intervals.

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
    return {name: _summarise(name, values[name], resampled[name], drawn) for name in names}


def compare_measures(
    names: Sequence[str],
    scores: tuple[Float[np.ndarray, "clips classes"], Float[np.ndarray, "clips classes"]],
    targets: Bool[np.ndarray, "clips classes"],
    folds: Int64[np.ndarray, " clips"] | None = None,
    resampling: Resampling | None = None,
    *,
    thresholds: tuple[float, float] = (THRESHOLD, THRESHOLD),
) -> dict[str, Estimate]:
    """Compute by how much the first scores are better than the second on the same clips, measure by measure.

    Both are measured on the same resamples, so the intervals of the differences are paired: much narrower than two intervals side
    by side. Parameters and errors are those of :func:`estimate_measures`, but ``scores`` and ``thresholds`` are those of the two
    models.
    """
    drawn = resampling or Resampling()
    first, second = scores
    places = np.zeros(len(first), dtype=np.int64) if folds is None else folds
    pairs = list(zip((first, second), thresholds, strict=True))
    values = [_measure_folds(names, one, targets, places, threshold) for one, threshold in pairs]
    resampled = [_resample(names, one, targets, places, drawn, threshold) for one, threshold in pairs]
    return {
        name: _summarise(name, values[0][name] - values[1][name], resampled[0][name] - resampled[1][name], drawn, -1.0)
        for name in names
    }


def estimate_over_runs(
    name: str,
    runs: Sequence[Float[np.ndarray, "clips classes"]],
    targets: Bool[np.ndarray, "clips classes"],
    folds: Int64[np.ndarray, " clips"],
    resampling: Resampling | None = None,
    *,
    threshold: float = THRESHOLD,
    baseline: Sequence[Float[np.ndarray, "clips classes"]] = (),
) -> Estimate:
    """Compute the mean of a measure over runs that differ by their seed, with its interval over clips and runs.

    Parameters
    ----------
    name
        Of :data:`hearsight.metrics.measures.MEASURES`.
    runs
        The scores of each run.
    targets, folds, resampling, threshold
        As for :func:`estimate_measures`.
    baseline
        The scores of another model's runs. If there are any, the estimate is the paired difference from them: run by run where
        there are as many, else from their mean.

    Raises
    ------
    UsageError
        When there is no run, a name is unknown, shapes differ, or the resampling is out of range.
    """
    if not runs:
        raise UsageError("runs", f"{len(runs)} runs", "at least one")
    drawn = resampling or Resampling()

    def measure(scores: Float[np.ndarray, "clips classes"]) -> tuple[float, Float64[np.ndarray, " resamples"]]:
        value = _measure_folds((name,), scores, targets, folds, threshold)[name]
        return value, _resample((name,), scores, targets, folds, drawn, threshold)[name]

    values, resampled = zip(*(measure(scores) for scores in runs), strict=True)
    found, means = np.array(values), np.stack(resampled, axis=1)
    if baseline:
        others, theirs = zip(*(measure(scores) for scores in baseline), strict=True)
        paired = len(others) == len(found)
        with np.errstate(
            invalid="ignore"
        ):  # d' is infinite where a class is perfectly separated, and a difference undefined
            found = found - (np.array(others) if paired else np.mean(others))
            means = means - (np.stack(theirs, axis=1) if paired else np.mean(theirs, axis=0)[:, None])
    rng = np.random.default_rng(drawn.seed)
    weights = rng.multinomial(len(runs), np.full(len(runs), 1.0 / len(runs)), size=len(means)) / len(runs)
    with np.errstate(invalid="ignore"):  # infinity times the weight 0 of a run that is not drawn
        drawn_means = np.where(weights > 0.0, weights * means, 0.0).sum(axis=1)
    return _summarise(name, float(found.mean()), drawn_means, drawn, -1.0 if baseline else 0.0)


def _measure_folds(
    names: Sequence[str],
    scores: Float[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    folds: Int[np.ndarray, " clips"],
    threshold: float,
) -> dict[str, float]:
    """Mean over the folds where a measure is defined."""
    of_folds = [
        compute_measures(names, scores[folds == fold], targets[folds == fold], threshold) for fold in np.unique(folds)
    ]
    return {name: float(_mean_defined(np.array([[one[name] for one in of_folds]]))[0]) for name in names}


def _resample(
    names: Sequence[str],
    scores: Float[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    folds: Int[np.ndarray, " clips"],
    drawn: Resampling,
    threshold: float,
) -> dict[str, Float64[np.ndarray, " resamples"]]:
    """Draw resamples and return the mean over folds of each; the draws depend on the folds and the seed alone."""
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


def _summarise(
    name: str, value: float, resampled: Float64[np.ndarray, " resamples"], drawn: Resampling, least: float = 0.0
) -> Estimate:
    """Set the percentiles of the resamples' deviations from their mean around the value; in ``least`` to 1, except d-prime."""
    usable = np.sort(resampled[~np.isnan(resampled)])
    if not usable.size or math.isnan(value):
        return Estimate(value, math.nan, math.nan)
    ends = [(1.0 - drawn.level) / 2.0, (1.0 + drawn.level) / 2.0]
    if not np.isfinite(usable).all() or math.isinf(value):
        # an infinite d-prime sorts like any number, but nothing can be subtracted from it
        low, high = (float(usable[round(end * (usable.size - 1))]) for end in ends)
    else:
        low, high = (float(end) for end in np.quantile(usable, ends) - usable.mean() + value)
        if name != "d_prime":
            low, high = max(low, least), min(high, 1.0)
    return Estimate(value, min(low, value), max(high, value))


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
        Its ends. It shows how far the score would move with other clips of the same kind (and other seeds), the training clips of
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
