"""What heads are fitted on: descriptions of clips, checked rows of features and truths, and what brings rows to one scale."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from hearsight.errors import UsageError
from hearsight.learners.rows import refuse_not_finite, weigh_parts


@dataclasses.dataclass(frozen=True)
class Description:
    """Rows of numbers that describe clips.

    Attributes
    ----------
    values
        A row per clip; or, with ``counts``, the rows of each clip's windows, one clip after the other.
    counts
        Windows of each clip; None where a clip is one row. A head is then fitted on windows, and the scores of a clip are the mean
        of its windows' (Aytar 2016, section 3.3).
    widths
        Numbers of a row that come from each of several models, from left to right; empty where all are one's.
    """

    values: Float[np.ndarray, "rows dim"]
    counts: Int64[np.ndarray, " clips"] | None = None
    widths: tuple[int, ...] = ()

    @property
    def num_clips(self) -> int:
        """Count the clips."""
        return len(self.values) if self.counts is None else len(self.counts)


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
    features: Float[np.ndarray, "clips dim"], widths: Sequence[int] = ()
) -> tuple[Float64[np.ndarray, " dim"], Float64[np.ndarray, " dim"]]:
    """Give mean and deviation of each feature; infinity in the place of a deviation of zero.

    What never varies has nothing to say: not even where it does vary among other clips. With the ``widths`` of several parts,
    deviations are such that each part counts alike once features are divided by them (:func:`hearsight.learners.weigh_parts`).
    """
    mean, deviation = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    varies = deviation > 1e-12 * np.abs(mean)
    return mean, np.where(varies, deviation, np.inf) / weigh_parts(varies, widths)
