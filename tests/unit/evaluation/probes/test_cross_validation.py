from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip
from hearsight.evaluation.features.concatenate import ClipFeatures
from hearsight.evaluation.probes.cross_validation import score_splits
from hearsight.evaluation.probes.registry import PROBES
from hearsight.learners.linear import fit_linear, fit_svm


def leave_one_fold_out(features, labels, folds, counts=None, widths=(), **options):
    clips = [
        BenchmarkClip(str(row), (int(label),), int(fold))
        for row, (label, fold) in enumerate(zip(labels, folds, strict=True))
    ]
    classes = tuple(map(str, range(int(max(labels)) + 1)))
    description = ClipFeatures(features, counts, widths)
    return score_splits(description, Benchmark("drawn", Path(), classes, tuple(clips)), **options)


def draw(clips=100, dim=6, classes=4, apart=3.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(clips) % classes)
    middles = apart * rng.standard_normal((classes, dim))
    return (middles[labels] + rng.standard_normal((clips, dim))).astype(np.float32), labels, np.arange(clips) % 5


@pytest.mark.parametrize("probe", ["linear", "svm"])
def test_each_fold_is_scored_by_what_was_fitted_on_the_others(probe):
    features, labels, folds = draw()
    score = leave_one_fold_out(features, labels, folds, probe=probe, hyperparameter=1.0)
    assert [fold.fold for fold in score.folds] == [0, 1, 2, 3, 4]
    for fold in score.folds:
        held = folds == fold.fold
        alone = {"linear": fit_linear, "svm": fit_svm}[probe](features[~held], labels[~held], regularization=1.0)
        np.testing.assert_array_equal(score.scores[held], alone.predict_scores(features[held]))
        assert fold.accuracy == (alone.predict(features[held]) == labels[held]).mean() == score.hits[held].mean()
        assert fold.num_clips == 20
    assert score.hits.mean() > 0.9


def test_nothing_of_a_fold_reaches_what_is_fitted_for_it():
    features, labels, folds = draw(clips=60, apart=1.0)
    score = leave_one_fold_out(features, labels, folds, probe="linear")
    changed, relabelled = features.copy(), labels.copy()
    changed[folds == 2] = 1000.0 * np.random.default_rng(9).standard_normal(changed[folds == 2].shape)
    relabelled[folds == 2] = 0
    again = leave_one_fold_out(changed, relabelled, folds, probe="linear")
    assert again.folds[2].hyperparameter == score.folds[2].hyperparameter
    np.testing.assert_array_equal(
        leave_one_fold_out(changed, labels, folds, probe="linear").scores[folds == 2],
        fit_linear(
            features[folds != 2],
            labels[folds != 2],
            groups=folds[folds != 2],
            regularization=score.folds[2].hyperparameter,
        ).predict_scores(changed[folds == 2]),
    )


def test_labels_without_meaning_score_at_chance():
    features, labels, folds = draw(clips=400, apart=0.0)
    assert leave_one_fold_out(features, labels, folds, probe="linear").hits.mean() == pytest.approx(0.25, abs=0.08)


def test_a_class_that_only_one_fold_has_is_missed_and_named():
    features, labels, folds = draw()
    labels = np.where(folds == 3, 3, labels % 3)
    score = leave_one_fold_out(features, labels, folds, probe="svm", hyperparameter=1.0)
    assert [fold.absent for fold in score.folds] == [(), (), (), (3,), ()]
    assert score.folds[3].accuracy == 0.0


@pytest.mark.parametrize("probe", PROBES)
def test_nothing_of_a_fold_reaches_what_any_probe_is_fitted_on(probe, monkeypatch):
    monkeypatch.setattr("hearsight.evaluation.probes.mlp.MOST_EPOCHS", 40)
    monkeypatch.setattr("hearsight.evaluation.probes.registry.TREES", 20)
    features, labels, folds = draw(clips=60, apart=2.0)
    score = leave_one_fold_out(features, labels, folds, probe=probe)
    changed = features.copy()
    changed[folds == 2] = 1000.0
    changed[np.flatnonzero(folds == 2)[0]] = features[folds == 2][0]  # one clip as it was, among others that are not
    again = leave_one_fold_out(changed, labels, folds, probe=probe)
    assert again.folds[2].hyperparameter == score.folds[2].hyperparameter
    np.testing.assert_allclose(again.scores[folds == 2][0], score.scores[folds == 2][0], rtol=1e-5)


def test_the_scores_of_a_clip_are_the_mean_of_its_windows():
    features, labels, folds = draw(clips=60)
    counts = 1 + np.arange(60) % 3
    clips = np.repeat(np.arange(60), counts)
    rows = features[clips] + 0.1 * np.random.default_rng(1).standard_normal((len(clips), 6))
    score = leave_one_fold_out(rows, labels, folds, probe="svm", hyperparameter=1.0, counts=counts)
    rest = folds[clips] != 2
    alone = fit_svm(rows[rest], labels[clips][rest], regularization=1.0)
    for clip in np.flatnonzero(folds == 2):
        np.testing.assert_allclose(score.scores[clip], alone.predict_scores(rows[clips == clip]).mean(axis=0))


def test_windows_of_a_clip_are_not_divided_where_something_is_chosen(monkeypatch):
    features, labels, folds = draw(clips=40)
    folds = np.arange(40) // 4 % 2
    seen = []
    from hearsight.evaluation.probes import cross_validation

    fit = cross_validation.fit_probe
    monkeypatch.setattr(
        cross_validation,
        "fit_probe",
        lambda probe, examples, hyperparameter: seen.append(examples) or fit(probe, examples, hyperparameter),
    )
    counts = np.full(40, 3)
    leave_one_fold_out(np.repeat(features, 3, axis=0), labels, folds, probe="knn", counts=counts)
    for examples in seen:
        _, sizes = np.unique(examples.groups, return_counts=True)
        np.testing.assert_array_equal(sizes, [3] * 20)


def test_windows_that_are_not_those_of_the_clips_are_refused():
    features, labels, folds = draw(clips=40)
    with pytest.raises(UsageError, match="40 rows for 40 clips of 80 windows"):
        leave_one_fold_out(features, labels, folds, probe="svm", counts=np.full(40, 2))
    with pytest.raises(UsageError) as caught:
        leave_one_fold_out(features, labels, folds, probe="smv")
    assert "'svm'" in caught.value.hint
