from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hearsight.errors import UsageError
from hearsight.learners import linear
from hearsight.learners.linear import REGULARIZATIONS, fit_linear, fit_svm
from hearsight.learners.rows import INNER_SPLITS, check_labelled, reduce_rows

BOTH = pytest.mark.parametrize("fit", [fit_linear, fit_svm])


def draw_classes(seed: int = 0, clips: int = 90, dim: int = 12, classes: int = 3, apart: float = 2.0):
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % classes
    middles = apart * rng.standard_normal((classes, dim))
    units = rng.uniform(0.01, 100.0, dim)
    features = (middles[labels] + rng.standard_normal((clips, dim))) * units + 7.0 * units
    return features.astype(np.float32), labels


@BOTH
@pytest.mark.parametrize("dim", [3, 12, 400])
def test_a_classifier_tells_separate_classes_apart_at_any_width(fit, dim):
    features, labels = draw_classes(clips=240, dim=dim, apart=4.0)
    classifier = fit(features[:120], labels[:120])
    assert classifier.converged
    assert classifier.absent == ()
    assert classifier.predict_scores(features[120:]).shape == (120, 3)
    assert (classifier.predict(features[120:]) == labels[120:]).mean() > 0.8


@BOTH
def test_of_equally_good_penalties_the_strongest_is_chosen(fit):
    labels = np.arange(60) % 2
    features = np.random.default_rng(0).standard_normal((60, 4)).astype(np.float32)
    features[:, 0] += 100.0 * labels  # every C separates these
    assert fit(features, labels).hyperparameter == REGULARIZATIONS[0] == min(REGULARIZATIONS)


@BOTH
def test_two_classes_have_two_scores_that_agree(fit):
    features, labels = draw_classes(classes=2)
    decision = fit(features, labels, regularization=1.0).predict_scores(features)
    if fit is fit_linear:
        np.testing.assert_allclose(np.exp(decision).sum(axis=1), 1.0)
    else:
        np.testing.assert_allclose(decision[:, 0], -decision[:, 1], atol=2e-3)


def test_logistic_regression_through_the_inner_products_is_that_of_scikit_learn():
    features, labels = draw_classes(clips=40, dim=150)
    standardised = (features - features.mean(axis=0, dtype=np.float64)) / features.std(axis=0, dtype=np.float64)
    reference = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(standardised / np.sqrt(150), labels)
    classifier = fit_linear(features, labels, regularization=1.0)
    theirs = reference.predict_log_proba(standardised / np.sqrt(150))
    np.testing.assert_allclose(classifier.predict_scores(features), theirs, atol=2e-3)


def test_svm_of_many_clips_is_solved_in_the_primal(monkeypatch):
    features, labels = draw_classes()
    small = fit_svm(features, labels, regularization=1.0)
    monkeypatch.setattr(linear, "GRAM_CLIPS", 10)
    large = fit_svm(features, labels, regularization=1.0)
    assert not np.array_equal(small.weights, large.weights)
    assert (small.predict(features) == large.predict(features)).mean() > 0.9


@BOTH
def test_statistics_come_from_the_clips_fitted_on_alone(fit):
    features, labels = draw_classes()
    classifier = fit(features[:60], labels[:60], regularization=1.0)
    np.testing.assert_allclose(classifier.mean, features[:60].mean(axis=0, dtype=np.float64))
    far = features[60:] + 1000.0
    np.testing.assert_array_equal(
        classifier.predict_scores(features[60:][:5]), classifier.predict_scores(np.vstack([features[60:], far]))[:5]
    )


@BOTH
def test_the_unit_of_a_feature_and_a_constant_feature_change_nothing(fit):
    features, labels = draw_classes()
    features = features.astype(np.float64)
    other = np.hstack([features * np.float64(2.0) ** np.arange(12), np.full((90, 1), 0.1)])
    one, two = fit(features, labels, regularization=1.0), fit(other, labels, regularization=1.0)
    np.testing.assert_allclose(one.predict_scores(features), two.predict_scores(other), atol=1e-6)


@BOTH
def test_a_class_without_clips_is_named_and_never_predicted(fit):
    features, labels = draw_classes()
    labels = np.where(labels == 1, 3, labels)
    classifier = fit(features, labels, num_classes=5)
    assert classifier.absent == (1, 4)
    assert np.all(np.isneginf(classifier.predict_scores(features)[:, [1, 4]]))
    assert set(classifier.predict(features)) == {0, 2, 3}


