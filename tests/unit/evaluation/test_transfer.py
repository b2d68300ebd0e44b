from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.evaluation.protocol import Benchmark, BenchmarkClip
from hearsight.evaluation.transfer import HEADS, score_splits
from hearsight.learners import fit_linear


def leave_one_fold_out(features, labels, folds, **options):
    clips = [
        BenchmarkClip(str(row), (int(label),), int(fold))
        for row, (label, fold) in enumerate(zip(labels, folds, strict=True))
    ]
    classes = tuple(map(str, range(int(max(labels)) + 1)))
    return score_splits(features, Benchmark("drawn", Path(), classes, tuple(clips)), **options)


def draw(clips=100, dim=6, classes=4, apart=3.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(clips) % classes)
    middles = apart * rng.standard_normal((classes, dim))
    return (middles[labels] + rng.standard_normal((clips, dim))).astype(np.float32), labels, np.arange(clips) % 5


@pytest.mark.parametrize("head", ["linear", "svm"])
def test_each_fold_is_scored_by_what_was_fitted_on_the_others(head):
    features, labels, folds = draw()
    score = leave_one_fold_out(features, labels, folds, head=head, strength=1.0)
    assert [fold.fold for fold in score.folds] == [0, 1, 2, 3, 4]
    for fold in score.folds:
        held = folds == fold.fold
        alone = HEADS[head](features[~held], labels[~held], strength=1.0)
        np.testing.assert_array_equal(score.decisions[held], alone.decide(features[held]))
        assert fold.accuracy == (alone.predict(features[held]) == labels[held]).mean() == score.hits[held].mean()
        assert fold.num_clips == 20
    assert score.hits.mean() > 0.9


def test_nothing_of_a_fold_reaches_what_is_fitted_for_it():
    features, labels, folds = draw(clips=60, apart=1.0)
    score = leave_one_fold_out(features, labels, folds, head="linear")
    changed, relabelled = features.copy(), labels.copy()
    changed[folds == 2] = 1000.0 * np.random.default_rng(9).standard_normal(changed[folds == 2].shape)
    relabelled[folds == 2] = 0
    again = leave_one_fold_out(changed, relabelled, folds, head="linear")
    assert again.folds[2].strength == score.folds[2].strength
    np.testing.assert_array_equal(
        leave_one_fold_out(changed, labels, folds, head="linear").decisions[folds == 2],
        fit_linear(
            features[folds != 2], labels[folds != 2], groups=folds[folds != 2], strength=score.folds[2].strength
        ).decide(changed[folds == 2]),
    )


def test_labels_without_meaning_score_at_chance():
    features, labels, folds = draw(clips=400, apart=0.0)
    assert leave_one_fold_out(features, labels, folds, head="linear").hits.mean() == pytest.approx(0.25, abs=0.08)


def test_a_class_that_only_one_fold_has_is_missed_and_named():
    features, labels, folds = draw()
    labels = np.where(folds == 3, 3, labels % 3)
    score = leave_one_fold_out(features, labels, folds, head="svm", strength=1.0)
    assert [fold.absent for fold in score.folds] == [(), (), (), (3,), ()]
    assert score.folds[3].accuracy == 0.0
