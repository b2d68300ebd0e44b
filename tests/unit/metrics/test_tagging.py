from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn.metrics import f1_score, label_ranking_average_precision_score, roc_auc_score

from hearsight.metrics.averages import class_d_primes, d_prime, mean_area_under_curve, weighted_area_under_curve
from hearsight.metrics.tagging import count_at_threshold, f1_macro, f1_micro, label_ranking_precision, lwlrap


def draw(seed=0, clips=80, classes=9, levels=None):
    rng = np.random.default_rng(seed)
    scores = rng.random((clips, classes))
    if levels:
        scores = np.round(scores * levels) / levels
    return scores, rng.random((clips, classes)) < 0.3


@pytest.mark.parametrize("levels", [None, 5, 1])
def test_lwlrap_equals_scikit_learn_weighted_by_labels(levels):
    scores, targets = draw(1, levels=levels)
    targets[:3] = False
    targets[3] = True
    expected = label_ranking_average_precision_score(targets, scores, sample_weight=targets.sum(axis=1))
    assert lwlrap(scores, targets) == pytest.approx(expected, abs=1e-9)


def test_a_clip_without_truths_counts_nothing_in_lwlrap():
    scores, targets = draw()
    more = np.vstack([scores, scores[:5]]), np.vstack([targets, np.zeros((5, 9), dtype=bool)])
    assert lwlrap(*more) == lwlrap(scores, targets)
    assert math.isnan(lwlrap(scores, np.zeros_like(targets)))
    sums, counts = label_ranking_precision(*more)
    assert (sums[-5:] == 0.0).all()
    assert counts[-5:].sum() == 0


def test_lwlrap_of_a_worked_example():
    scores = np.array([[0.9, 0.8, 0.7, 0.1]])
    targets = np.array([[True, False, True, False]])
    assert lwlrap(scores, targets) == pytest.approx((1 + 2 / 3) / 2)


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.9])
def test_f1_equals_scikit_learn(threshold):
    scores, targets = draw(2)
    called = scores >= threshold
    assert f1_micro(scores, targets, threshold=threshold) == pytest.approx(f1_score(targets, called, average="micro"))
    assert f1_macro(scores, targets, threshold=threshold) == pytest.approx(
        f1_score(targets, called, average="macro", zero_division=np.nan)
    )


def test_f1_of_a_class_that_is_nowhere_is_undefined_and_left_out_of_the_mean():
    scores, targets = draw(3)
    scores[:, 0], targets[:, 0] = 0.0, False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        counts = count_at_threshold(scores, targets)
    assert math.isnan(counts.class_f1[0])
    assert counts.macro_f1 == pytest.approx(counts.class_f1[1:].mean())
    assert math.isnan(f1_micro(np.zeros((2, 2)), np.zeros((2, 2), dtype=bool)))


def test_the_auc_by_prevalence_equals_scikit_learn():
    scores, targets = draw(4, levels=6)
    targets[:, 0] &= np.arange(80) < 10
    expected = roc_auc_score(targets, scores, average="weighted")
    assert weighted_area_under_curve(scores, targets) == pytest.approx(expected, abs=1e-9)
    assert mean_area_under_curve(scores, targets) == pytest.approx(roc_auc_score(targets, scores), abs=1e-9)


def test_an_absent_class_counts_in_neither_mean_of_the_auc():
    scores, targets = draw(5)
    targets[:, 2] = False
    rest = np.delete(scores, 2, axis=1), np.delete(targets, 2, axis=1)
    assert weighted_area_under_curve(scores, targets) == weighted_area_under_curve(*rest)
    assert mean_area_under_curve(scores, targets) == mean_area_under_curve(*rest)


def test_d_prime_is_taken_of_each_class_where_that_is_asked_for():
    values = class_d_primes(np.array([0.5, 0.926, 1.0, math.nan]))
    assert values[0] == pytest.approx(0.0, abs=1e-12)
    assert values[1] == pytest.approx(d_prime(0.926))
    assert values[2] == math.inf
    assert math.isnan(values[3])
    # the mean of the classes' d' is not the d' of their mean
    assert np.mean(class_d_primes(np.array([0.6, 0.99]))) != pytest.approx(d_prime(0.795), abs=0.1)
