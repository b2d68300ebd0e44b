from __future__ import annotations

import numpy as np
import pytest

from hearsight.records import SoftLabels
from hearsight.teachers.policy import average_probabilities, choose_labels, fit_threshold, keep_soft_labels


@pytest.fixture
def soft() -> SoftLabels:
    return keep_soft_labels(np.array([[0.1, 0.5, 0.0, 0.5, 0.3]], np.float32), 5)


def test_images_are_averaged_over_the_clip():
    given = average_probabilities(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]], np.float32))
    np.testing.assert_array_equal(given, np.array([0.5, 0.5], np.float32))


def test_a_clip_without_items_has_no_probable_class():
    np.testing.assert_array_equal(average_probabilities(np.zeros((0, 3), np.float32)), np.zeros(3, np.float32))


def test_the_most_probable_classes_are_kept_in_order_with_ties_by_class(soft: SoftLabels):
    np.testing.assert_array_equal(soft.classes, [1, 3, 4, 0, 2])
    np.testing.assert_array_equal(soft.probabilities, np.array([0.5, 0.5, 0.3, 0.1, 0.0], np.float32))


def test_every_item_keeps_its_own_classes_in_order_of_time():
    soft = keep_soft_labels(np.array([[0.9, 0.1, 0.0], [0.0, 0.2, 0.8]], np.float32), 2)
    assert [classes.tolist() for classes in soft.item_classes] == [[0, 1], [2, 1]]
    np.testing.assert_array_equal(soft.item_probabilities[1], np.array([0.8, 0.2], np.float32))
    assert soft.classes.tolist() == [0, 2]


def test_zero_keeps_all_classes():
    assert len(keep_soft_labels(np.zeros((2, 7), np.float32), 0).classes) == 7
    assert len(keep_soft_labels(np.zeros((2, 120), np.float32)).classes) == 100


@pytest.mark.parametrize("top", [1, 2, 7, 99, 100, 999, 1000, 2000])
@pytest.mark.parametrize("levels", [1, 2, 5, 256, 10**6])
def test_what_is_kept_is_the_beginning_of_a_stable_sort_whatever_the_ties(top: int, levels: int):
    row = (np.random.default_rng(levels).integers(0, levels, 1000) / np.float32(levels)).astype(np.float32)
    row[::7] = -row[::7] * 0.0  # zeros of both signs are equal
    kept = keep_soft_labels(row[None], top)
    expected = np.argsort(-row, kind="stable")[:top]
    np.testing.assert_array_equal(kept.item_classes[0], expected)
    np.testing.assert_array_equal(kept.classes, expected)
    np.testing.assert_array_equal(kept.item_probabilities[0], row[expected])


def test_a_tie_at_the_last_rank_is_decided_by_the_class_index():
    row = np.array([0.1, 0.3, 0.3, 0.9, 0.3], np.float32)
    assert keep_soft_labels(row[None], 2).classes.tolist() == [3, 1]
    assert keep_soft_labels(row[None], 3).classes.tolist() == [3, 1, 2]


def test_labels_reach_the_threshold_and_exceed_the_least_probability(soft: SoftLabels):
    assert choose_labels(soft, top=10).tolist() == [1, 3, 4, 0]
    assert choose_labels(soft, top=2).tolist() == [1, 3]
    assert choose_labels(soft, top=10, threshold=0.3).tolist() == [1, 3, 4]
    assert choose_labels(soft, top=10, min_probability=0.3).tolist() == [1, 3]
    assert choose_labels(soft, top=10, threshold=0.6).tolist() == []


def test_the_threshold_gives_the_mean_that_is_aimed_at():
    probabilities = np.array([[0.9, 0.8, 0.7], [0.6, 0.5, 0.4]], np.float32)
    assert fit_threshold(probabilities, 2.0) == pytest.approx(0.6)
    assert fit_threshold(probabilities, 1.0) == pytest.approx(0.8)
    assert fit_threshold(probabilities, 9.0) == pytest.approx(0.4)


def test_between_two_equally_near_thresholds_the_lower_is_taken():
    assert fit_threshold(np.array([[0.9, 0.5]], np.float32), 1.5) == 0.5


def test_equal_probabilities_are_taken_together_or_not_at_all():
    probabilities = np.array([[0.9, 0.5, 0.5, 0.5, 0.1]], np.float32)
    assert fit_threshold(probabilities, 2.0) == pytest.approx(0.9)
    assert fit_threshold(probabilities, 3.0) == 0.5


def test_probabilities_that_never_count_do_not_bend_the_threshold():
    probabilities = np.array([[0.9, 0.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    assert fit_threshold(probabilities, 3.0) == pytest.approx(0.9)


@pytest.mark.parametrize("shape", [(0, 5), (4, 0), (3, 5)])
def test_no_probabilities_fit_a_threshold_of_zero(shape: tuple[int, int]):
    assert fit_threshold(np.zeros(shape, np.float32), 3.0) == 0.0
