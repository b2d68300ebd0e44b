from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from hearsight.errors import UsageError
from hearsight.evaluation.tagger import fit_tagger
from hearsight.metrics.averages import mean_average_precision


def draw(clips=200, dim=8, classes=5, noise=1.0, seed=0):
    """Clips with none to all of the classes, each of which shows in a direction of its own."""
    rng = np.random.default_rng(seed)
    truths = rng.random((clips, classes)) < 0.3
    directions = rng.standard_normal((classes, dim))
    return (truths @ directions + noise * rng.standard_normal((clips, dim))).astype(np.float32), truths


def standardise(features, classifier):
    return (features - classifier.mean) / classifier.scale


@pytest.mark.parametrize("strength", [0.1, 10.0])
def test_each_class_is_what_a_logistic_regression_of_its_own_would_be(strength):
    features, truths = draw()
    found = fit_tagger(features, truths, strength=strength)
    rows = standardise(features, found)
    for label in range(truths.shape[1]):
        expected = LogisticRegression(C=strength, tol=1e-9).fit(rows, truths[:, label]).decision_function(rows)
        np.testing.assert_allclose(found.decide(features)[:, label], expected, atol=0.02)
    assert found.converged


def test_the_svm_minimises_what_scikit_learn_does():
    features, truths = draw()
    found = fit_tagger(features, truths, head="svm", strength=1.0)
    rows = standardise(features, found)

    def objective(weights, intercept, label):
        signs = np.where(truths[:, label], 1.0, -1.0)
        return 0.5 * weights @ weights + np.square(np.maximum(1 - signs * (rows @ weights + intercept), 0)).sum()

    for label in range(truths.shape[1]):
        # scikit-learn penalises the intercept as well, scaled: a large scale lets it go free
        model = LinearSVC(C=1.0, dual=False, tol=1e-8, intercept_scaling=1e3).fit(rows, truths[:, label])
        expected = objective(model.coef_[0], model.intercept_[0], label)
        assert objective(found.weights[:, label], found.intercepts[label], label) <= 1.001 * expected


@pytest.mark.parametrize("head", ["linear", "svm"])
def test_tags_of_clips_never_seen_are_ranked_well(head):
    features, truths = draw(600, noise=0.5)
    found = fit_tagger(features[:400], truths[:400], head=head)
    assert mean_average_precision(found.decide(features[400:]), truths[400:]) > 0.9


def test_the_strength_is_chosen_among_the_clips_it_is_fitted_on_and_drawn_from_the_seed_alone():
    features, truths = draw(noise=4.0)
    one, same = fit_tagger(features, truths, seed=3), fit_tagger(features, truths, seed=3)
    assert one.strength == same.strength < 1000.0
    np.testing.assert_array_equal(one.weights, same.weights)


def test_a_class_without_a_clip_is_never_said_to_be_there():
    features, truths = draw()
    truths[:, 2] = False
    found = fit_tagger(features, truths, strength=1.0)
    assert found.absent == (2,)
    assert (found.decide(features)[:, 2] == -np.inf).all()


def test_what_cannot_be_fitted_is_refused():
    features, truths = draw()
    with pytest.raises(UsageError, match="one row each"):
        fit_tagger(features[:0], truths[:0])
    with pytest.raises(UsageError, match="true of some clips only"):
        fit_tagger(features, np.ones_like(truths))
    features[3, 1] = np.nan
    with pytest.raises(UsageError, match="not finite"):
        fit_tagger(features, truths)
