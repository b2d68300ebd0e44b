from __future__ import annotations

import numpy as np

from hearsight.finite import describe_not_finite


def test_the_first_value_that_is_not_finite_is_named_with_its_place() -> None:
    values = np.zeros((3, 2000), np.float32)
    values[1, 17], values[2, 0] = np.nan, -np.inf
    assert describe_not_finite(values) == "2 of 6,000 values, the first is nan at index 1, 17"
    assert describe_not_finite(np.array([1.0, -np.inf])) == "1 of 2 values, the first is -inf at index 1"
