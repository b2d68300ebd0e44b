"""A threshold that is fitted by counting is the one that is fitted by sorting."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hearsight.dataset.labels.thresholds import ThresholdFit
from hearsight.teachers.policy import fit_threshold

probabilities = st.floats(0.0, 1.0, width=32) | st.sampled_from([0.0, 0.1, 0.25, 0.5, 1.0])


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 5)), elements=probabilities),
    st.floats(0.0, 6.0),
    st.sampled_from([0.0, 0.05, 0.5, -1.0]),
    st.integers(1, 7),
)
def test_threshold_is_that_of_sorted_probabilities(
    values: np.ndarray, mean: float, min_probability: float, pieces: int
) -> None:
    fit = ThresholdFit(mean, min_probability)
    found = fit.fit(lambda: (piece.ravel() for piece in np.array_split(values, pieces)), len(values))
    assert found == fit_threshold(values, mean, min_probability=min_probability)


def test_threshold_of_nothing_is_zero() -> None:
    assert ThresholdFit(3.0).fit(lambda: iter([np.zeros(4, np.float32)]), 4) == 0.0
