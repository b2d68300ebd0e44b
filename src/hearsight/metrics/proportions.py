"""Intervals of a share: of so many trials, so many succeeded.

The interval is Wilson's (1927, *Probable inference, the law of succession, and statistical inference*), which stays within 0 and 1
and is no point where all trials succeed. Trials that stand for unequal numbers of others count as many as Kish's effective number
(1965, *Survey sampling*, section 8.2), which is what Korn & Graubard (1998) use for shares from surveys.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from jaxtyping import Float64

from hearsight.errors import UsageError
from hearsight.metrics.intervals import LEVEL, Estimate


def estimate_share(successes: float, trials: float, level: float = LEVEL) -> Estimate:
    """Return a share with Wilson's interval; of no trials, NaN within 0 and 1.

    Parameters
    ----------
    successes, trials
        Numbers, which need not be whole.
    level
        Share of the intervals that contain the true share.

    Raises
    ------
    UsageError
        When there are more successes than trials, or the level is not within 0 and 1.

    Examples
    --------
    >>> from hearsight.metrics.proportions import estimate_share
    >>> found = estimate_share(9, 10)
    >>> round(found.low, 3), round(found.high, 3)
    (0.596, 0.982)
    """
    if not 0.0 <= successes <= trials or not 0.0 < level < 1.0:
        found = f"{successes:g} of {trials:g} at level {level:g}"
        raise UsageError("share", found, "at most all of them, and a level within 0 and 1")
    if trials == 0.0:
        return Estimate(math.nan, 0.0, 1.0)
    share, squared = successes / trials, NormalDist().inv_cdf((1.0 + level) / 2.0) ** 2
    centre = (share + squared / (2.0 * trials)) / (1.0 + squared / trials)
    spread = math.sqrt(squared * (share * (1.0 - share) + squared / (4.0 * trials)) / trials) / (1.0 + squared / trials)
    return Estimate(share, max(0.0, min(centre - spread, share)), min(1.0, max(centre + spread, share)))


def estimate_weighted_share(
    successes: Float64[np.ndarray, " trials"], weights: Float64[np.ndarray, " trials"], level: float = LEVEL
) -> Estimate:
    """Return the share of a population from trials that each stand for several of its members.

    Parameters
    ----------
    successes
        1 or 0 per trial.
    weights
        How many members each trial stands for, above 0.
    level
        Of the interval.
    """
    total = float(weights.sum())
    if total == 0.0:
        return estimate_share(0.0, 0.0, level)
    effective = total**2 / float(np.square(weights).sum())
    share = min(1.0, float(weights @ successes) / total)
    return estimate_share(share * effective, effective, level)
