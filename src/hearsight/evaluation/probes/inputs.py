"""What probes are fitted on: features of clips, checked rows of features and targets, and their scaling."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64

from hearsight.errors import UsageError
from hearsight.learners.rows import refuse_not_finite, weigh_parts


def check_rows(features: Float[np.ndarray, "clips dim"], targets: Bool[np.ndarray, "clips classes"]) -> None:
    """Refuse rows that nothing can be fitted on.

    Raises
    ------
    UsageError
        When lengths differ, there are no rows, or a feature is not finite.
    """
    if len(features) != len(targets) or not len(features):
        raise UsageError(
            "features", f"{len(features)} clips, {len(targets)} rows of targets", "one row each, at least one"
        )
    refuse_not_finite("features", features)


def find_present(targets: Bool[np.ndarray, "clips classes"]) -> Bool[np.ndarray, " classes"]:
    """Return which classes have a clip.

    Raises
    ------
    UsageError
        When fewer than two have.
    """
    present = np.any(targets, axis=0)
    if present.sum() < 2:
        raise UsageError("targets", f"{int(present.sum())} classes among {len(targets)} clips", "at least two")
    return present


def measure_spread(
    features: Float[np.ndarray, "clips dim"], widths: Sequence[int] = ()
) -> tuple[Float64[np.ndarray, " dim"], Float64[np.ndarray, " dim"]]:
    """Return mean and deviation of each feature; infinity in the place of a deviation of zero.

    A feature that never varies here is ignored, even where it varies among other clips. With the ``widths`` of several parts,
    deviations are such that each part counts alike once features are divided by them (:func:`hearsight.learners.weigh_parts`).
    """
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-12 * np.abs(mean)
    return mean, np.where(varies, deviation, np.inf) / weigh_parts(varies, widths)
