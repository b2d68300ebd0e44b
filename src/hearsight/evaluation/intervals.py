"""How sure a score is: bootstrap intervals over clips, and over seeds where there are several runs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64, Int64

from hearsight.errors import UsageError

RESAMPLES = 10_000
LEVEL = 0.95

_BLOCK_VALUES = 4_000_000


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
