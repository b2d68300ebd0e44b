from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsight.errors import UsageError
from hearsight.metrics.proportions import estimate_share, estimate_weighted_share


def test_intervals_are_those_of_the_published_table():
    # Newcombe 1998, Table I, method 3 (Wilson score)
    for successes, trials, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        found = estimate_share(successes, trials)
        assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_no_trials_leave_everything_open():
    found = estimate_share(0, 0)
    assert math.isnan(found.value)
    assert (found.low, found.high) == (0.0, 1.0)
    with pytest.raises(UsageError, match="3 of 2"):
        estimate_share(3, 2)


@given(st.integers(1, 500), st.data())
def test_an_interval_contains_its_share(trials, data):
    found = estimate_share(data.draw(st.integers(0, trials)), trials)
    assert 0.0 <= found.low <= found.value <= found.high <= 1.0


def test_unequal_weights_widen_the_interval_and_equal_ones_do_not_count():
    successes = np.array([1.0, 1.0, 0.0, 1.0])
    equal = estimate_weighted_share(successes, np.full(4, 7.0))
    assert equal == estimate_share(3, 4)
    unequal = estimate_weighted_share(successes, np.array([10.0, 1.0, 1.0, 1.0]))
    assert unequal.value == pytest.approx(12 / 13)
    assert unequal.high - unequal.low > equal.high - equal.low
    assert math.isnan(estimate_weighted_share(np.zeros(0), np.zeros(0)).value)
