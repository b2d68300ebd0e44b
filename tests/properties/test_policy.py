from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hearsight.teachers.policy import choose_labels, fit_threshold, keep_soft_labels

# few different values, so that ties are the rule
probabilities = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.9, 1.0]).map(np.float32) | st.floats(0, 1, width=32)
matrices = arrays.arrays(
    np.float32, arrays.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=12), elements=probabilities
)
filled = arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=probabilities)


def count_labels(matrix: np.ndarray, threshold: float) -> int:
    return int(((matrix >= np.float32(threshold)) & (matrix > 0)).sum())


@given(matrices, st.floats(0.01, 20))
def test_no_other_threshold_comes_closer_to_the_mean(matrix: np.ndarray, mean: float):
    threshold = fit_threshold(matrix, mean)
    target = mean * len(matrix)
    distance = abs(count_labels(matrix, threshold) - target)
    others = [abs(count_labels(matrix, float(other)) - target) for other in np.unique(matrix[matrix > 0])]
    assert distance <= min(others, default=distance)


@given(matrices, st.floats(0.01, 10), st.floats(0.01, 10))
def test_more_labels_never_need_a_higher_threshold(matrix: np.ndarray, one: float, other: float):
    low, high = sorted((one, other))
    assert fit_threshold(matrix, high) <= fit_threshold(matrix, low)


@given(arrays.arrays(np.float32, (9, 5), elements=st.floats(1 / 128, 1, width=32), unique=True), st.floats(0.2, 5))
def test_distinct_probabilities_come_within_half_a_label(matrix: np.ndarray, mean: float):
    assert abs(count_labels(matrix, fit_threshold(matrix, mean)) - mean * 9) <= 0.5


@given(matrices, st.floats(0.01, 10), st.integers(0, 99))
def test_the_order_of_clips_does_not_matter(matrix: np.ndarray, mean: float, seed: int):
    shuffled = matrix[np.random.default_rng(seed).permutation(len(matrix))]
    assert fit_threshold(matrix, mean) == fit_threshold(shuffled, mean)


@given(filled, st.integers(0, 15))
def test_kept_classes_are_the_most_probable_with_ties_by_class(matrix: np.ndarray, top: int):
    soft = keep_soft_labels(matrix, top)
    mean = matrix.mean(axis=0, dtype=np.float64).astype(np.float32)
    order = sorted(range(len(mean)), key=lambda index: (-mean[index], index))[: top or None]
    assert soft.classes.tolist() == order
    np.testing.assert_array_equal(soft.probabilities, mean[order])
    assert len(soft.item_classes) == len(matrix)


@given(filled, st.integers(1, 12), st.floats(0, 1), st.floats(0, 1))
def test_labels_are_the_first_soft_labels_that_pass(
    matrix: np.ndarray, top: int, threshold: float, min_probability: float
):
    soft = keep_soft_labels(matrix, 0)
    labels = choose_labels(soft, top=top, threshold=threshold, min_probability=min_probability)
    assert labels.tolist() == soft.classes[: len(labels)].tolist()
    assert len(labels) <= top
    stricter = choose_labels(soft, top=top, threshold=min(1.0, threshold + 0.1), min_probability=min_probability)
    assert len(stricter) <= len(labels)