@BOTH
def test_equal_input_and_seed_give_equal_bits(fit):
    features, labels = draw_classes(apart=0.3)
    one, two = fit(features, labels, seed=4), fit(features, labels, seed=4)
    np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(one.intercepts, two.intercepts)
    assert one.hyperparameter == two.hyperparameter


def test_strength_is_chosen_without_splitting_a_group(monkeypatch):
    seen = []
    solve = linear._solve_logistic
    features, labels = draw_classes(clips=48)
    groups = np.repeat(np.arange(12), 4)  # each group holds all classes
    features[:, 0] = groups

    def spy(rows, compact, regularization):
        seen.append(len(rows))
        return solve(rows, compact, regularization)

    monkeypatch.setattr(linear, "_solve_logistic", spy)
    training = linear._Training(features, labels, None, groups, (), 0)
    for fit, tried in training.split():
        assert not set(groups[fit]) & set(groups[tried])
        assert len(fit) + len(tried) == 48
    assert len(training.split()) == INNER_SPLITS
    fit_linear(features, labels, groups=groups)
    assert len(seen) == INNER_SPLITS * len(REGULARIZATIONS) + 1


def test_two_clips_are_enough_and_take_the_plain_strength():
    classifier = fit_linear(np.array([[0.0], [1.0]]), np.array([0, 1]))
    assert classifier.hyperparameter == 1.0
    np.testing.assert_array_equal(classifier.predict(np.array([[-1.0], [2.0]])), [0, 1])


def test_a_fit_that_runs_out_of_iterations_says_so(monkeypatch):
    monkeypatch.setattr(linear, "MAX_ITERATIONS", 1)
    features, labels = draw_classes(apart=0.1)
    assert not fit_linear(features, labels, regularization=1000.0).converged


def test_an_svm_is_the_same_however_many_processors_there_are(monkeypatch):
    features, labels = draw_classes(apart=0.5)
    found = []
    for count in (1, 4):
        monkeypatch.setattr(linear, "count_cores", lambda count=count: count)
        found.append(fit_svm(features, labels))
    np.testing.assert_array_equal(found[0].weights, found[1].weights)
    np.testing.assert_array_equal(found[0].intercepts, found[1].intercepts)
    assert found[0].converged == found[1].converged


def test_an_svm_gives_up_where_nearly_equal_clips_are_of_different_classes():
    rng = np.random.default_rng(0)
    silence = rng.normal(size=(1, 20)) + 1e-4 * rng.normal(size=(200, 20))
    features = np.concatenate([rng.normal(size=(100, 20)), silence])
    labels = rng.integers(0, 2, 300)  # without the limit the solver takes millions of steps
    classifier = fit_svm(features, labels, regularization=1000.0)
    assert not classifier.converged
    assert np.isfinite(classifier.predict_scores(features)).all()


@BOTH
def test_what_cannot_be_fitted_is_refused(fit):
    features, labels = draw_classes()
    with pytest.raises(UsageError, match="at least two classes"):
        fit(features, np.zeros(90, dtype=np.int64))
    with pytest.raises(UsageError, match="one label each"):
        check_labelled(features, labels[:-1], None)
    with pytest.raises(UsageError, match="one group each"):
        linear._Training(features, labels, None, labels[:-1], (), 0)
    with pytest.raises(UsageError, match="0 to 1"):
        fit(features, labels, num_classes=2)
    with pytest.raises(UsageError, match="a number above 0"):
        fit(features, labels, regularization=0.0)
    with pytest.raises(UsageError, match="at least one clip"):
        fit(features[:0], labels[:0])
    features[3, 2] = np.nan
    with pytest.raises(UsageError, match="rows 3"):
        fit(features, labels)


@BOTH
def test_the_least_c_of_the_best_accuracy_is_chosen(fit):
    features, labels = draw_classes(apart=50.0)  # so far apart that every C gets all right
    assert fit(features, labels).hyperparameter == REGULARIZATIONS[0]


def test_rows_longer_than_there_are_clips_are_shortened_without_loss():
    rows = np.random.default_rng(0).normal(size=(12, 40))
    short, back = reduce_rows(rows)
    assert short.shape[1] <= 12
    np.testing.assert_allclose(short @ short.T, rows @ rows.T, atol=1e-9)
    weights = np.random.default_rng(1).normal(size=(short.shape[1], 3))
    np.testing.assert_allclose(rows @ (back @ weights), short @ weights, atol=1e-9)
    assert reduce_rows(rows.T)[1] is None
