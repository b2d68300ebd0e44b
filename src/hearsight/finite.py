"""NaN and infinity in arrays: which values are not finite, for the errors that refuse them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Shaped


def describe_not_finite(values: Shaped[np.ndarray, "*shape"]) -> str:
    """Describe the values of an array that are NaN or infinite: how many there are, and the first one with its place.

    Parameters
    ----------
    values
        Numbers of any shape, at least one of which is not finite.

    Returns
    -------
    str
        For example ``3 of 16,000 values, the first is nan at index 17``; an index per axis where there are several.
    """
    wrong = np.flatnonzero(~np.isfinite(values))
    first = int(wrong[0])
    place = ", ".join(str(int(index)) for index in np.unravel_index(first, values.shape))
    return f"{len(wrong):,} of {values.size:,} values, the first is {values.flat[first]} at index {place}"
