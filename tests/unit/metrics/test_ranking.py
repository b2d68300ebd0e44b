from __future__ import annotations

import math
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from hearsight.errors import UsageError
from hearsight.metrics import ranking as ranking_module
from hearsight.metrics.averages import d_prime, mean_average_precision, mean_defined, weigh_by_prevalence
from hearsight.metrics.ranking import area_under_curve, average_precision, rank_classes, rank_resamples
from hearsight.metrics.tagging import hits, one_best_accuracy, top_accuracy


def draw(seed: int, clips: int = 60, classes: int = 7, levels: int | None = None):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal((clips, classes))
    if levels:
        scores = np.round(scores * levels) / levels
    return scores, rng.random((clips, classes)) < 0.2


@pytest.mark.parametrize("levels", [None, 4, 1])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_average_precision_and_auc_equal_scikit_learn_with_ties(levels, dtype):
    scores, targets = draw(1, levels=levels)
    scores = scores.astype(dtype)
    targets[0], targets[1] = True, False
    ranking = rank_classes(scores, targets)
    for index in range(scores.shape[1]):
        column = scores[:, index].astype(np.float64)
        assert ranking.average_precision[index] == pytest.approx(
            average_precision_score(targets[:, index], column), abs=1e-9
        )
        assert ranking.area_under_curve[index] == pytest.approx(roc_auc_score(targets[:, index], column), abs=1e-9)
        assert ranking.num_positives[index] == targets[:, index].sum()


def test_undefined_classes_are_nan_and_counted_and_left_out_of_the_mean():
    scores = np.array([[0.9, 0.1, 0.5], [0.2, 0.3, 0.4]])
    targets = np.array([[True, False, True], [False, False, True]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        precision = average_precision(scores, targets)
        area = area_under_curve(scores, targets)
    np.testing.assert_array_equal(np.isnan(precision), [False, True, False])
    np.testing.assert_array_equal(np.isnan(area), [False, True, True])
    assert mean_average_precision(scores, targets) == 1.0
    assert mean_defined(area) == 1.0
    assert math.isnan(mean_average_precision(scores, np.zeros_like(targets)))


def test_the_result_does_not_depend_on_the_block_size():
    scores, targets = draw(2, classes=23, levels=3)
    whole = rank_classes(scores, targets)
    pieces = rank_classes(scores, targets, block_bytes=1)
    np.testing.assert_array_equal(whole.average_precision, pieces.average_precision)
    np.testing.assert_array_equal(whole.area_under_curve, pieces.area_under_curve)


def test_scores_may_lie_in_a_file(tmp_path):
    scores, targets = draw(3)
    file = np.lib.format.open_memmap(tmp_path / "scores.npy", mode="w+", dtype=np.float16, shape=scores.shape)
    file[:] = scores
    file.flush()
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        average_precision(mapped, targets), average_precision(scores.astype(np.float16), targets)
    )


def test_infinite_scores_have_a_rank():
    scores = np.array([[np.inf], [0.0], [-np.inf]])
    assert average_precision(scores, np.array([[True], [False], [False]]))[0] == 1.0
    assert area_under_curve(scores, np.array([[False], [False], [True]]))[0] == 0.0


@pytest.mark.parametrize(("area", "expected"), [(0.959, 2.45), (0.926, 2.04), (0.5, 0.0)])
def test_d_prime_is_that_of_the_class_mean_auc(area, expected):
    assert d_prime(area) == pytest.approx(expected, abs=0.02)


def test_d_prime_has_no_finite_value_at_a_perfect_or_inverted_auc():
    assert d_prime(1.0) == math.inf
    assert d_prime(0.0) == -math.inf
    assert math.isnan(d_prime(math.nan))
    with pytest.raises(UsageError, match=r"0 to 1"):
        d_prime(1.2)


def test_one_best_hits_when_the_top_class_is_any_truth():
    scores = np.array([[0.1, 0.9, 0.3], [0.8, 0.1, 0.7], [0.2, 0.3, 0.1]])
    targets = np.array([[True, True, False], [False, True, True], [False, False, False]])
    assert one_best_accuracy(scores, targets) == pytest.approx(1 / 3)
    assert top_accuracy(scores, targets, top=2) == pytest.approx(2 / 3)
    assert top_accuracy(scores, targets, top=3) == pytest.approx(2 / 3)
    np.testing.assert_array_equal(hits(scores, targets), [True, False, False])


def test_among_equal_scores_the_lower_class_comes_first():
    scores = np.zeros((1, 4))
    for index in range(4):
        targets = np.zeros((1, 4), dtype=bool)
        targets[0, index] = True
        assert top_accuracy(scores, targets, top=2) == (index < 2)


def test_scores_without_a_rank_or_a_partner_are_refused():
    good, targets = np.zeros((2, 3)), np.zeros((2, 3), dtype=bool)
    bad = good.copy()
    bad[1, 2] = np.nan
    for measure in (average_precision, one_best_accuracy):
        with pytest.raises(UsageError, match="NaN"):
            measure(bad, targets)
        with pytest.raises(UsageError, match="at least one clip"):
            measure(np.zeros((0, 3)), np.zeros((0, 3), dtype=bool))
    with pytest.raises(UsageError, match="at least 1"):
        top_accuracy(good, targets, top=0)


@pytest.mark.parametrize("order", ["C", "F"])
def test_measuring_leaves_the_scores_as_they_are(order):
    scores, targets = draw(4, classes=1)
    scores, before = np.asarray(scores, order=order), scores.copy()
    rank_classes(scores, targets)
    np.testing.assert_array_equal(scores, before)


def test_an_error_counts_the_scores_that_are_nan():
    scores, targets = draw(5)
    scores[[3, 8, 13], 2] = np.nan
    with pytest.raises(UsageError, match="3 of the values are NaN"):
        rank_classes(scores, targets)
    with pytest.raises(UsageError, match="3 of the values are NaN"):
        rank_resamples(scores, targets, np.ones((2, len(scores)), np.int64))


def test_no_clips_cannot_be_resampled():
    with pytest.raises(UsageError, match="at least one clip"):
        rank_resamples(np.zeros((0, 3)), np.zeros((0, 3), dtype=bool), np.ones((2, 0), np.int64))


@pytest.mark.parametrize(("cores", "asked", "threads"), [(2, None, 2), (64, None, 8), (2, 3, 3)])
def test_a_thread_sorts_for_each_processor_up_to_eight_or_as_many_as_are_asked_for(cores, asked, threads, monkeypatch):
    used = []

    def open_pool(count: int) -> ThreadPoolExecutor:
        used.append(count)
        return ThreadPoolExecutor(count)

    monkeypatch.setattr(ranking_module, "count_cores", lambda: cores)
    monkeypatch.setattr(ranking_module, "ThreadPoolExecutor", open_pool)
    rank_classes(*draw(6), threads=asked)
    assert used == [threads]


def test_a_mean_by_prevalence_leaves_out_what_is_undefined_or_has_no_positive():
    assert weigh_by_prevalence(np.array([0.2, 0.8]), np.array([1.0, 3.0])) == pytest.approx(0.65)
    assert weigh_by_prevalence(np.array([math.nan, 0.8]), np.array([2.0, 1.0])) == pytest.approx(0.8)
    assert math.isnan(weigh_by_prevalence(np.array([0.5, 0.7]), np.array([0.0, 0.0])))
