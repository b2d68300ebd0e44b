from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hearsight.errors import UsageError
from hearsight.evaluation.probes import mlp, registry
from hearsight.evaluation.probes.knn import fit_knn
from hearsight.evaluation.probes.mlp import SETTINGS, choose_settings, fit_mlp
from hearsight.evaluation.probes.registry import PROBES, ProbeInputs, fit_probe


def draw(clips=120, dim=8, classes=3, apart=3.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % classes
    middles = apart * np.random.default_rng(9).standard_normal((classes, dim))
    features = (middles[labels] + rng.standard_normal((clips, dim))).astype(np.float32)
    return ProbeInputs(features, np.eye(classes, dtype=bool)[labels], np.arange(clips) // classes % 4, False)


def draw_tags(clips=200, dim=8, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    targets = rng.random((clips, classes)) < 0.4
    directions = 3.0 * np.random.default_rng(9).standard_normal((classes, dim))
    features = (targets @ directions + 0.5 * rng.standard_normal((clips, dim))).astype(np.float32)
    return ProbeInputs(features, targets, np.arange(clips), True)


@pytest.fixture(autouse=True)
def small_budget(monkeypatch):
    monkeypatch.setattr(mlp, "MOST_EPOCHS", 300)
    monkeypatch.setattr(registry, "TREES", 30)


@pytest.mark.parametrize("probe", PROBES)
def test_every_probe_tells_separate_classes_apart(probe):
    fitted, others = fit_probe(probe, draw(dim=100)), draw(dim=100, seed=1)
    scores = fitted.predict_scores(others.features)
    assert scores.shape == (120, 3)
    assert (scores.argmax(axis=1) == others.labels).mean() > 0.9
    assert fitted.hyperparameter > 0
    assert fitted.converged or probe in ("jia", "softmax")  # whose small steps take longer on so few clips


@pytest.mark.parametrize("probe", PROBES)
def test_a_class_that_no_example_has_is_named_and_never_predicted(probe):
    examples = draw()
    wider = np.insert(examples.targets, 1, False, axis=1)
    fitted = fit_probe(probe, dataclasses.replace(examples, targets=wider), 2.0)
    assert fitted.absent == (1,)
    assert np.isneginf(fitted.predict_scores(examples.features)[:, 1]).all()


@pytest.mark.parametrize("probe", PROBES)
def test_equal_seeds_give_equal_probes_whatever_else_draws(probe):
    examples = draw(apart=0.5)
    torch.manual_seed(1)
    one = fit_probe(probe, examples, 3.0).predict_scores(examples.features)
    torch.manual_seed(2)
    np.testing.assert_array_equal(one, fit_probe(probe, examples, 3.0).predict_scores(examples.features))


@pytest.mark.parametrize("probe", PROBES)
def test_one_class_or_a_number_that_is_none_cannot_be_fitted(probe):
    examples = draw()
    with pytest.raises(UsageError, match="at least two"):
        fit_probe(probe, dataclasses.replace(examples, targets=np.eye(3, dtype=bool)[np.zeros(120, dtype=int)]))
    features = examples.features.copy()
    features[7, 2] = np.nan
    with pytest.raises(UsageError, match=r"not finite \(rows 7\)"):
        fit_probe(probe, dataclasses.replace(examples, features=features))


@pytest.mark.parametrize("probe", [name for name, kind in PROBES.items() if kind.multi_label])
def test_probes_of_several_classes_find_all_of_a_clip(probe):
    fitted, others = fit_probe(probe, draw_tags(dim=100)), draw_tags(dim=100, seed=1)
    scores = fitted.predict_scores(others.features)
    above = scores[others.targets].mean(), scores[~others.targets].mean()
    assert above[0] > above[1]
    present = np.stack([scores[others.targets[:, label], label] for label in [0]])
    absent = np.stack([scores[~others.targets[:, label], label] for label in [0]])
    assert (present[..., :, None] > absent[..., None, :]).mean() > 0.9


@pytest.mark.parametrize("probe", [name for name, kind in PROBES.items() if not kind.multi_label])
def test_probes_of_one_class_refuse_clips_of_several_and_say_which_do_not(probe):
    with pytest.raises(UsageError, match="may have several, wanted linear or svm or knn"):
        fit_probe(probe, draw_tags())


def test_an_unknown_probe_is_guessed():
    with pytest.raises(UsageError) as caught:
        fit_probe("forrest", draw())
    assert "'forest'" in caught.value.hint


@pytest.mark.parametrize(("probe", "what"), [("knn", "neighbours"), ("forest", "trees"), ("jia", "epochs")])
def test_a_count_is_a_whole_number(probe, what):
    with pytest.raises(UsageError, match=f"whole number of {what}"):
        fit_probe(probe, draw(), 0.5)


def test_neighbours_are_weighed_by_the_inverse_of_their_distance():
    features = np.array([[0.0], [1.0], [4.0], [9.0]])
    targets = np.eye(2, dtype=bool)[[0, 1, 1, 0]]
    near = fit_knn(features, targets, neighbours=3)
    deviation = features.std()
    assert near.scale == pytest.approx([deviation])
    shares = near.predict_scores(np.array([[2.0]]))
    weights = np.array([1 / 2.0, 1 / 1.0, 1 / 2.0])  # of 0, 1 and 4, in any unit
    np.testing.assert_allclose(shares[0], [weights[0] / weights.sum(), weights[1:].sum() / weights.sum()])
    np.testing.assert_allclose(near.predict_scores(features[:1]), [[1.0, 0.0]], atol=1e-6)


def test_the_number_of_neighbours_is_chosen_among_the_clips_themselves():
    assert fit_knn(draw(apart=4.0).features, draw(apart=4.0).targets).hyperparameter == 1.0
    noisy = draw(clips=400, apart=0.8)
    assert fit_knn(noisy.features, noisy.targets).hyperparameter > 5.0


def test_the_papers_own_numbers_are_taken():
    esc, scenes = choose_settings("jia", "esc50"), choose_settings("jia", "tut2018")
    assert (esc.dropout, scenes.dropout, choose_settings("jia", "audioset").dropout) == (0.3, 0.5, 0.5)
    assert (esc.learning_rate, esc.batch_size, esc.l2_penalty, esc.hidden) == (2e-4, 128, 1e-6, 0)
    wu = choose_settings("softmax", "tut2016")
    assert (wu.learning_rate, wu.batch_size, wu.l2_penalty, wu.dropout, wu.hidden) == (1e-4, 60, 0.0015, 0.5, 0)


def test_epochs_are_chosen_where_the_loss_of_clips_kept_back_is_least():
    examples = draw(apart=0.0, clips=60)  # nothing to be learned: the sooner it ends, the better
    few = fit_mlp(examples.features, examples.targets, settings=SETTINGS["mlp"], groups=examples.groups)
    assert few.hyperparameter <= 10.0
    plain = draw(apart=1.0)
    many = fit_mlp(plain.features, plain.targets, settings=SETTINGS["jia"], groups=plain.groups)
    assert many.hyperparameter > 20.0


def test_features_are_standardised_by_the_clips_that_a_network_is_fitted_on(monkeypatch):
    examples, seen = draw(clips=40), []
    real = mlp.measure_spread

    def measure(features, widths):
        seen.append(features)
        return real(features, widths)

    monkeypatch.setattr(mlp, "measure_spread", measure)
    monkeypatch.setattr(mlp, "MOST_EPOCHS", 2)
    found = fit_mlp(examples.features, examples.targets, settings=SETTINGS["mlp"], groups=examples.groups)
    while_choosing, at_the_end = seen
    kept = [int(np.flatnonzero((examples.features == row).all(axis=1))[0]) for row in while_choosing]
    held = np.setdiff1d(np.arange(40), kept)
    # whole groups are held out, and their clips have no part in the mean that they are measured by
    assert 0 < len(held) < len(kept)
    assert not set(examples.groups[held]) & set(examples.groups[kept])
    np.testing.assert_array_equal(at_the_end, examples.features)
    np.testing.assert_allclose(found.mean, examples.features.mean(axis=0, dtype=np.float64))


def test_a_search_that_is_not_done_says_so(monkeypatch):
    monkeypatch.setattr(mlp, "MOST_EPOCHS", 3)
    examples = draw()
    found = fit_mlp(examples.features, examples.targets, settings=SETTINGS["jia"], groups=examples.groups)
    assert (found.hyperparameter, found.converged) == (3.0, False)


def test_the_penalty_pulls_weights_to_zero():
    examples = draw()
    free, held = (
        fit_mlp(
            examples.features,
            examples.targets,
            settings=dataclasses.replace(SETTINGS["jia"], l2_penalty=penalty, learning_rate=0.01, dropout=0.0),
            epochs=100,
        )
        for penalty in (0.0, 1.0)
    )
    norms = [
        sum(float(weight.detach().square().sum()) for weight in probe.network.parameters()) for probe in (free, held)
    ]
    assert norms[1] < 0.2 * norms[0]
