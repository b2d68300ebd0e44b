from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from hearsight import learners
from hearsight.errors import UsageError


def draw_groups(seed: int = 0, sizes=(50, 30, 20), dim: int = 4, spread: float = 0.1):
    rng = np.random.default_rng(seed)
    middles = 5.0 * rng.standard_normal((len(sizes), dim))
    rows = np.concatenate(
        [middle + spread * rng.standard_normal((n, dim)) for middle, n in zip(middles, sizes, strict=True)]
    )
    labels = np.repeat(np.arange(len(sizes)), sizes)
    order = rng.permutation(len(rows))
    return rows[order].astype(np.float32), labels[order], middles.astype(np.float32)


def test_kmeans_finds_separate_groups_most_populous_first():
    rows, _, middles = draw_groups()
    centres = learners.fit_kmeans(rows, 3, seed=0)
    np.testing.assert_allclose(centres, middles, atol=0.1)


def test_kmeans_is_the_same_bit_for_bit_on_any_number_of_threads():
    program = (
        "import numpy as np; from hearsight.learners import fit_kmeans;"
        "x = np.random.default_rng(0).standard_normal((3000, 24)).astype(np.float32);"
        "print(fit_kmeans(x, 32, seed=3).tobytes().hex())"
    )
    seen = set()
    for threads in ("1", "3"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        result = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(result.stdout)
    assert len(seen) == 1
    assert len(seen.pop()) > 32 * 24 * 8


def test_kmeans_draws_only_from_its_seed():
    rows = np.random.default_rng(5).standard_normal((400, 8)).astype(np.float32)
    np.random.seed(1)  # noqa: NPY002
    one = learners.fit_kmeans(rows, 20, seed=1)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(one, learners.fit_kmeans(rows, 20, seed=1))
    assert not np.array_equal(one, learners.fit_kmeans(rows, 20, seed=2))


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_kmeans_gives_each_distinct_point_when_there_are_no_more(offset):
    points = np.array(
        [[0.0, 1.0], [2.0, 0.0], [-0.0, 1.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0]], dtype=np.float32
    ) + np.float32(offset)
    centres = learners.fit_kmeans(points, 10, seed=0)
    expected = np.array([[3.0, 3.0], [0.0, 1.0], [2.0, 0.0]], dtype=np.float32) + np.float32(offset)
    np.testing.assert_array_equal(centres, expected)


def test_kmeans_of_many_items_goes_by_batches_and_finds_the_same_groups(monkeypatch):
    monkeypatch.setattr(learners, "LLOYD_ITEMS", 100)
    monkeypatch.setattr(learners, "BATCH_ITEMS", 64)
    rows, _, middles = draw_groups(sizes=(500, 300, 200))
    centres = learners.fit_kmeans(rows, 3, seed=0)
    np.testing.assert_allclose(centres, middles, atol=0.2)


def test_kmeans_refuses_what_has_no_centres():
    rows = np.zeros((3, 2), dtype=np.float32)
    with pytest.raises(UsageError, match="at least one"):
        learners.fit_kmeans(rows, 0, seed=0)
    with pytest.raises(UsageError, match="at least one item"):
        learners.fit_kmeans(rows[:0], 2, seed=0)
    rows[1, 1] = np.inf
    with pytest.raises(UsageError, match=r"1 of 3 rows are not finite \(rows 1\)"):
        learners.fit_kmeans(rows, 2, seed=0)


BOTH = pytest.mark.parametrize("fit", [learners.fit_linear, learners.fit_svm])


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
    assert classifier.decide(features[120:]).shape == (120, 3)
    assert (classifier.predict(features[120:]) == labels[120:]).mean() > 0.8


@BOTH
def test_two_classes_have_two_scores_that_agree(fit):
    features, labels = draw_classes(classes=2)
    decision = fit(features, labels, strength=1.0).decide(features)
    if fit is learners.fit_linear:
        np.testing.assert_allclose(np.exp(decision).sum(axis=1), 1.0)
    else:
        np.testing.assert_allclose(decision[:, 0], -decision[:, 1], atol=2e-3)


def test_logistic_regression_through_the_inner_products_is_that_of_scikit_learn():
    features, labels = draw_classes(clips=40, dim=150)
    standardised = (features - features.mean(axis=0, dtype=np.float64)) / features.std(axis=0, dtype=np.float64)
    reference = LogisticRegression(C=1.0, max_iter=2000, tol=1e-8).fit(standardised / np.sqrt(150), labels)
    classifier = learners.fit_linear(features, labels, strength=1.0)
    theirs = reference.predict_log_proba(standardised / np.sqrt(150))
    np.testing.assert_allclose(classifier.decide(features), theirs, atol=2e-3)


def test_svm_of_many_clips_is_solved_in_the_primal(monkeypatch):
    features, labels = draw_classes()
    small = learners.fit_svm(features, labels, strength=1.0)
    monkeypatch.setattr(learners, "GRAM_CLIPS", 10)
    large = learners.fit_svm(features, labels, strength=1.0)
    assert not np.array_equal(small.weights, large.weights)
    assert (small.predict(features) == large.predict(features)).mean() > 0.9


@BOTH
def test_statistics_come_from_the_clips_fitted_on_alone(fit):
    features, labels = draw_classes()
    classifier = fit(features[:60], labels[:60], strength=1.0)
    np.testing.assert_allclose(classifier.mean, features[:60].mean(axis=0, dtype=np.float64))
    far = features[60:] + 1000.0
    np.testing.assert_array_equal(
        classifier.decide(features[60:][:5]), classifier.decide(np.vstack([features[60:], far]))[:5]
    )


@BOTH
def test_the_unit_of_a_feature_and_a_constant_feature_change_nothing(fit):
    features, labels = draw_classes()
    features = features.astype(np.float64)
    other = np.hstack([features * np.float64(2.0) ** np.arange(12), np.full((90, 1), 0.1)])
    one, two = fit(features, labels, strength=1.0), fit(other, labels, strength=1.0)
    np.testing.assert_allclose(one.decide(features), two.decide(other), atol=1e-6)


@BOTH
def test_a_class_without_clips_is_named_and_never_predicted(fit):
    features, labels = draw_classes()
    labels = np.where(labels == 1, 3, labels)
    classifier = fit(features, labels, num_classes=5)
    assert classifier.absent == (1, 4)
    assert np.all(np.isneginf(classifier.decide(features)[:, [1, 4]]))
    assert set(classifier.predict(features)) == {0, 2, 3}


@BOTH
def test_equal_input_and_seed_give_equal_bits(fit):
    features, labels = draw_classes(apart=0.3)
    one, two = fit(features, labels, seed=4), fit(features, labels, seed=4)
    np.testing.assert_array_equal(one.weights, two.weights)
    np.testing.assert_array_equal(one.intercepts, two.intercepts)
    assert one.strength == two.strength


def test_strength_is_chosen_without_splitting_a_group(monkeypatch):
    seen = []
    solve = learners._solve_logistic
    features, labels = draw_classes(clips=48)
    groups = np.repeat(np.arange(12), 4)  # each group holds all classes
    features[:, 0] = groups

    def spy(rows, compact, strength):
        seen.append(len(rows))
        return solve(rows, compact, strength)

    monkeypatch.setattr(learners, "_solve_logistic", spy)
    training = learners._Training(features, labels, None, groups, 0)
    for fit, tried in training.split():
        assert not set(groups[fit]) & set(groups[tried])
        assert len(fit) + len(tried) == 48
    assert len(training.split()) == learners.INNER_SPLITS
    learners.fit_linear(features, labels, groups=groups)
    assert len(seen) == learners.INNER_SPLITS * len(learners.STRENGTHS) + 1


def test_two_clips_are_enough_and_take_the_plain_strength():
    classifier = learners.fit_linear(np.array([[0.0], [1.0]]), np.array([0, 1]))
    assert classifier.strength == 1.0
    np.testing.assert_array_equal(classifier.predict(np.array([[-1.0], [2.0]])), [0, 1])


def test_a_fit_that_runs_out_of_iterations_says_so(monkeypatch):
    monkeypatch.setattr(learners, "MAX_ITERATIONS", 1)
    features, labels = draw_classes(apart=0.1)
    assert not learners.fit_linear(features, labels, strength=1000.0).converged


@BOTH
def test_what_cannot_be_fitted_is_refused(fit):
    features, labels = draw_classes()
    with pytest.raises(UsageError, match="at least two classes"):
        fit(features, np.zeros(90, dtype=np.int64))
    with pytest.raises(UsageError, match="one label each"):
        learners.check_labelled(features, labels[:-1], None)
    with pytest.raises(UsageError, match="one group each"):
        learners._Training(features, labels, None, labels[:-1], 0)
    with pytest.raises(UsageError, match="0 to 1"):
        fit(features, labels, num_classes=2)
    with pytest.raises(UsageError, match="a number above 0"):
        fit(features, labels, strength=0.0)
    with pytest.raises(UsageError, match="at least one clip"):
        fit(features[:0], labels[:0])
    features[3, 2] = np.nan
    with pytest.raises(UsageError, match="rows 3"):
        fit(features, labels)


def test_a_map_keeps_groups_together_and_is_the_same_every_time() -> None:
    generator = np.random.default_rng(0)
    centres = 20.0 * generator.standard_normal((3, 40))
    groups = np.repeat(np.arange(3), 20)
    features = centres[groups] + generator.standard_normal((60, 40))
    points = learners.map_to_plane(features, seed=1)
    assert points.shape == (60, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(60)
    assert (groups[distances.argmin(axis=1)] == groups).all()
    np.testing.assert_array_equal(points, learners.map_to_plane(features, seed=1))


@pytest.mark.parametrize(("count", "dim"), [(5, 1), (6, 3), (7, 200)])
def test_few_items_of_any_length_can_be_mapped(count: int, dim: int) -> None:
    points = learners.map_to_plane(np.random.default_rng(0).standard_normal((count, dim)).astype(np.float32), seed=0)
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


@pytest.mark.parametrize("features", [np.zeros((4, 3)), np.ones((9, 3)), np.full((9, 3), np.nan)])
def test_what_cannot_be_mapped_is_named(features: np.ndarray) -> None:
    with pytest.raises(UsageError, match="t-SNE"):
        learners.map_to_plane(features, seed=0)
