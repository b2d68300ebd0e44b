from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.metrics.intervals import bootstrap_interval, mean_of_folds


def test_the_mean_of_folds_weighs_folds_alike():
    values = np.array([1.0, 0.0, 1.0, 1.0, 1.0])
    assert mean_of_folds(values, np.array([3, 3, 5, 5, 5])) == 0.75


def test_the_interval_is_as_wide_as_theory_says():
    rng = np.random.default_rng(0)
    values = (rng.random((1, 2000)) < 0.8).astype(np.float64)
    folds = np.arange(2000) % 5
    low, high = bootstrap_interval(values, folds)
    assert low < mean_of_folds(values[0], folds) < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(0.8 * 0.2 / 2000), rel=0.1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    folds = np.arange(200) % 5
    covered = 0
    for _ in range(200):
        values = (rng.random((1, 200)) < 0.7).astype(np.float64)
        low, high = bootstrap_interval(values, folds, resamples=400)
        covered += low <= 0.7 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_runs_that_differ_widen_the_interval():
    folds = np.arange(400) % 5
    same = np.zeros((3, 400))
    same[:, ::2] = 1.0
    other = same.copy()
    other[0] = 1.0
    other[1] = 0.0
    narrow, wide = bootstrap_interval(same, folds), bootstrap_interval(other, folds)
    assert wide[1] - wide[0] > 3 * (narrow[1] - narrow[0])


def test_the_interval_is_drawn_from_its_seed_alone_in_blocks_of_any_size(monkeypatch):
    values = np.random.default_rng(2).standard_normal((2, 50))
    folds = np.arange(50) % 3
    assert bootstrap_interval(values, folds, seed=1) == bootstrap_interval(values, folds, seed=1)
    assert bootstrap_interval(values, folds, seed=1) != bootstrap_interval(values, folds, seed=2)


def test_no_difference_has_an_interval_of_no_width():
    assert bootstrap_interval(np.zeros((1, 30)), np.arange(30) % 5) == (0.0, 0.0)


def test_what_cannot_be_resampled_is_refused():
    folds = np.zeros(0, dtype=np.int64)
    with pytest.raises(UsageError, match="0 clips"):
        bootstrap_interval(np.zeros((1, 0)), folds)
    with pytest.raises(UsageError, match="level 1"):
        bootstrap_interval(np.zeros((1, 3)), np.arange(3), level=1.0)
