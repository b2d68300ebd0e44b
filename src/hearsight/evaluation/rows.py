"""What heads are fitted on: checked rows of features and truths, and what brings rows to one scale."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64

from hearsight.errors import UsageError
from hearsight.learners.rows import refuse_not_finite


def check_rows(features: Float[np.ndarray, "clips dim"], truths: Bool[np.ndarray, "clips classes"]) -> None:
    """Refuse rows that nothing can be fitted on.

    Raises
    ------
    UsageError
        When lengths differ, there are no rows, or a feature is not finite.
    """
    if len(features) != len(truths) or not len(features):
        raise UsageError(
            "features", f"{len(features)} clips, {len(truths)} rows of truths", "one row each, at least one"
        )
    refuse_not_finite("features", features)


def find_present(truths: Bool[np.ndarray, "clips classes"]) -> Bool[np.ndarray, " classes"]:
    """Say which classes have a clip.

    Raises
    ------
    UsageError
        When fewer than two have.
    """
    present = np.any(truths, axis=0)
    if present.sum() < 2:
        raise UsageError("truths", f"{int(present.sum())} classes among {len(truths)} clips", "at least two")
    return present


def measure_spread(
    features: Float[np.ndarray, "clips dim"],
) -> tuple[Float64[np.ndarray, " dim"], Float64[np.ndarray, " dim"]]:
    """Give mean and deviation of each feature; infinity in the place of a deviation of zero.

    What never varies has nothing to say: not even where it does vary among other clips.
    """
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    return mean, np.where(deviation > 1e-12 * np.abs(mean), deviation, np.inf)
