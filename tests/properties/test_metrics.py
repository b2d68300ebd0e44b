from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import average_precision_score, roc_auc_score, top_k_accuracy_score

from hearsight import metrics

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
    scores, truths = case
    ranking = metrics.rank_classes(scores, truths)
    for index in range(scores.shape[1]):
        truth, column = truths[:, index], scores[:, index]
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
    scores, truths = case
    order = list(range(scores.shape[0]))
    random.shuffle(order)
    one, other = metrics.rank_classes(scores, truths), metrics.rank_classes(scores[order], truths[order])
    np.testing.assert_allclose(one.average_precision, other.average_precision, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(one.area_under_curve, other.area_under_curve)


@given(scored_clips())
def test_turning_the_scores_round_turns_the_auc_round(case):
    scores, truths = case
    np.testing.assert_allclose(
        metrics.area_under_curve(scores, truths), 1.0 - metrics.area_under_curve(-scores, truths), rtol=0, atol=1e-12
    )


@given(scored_clips())
def test_top_accuracy_never_falls_as_more_classes_are_allowed(case):
    scores, truths = case
    values = [metrics.top_accuracy(scores, truths, top=top) for top in range(1, scores.shape[1] + 1)]
    assert values == sorted(values)
    assert values[-1] == pytest.approx(truths.any(axis=1).mean())


@given(hnp.arrays(np.float64, (12, 5), elements=any_level, unique=True), st.data())
def test_top_accuracy_of_one_truth_equals_scikit_learn_without_ties(scores, data):
    labels = data.draw(hnp.arrays(np.int64, 12, elements=st.integers(0, 4)))
    assume(len(np.unique(scores)) == scores.size)
    truths = np.eye(5, dtype=bool)[labels]
    for top in (1, 2, 3):
        expected = top_k_accuracy_score(labels, scores, k=top, labels=range(5))
        assert metrics.top_accuracy(scores, truths, top=top) == pytest.approx(expected)
