from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from hearsight.errors import UsageError
from hearsight.evaluation.probes.one_vs_rest import fit_one_vs_rest
from hearsight.learners.linear import REGULARIZATIONS
from hearsight.metrics.averages import mean_average_precision


def draw(clips=200, dim=8, classes=5, noise=1.0, seed=0):
    """Clips with none to all of the classes, each of which shows in a direction of its own."""
    rng = np.random.default_rng(seed)
    targets = rng.random((clips, classes)) < 0.3
    directions = rng.standard_normal((classes, dim))
    return (targets @ directions + noise * rng.standard_normal((clips, dim))).astype(np.float32), targets


def standardise(features, classifier):
    return (features - classifier.mean) / classifier.scale


@pytest.mark.parametrize("hyperparameter", [0.1, 10.0])
def test_each_class_is_what_a_logistic_regression_of_its_own_would_be(hyperparameter):
    features, targets = draw()
    found = fit_one_vs_rest(features, targets, hyperparameter=hyperparameter)
    rows = standardise(features, found)
    for label in range(targets.shape[1]):
        expected = LogisticRegression(C=hyperparameter, tol=1e-9).fit(rows, targets[:, label]).decision_function(rows)
        np.testing.assert_allclose(found.predict_scores(features)[:, label], expected, atol=0.02)
    assert found.converged


@pytest.mark.parametrize("probe", ["linear", "svm"])
def test_of_equally_good_penalties_the_strongest_is_chosen(probe):
    targets = np.eye(3, dtype=bool)[np.arange(90) % 3]
    features = (100.0 * targets + np.random.default_rng(0).standard_normal((90, 3))).astype(np.float32)
    assert fit_one_vs_rest(features, targets, probe=probe).hyperparameter == min(REGULARIZATIONS)


def test_the_svm_minimises_what_scikit_learn_does():
    features, targets = draw()
    found = fit_one_vs_rest(features, targets, probe="svm", hyperparameter=1.0)
    rows = standardise(features, found)

    def objective(weights, intercept, label):
        signs = np.where(targets[:, label], 1.0, -1.0)
        return 0.5 * weights @ weights + np.square(np.maximum(1 - signs * (rows @ weights + intercept), 0)).sum()

    for label in range(targets.shape[1]):
        # scikit-learn penalises the intercept as well, scaled: a large scale lets it go free
        model = LinearSVC(C=1.0, dual=False, tol=1e-8, intercept_scaling=1e3).fit(rows, targets[:, label])
        expected = objective(model.coef_[0], model.intercept_[0], label)
        assert objective(found.weights[:, label], found.intercepts[label], label) <= 1.001 * expected


@pytest.mark.parametrize("probe", ["linear", "svm"])
def test_tags_of_clips_never_seen_are_ranked_well(probe):
    features, targets = draw(600, noise=0.5)
    found = fit_one_vs_rest(features[:400], targets[:400], probe=probe)
    assert mean_average_precision(found.predict_scores(features[400:]), targets[400:]) > 0.9


def test_the_strength_is_chosen_among_the_clips_it_is_fitted_on_and_drawn_from_the_seed_alone():
    features, targets = draw(noise=4.0)
    one, same = fit_one_vs_rest(features, targets, seed=3), fit_one_vs_rest(features, targets, seed=3)
    assert one.hyperparameter == same.hyperparameter < 1000.0
    np.testing.assert_array_equal(one.weights, same.weights)


def test_a_class_without_a_clip_is_never_said_to_be_there():
    features, targets = draw()
    targets[:, 2] = False
    found = fit_one_vs_rest(features, targets, hyperparameter=1.0)
    assert found.absent == (2,)
    assert (found.predict_scores(features)[:, 2] == -np.inf).all()


def test_what_cannot_be_fitted_is_refused():
    features, targets = draw()
    with pytest.raises(UsageError, match="one row each"):
        fit_one_vs_rest(features[:0], targets[:0])
    with pytest.raises(UsageError, match="true of some clips only"):
        fit_one_vs_rest(features, np.ones_like(targets))
    features[3, 1] = np.nan
    with pytest.raises(UsageError, match="not finite"):
        fit_one_vs_rest(features, targets)


def test_of_equally_good_c_the_least_is_chosen():
    features, targets = draw(200, classes=2, noise=0.001)  # every C ranks all clips right
    assert fit_one_vs_rest(features, targets).hyperparameter == REGULARIZATIONS[0]


@pytest.mark.parametrize("probe", ["linear", "svm"])
def test_features_longer_than_there_are_clips_are_fitted_as_they_would_be(probe, monkeypatch):
    features, targets = draw(60, dim=150)
    short = fit_one_vs_rest(features, targets, probe=probe, hyperparameter=1.0)
    monkeypatch.setattr("hearsight.learners.rows.GRAM_CLIPS", 10)
    plain = fit_one_vs_rest(features, targets, probe=probe, hyperparameter=1.0)
    np.testing.assert_allclose(short.predict_scores(features), plain.predict_scores(features), atol=0.02)
