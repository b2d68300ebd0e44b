from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import (
    average_precision_score,
    label_ranking_average_precision_score,
    roc_auc_score,
    top_k_accuracy_score,
)

from hearsight.metrics.intervals import Resampling, estimate_measures
from hearsight.metrics.measures import MEASURES
from hearsight.metrics.ranking import area_under_curve, rank_classes, rank_resamples
from hearsight.metrics.tagging import lwlrap, top_accuracy

few_levels = st.sampled_from([-1.0, 0.0, 0.25, 0.5, 1e-30, 1e30])
any_level = st.floats(-1e6, 1e6, width=32)


@st.composite
def scored_clips(draw):
    shape = draw(st.tuples(st.integers(2, 25), st.integers(1, 4)))
    elements = draw(st.sampled_from([few_levels, any_level]))
    scores = draw(hnp.arrays(np.float64, shape, elements=elements))
    return scores, draw(hnp.arrays(bool, shape))


@given(scored_clips())
def test_ranking_equals_scikit_learn_whatever_the_ties(case):
    scores, targets = case
    ranking = rank_classes(scores, targets)
    for index in range(scores.shape[1]):
        truth, column = targets[:, index], scores[:, index]
        if not truth.any():
            assert np.isnan(ranking.average_precision[index])
            continue
        assert ranking.average_precision[index] == pytest.approx(average_precision_score(truth, column), abs=1e-9)
        if truth.all():
            assert np.isnan(ranking.area_under_curve[index])
        else:
            assert ranking.area_under_curve[index] == pytest.approx(roc_auc_score(truth, column), abs=1e-9)


@given(scored_clips(), st.randoms(use_true_random=False))
def test_ranking_does_not_depend_on_the_order_of_clips(case, random):
    scores, targets = case
    order = list(range(scores.shape[0]))
    random.shuffle(order)
    one, other = rank_classes(scores, targets), rank_classes(scores[order], targets[order])
    np.testing.assert_allclose(one.average_precision, other.average_precision, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(one.area_under_curve, other.area_under_curve)


@given(scored_clips())
def test_turning_the_scores_round_turns_the_auc_round(case):
    scores, targets = case
    np.testing.assert_allclose(
        area_under_curve(scores, targets), 1.0 - area_under_curve(-scores, targets), rtol=0, atol=1e-12
    )


@given(scored_clips())
def test_top_accuracy_never_falls_as_more_classes_are_allowed(case):
    scores, targets = case
    values = [top_accuracy(scores, targets, top=top) for top in range(1, scores.shape[1] + 1)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(targets.any(axis=1).mean())


@given(hnp.arrays(np.float64, (12, 5), elements=any_level, unique=True), st.data())
def test_top_accuracy_of_one_truth_equals_scikit_learn_without_ties(scores, data):
    labels = data.draw(hnp.arrays(np.int64, 12, elements=st.integers(0, 4)))
    assume(len(np.unique(scores)) == scores.size)
    targets = np.eye(5, dtype=bool)[labels]
    for top in (1, 2, 3):
        expected = top_k_accuracy_score(labels, scores, k=top, labels=range(5))
        assert top_accuracy(scores, targets, top=top) == pytest.approx(expected)


@given(scored_clips(), st.data())
def test_a_weighted_ranking_is_that_of_the_clips_repeated(case, data):
    scores, targets = case
    weights = data.draw(hnp.arrays(np.int64, (2, len(scores)), elements=st.integers(0, 3)))
    found = rank_resamples(scores, targets, weights)
    for row, drawn in enumerate(weights):
        repeated = np.repeat(np.arange(len(scores)), drawn)
        if not len(repeated):
            assert np.isnan(found.average_precision[row]).all()
            continue
        expected = rank_classes(scores[repeated], targets[repeated])
        np.testing.assert_allclose(found.average_precision[row], expected.average_precision, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.area_under_curve[row], expected.area_under_curve, rtol=0, atol=1e-12)


@given(scored_clips())
def test_lwlrap_equals_scikit_learn_whatever_the_ties(case):
    scores, targets = case
    if targets.any() and scores.shape[1] > 1:
        weights = targets.sum(axis=1)
        expected = label_ranking_average_precision_score(targets, scores, sample_weight=weights)
        assert lwlrap(scores, targets) == pytest.approx(expected, abs=1e-9)


@given(scored_clips())
def test_rising_functions_of_the_scores_change_nothing(case):
    scores, targets = case
    assume(len(np.unique(scores)) == len(np.unique(np.arctan(scores))))  # as far as rounding keeps them apart
    one, other = rank_classes(scores, targets), rank_classes(np.arctan(scores), targets)
    np.testing.assert_array_equal(one.average_precision, other.average_precision)
    np.testing.assert_array_equal(one.area_under_curve, other.area_under_curve)
    assert lwlrap(scores, targets) == pytest.approx(lwlrap(np.arctan(scores), targets), nan_ok=True)


@given(scored_clips(), st.integers(1, 3))
def test_an_interval_contains_its_measure_and_stays_in_range(case, num_folds):
    scores, targets = case
    folds = np.arange(len(scores)) % num_folds
    for name, found in estimate_measures(tuple(MEASURES), scores, targets, folds, Resampling(resamples=50)).items():
        assert np.isnan(found.value) == np.isnan(found.low) == np.isnan(found.high)
        if not np.isnan(found.value):
            assert found.low <= found.value <= found.high
            assert name == "d_prime" or (found.low >= 0.0 and found.high <= 1.0)
