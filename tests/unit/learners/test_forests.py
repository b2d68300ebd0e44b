from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.learners.forests import fit_forest


def draw(clips=120, seed=0):
    """Rings, which no linear classifier tells apart."""
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % 3
    angles = rng.uniform(0, 2 * np.pi, clips)
    radii = 1.0 + labels + 0.1 * rng.standard_normal(clips)
    return np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1), labels


def test_a_forest_tells_apart_what_no_line_does():
    features, labels = draw()
    others, targets = draw(seed=1)
    scores = fit_forest(features, labels, trees=50).predict_scores(others)
    assert (scores.argmax(axis=1) == targets).mean() > 0.8
    np.testing.assert_allclose(scores.sum(axis=1), 1.0)


def test_equal_seeds_grow_equal_forests():
    features, labels = draw()
    one, same, other = (
        fit_forest(features, labels, trees=10, seed=seed).predict_scores(features) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_class_without_clips_is_named_and_never_predicted():
    features, labels = draw()
    forest = fit_forest(features, 2 * labels, num_classes=6, trees=5)
    assert forest.absent == (1, 3, 5)
    assert np.isneginf(forest.predict_scores(features)[:, [1, 3, 5]]).all()


def test_what_cannot_be_fitted_is_refused():
    features, labels = draw()
    with pytest.raises(UsageError, match="at least two classes"):
        fit_forest(features, np.zeros(120, dtype=np.int64))
    with pytest.raises(UsageError, match="at least one"):
        fit_forest(features[:0], labels[:0])
    with pytest.raises(UsageError, match="0 to 1"):
        fit_forest(features, labels, num_classes=2)
    features[3] = np.nan
    with pytest.raises(UsageError, match="rows 3"):
        fit_forest(features, labels)
