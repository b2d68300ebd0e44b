from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hearsight.errors import UsageError
from hearsight.evaluation import heads, neural
from hearsight.evaluation.heads import HEADS, Examples, fit_head
from hearsight.evaluation.neighbours import fit_neighbours
from hearsight.evaluation.neural import RECIPES, choose_recipe, fit_neural


def draw(clips=120, dim=8, classes=3, apart=3.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(clips) % classes
    middles = apart * np.random.default_rng(9).standard_normal((classes, dim))
    features = (middles[labels] + rng.standard_normal((clips, dim))).astype(np.float32)
    return Examples(features, np.eye(classes, dtype=bool)[labels], np.arange(clips) // classes % 4, False)


def draw_tags(clips=200, dim=8, classes=4, seed=0):
    rng = np.random.default_rng(seed)
    truths = rng.random((clips, classes)) < 0.4
    directions = 3.0 * np.random.default_rng(9).standard_normal((classes, dim))
    features = (truths @ directions + 0.5 * rng.standard_normal((clips, dim))).astype(np.float32)
    return Examples(features, truths, np.arange(clips), True)


@pytest.fixture(autouse=True)
def small_budget(monkeypatch):
    monkeypatch.setattr(neural, "MOST_EPOCHS", 300)
    monkeypatch.setattr(heads, "TREES", 30)


@pytest.mark.parametrize("head", HEADS)
def test_every_head_tells_separate_classes_apart(head):
    fitted, others = fit_head(head, draw(dim=100)), draw(dim=100, seed=1)
    decisions = fitted.decide(others.features)
    assert decisions.shape == (120, 3)
    assert (decisions.argmax(axis=1) == others.labels).mean() > 0.9
    assert fitted.strength > 0
    assert fitted.converged or head in ("jia", "softmax")  # whose small steps take longer on so few clips


@pytest.mark.parametrize("head", HEADS)
def test_a_class_that_no_example_has_is_named_and_never_predicted(head):
    examples = draw()
    wider = np.insert(examples.truths, 1, False, axis=1)
    fitted = fit_head(head, dataclasses.replace(examples, truths=wider), 2.0)
    assert fitted.absent == (1,)
    assert np.isneginf(fitted.decide(examples.features)[:, 1]).all()


@pytest.mark.parametrize("head", HEADS)
def test_equal_seeds_give_equal_heads_whatever_else_draws(head):
    examples = draw(apart=0.5)
    torch.manual_seed(1)
    one = fit_head(head, examples, 3.0).decide(examples.features)
    torch.manual_seed(2)
    np.testing.assert_array_equal(one, fit_head(head, examples, 3.0).decide(examples.features))


@pytest.mark.parametrize("head", HEADS)
def test_one_class_or_a_number_that_is_none_cannot_be_fitted(head):
    examples = draw()
    with pytest.raises(UsageError, match="at least two"):
        fit_head(head, dataclasses.replace(examples, truths=np.eye(3, dtype=bool)[np.zeros(120, dtype=int)]))
    features = examples.features.copy()
    features[7, 2] = np.nan
    with pytest.raises(UsageError, match=r"not finite \(rows 7\)"):
        fit_head(head, dataclasses.replace(examples, features=features))


@pytest.mark.parametrize("head", [name for name, kind in HEADS.items() if kind.multi_label])
def test_heads_of_several_classes_find_all_of_a_clip(head):
    fitted, others = fit_head(head, draw_tags(dim=100)), draw_tags(dim=100, seed=1)
    decisions = fitted.decide(others.features)
    above = decisions[others.truths].mean(), decisions[~others.truths].mean()
    assert above[0] > above[1]
    present = np.stack([decisions[others.truths[:, label], label] for label in [0]])
    absent = np.stack([decisions[~others.truths[:, label], label] for label in [0]])
    assert (present[..., :, None] > absent[..., None, :]).mean() > 0.9


@pytest.mark.parametrize("head", [name for name, kind in HEADS.items() if not kind.multi_label])
def test_heads_of_one_class_refuse_clips_of_several_and_say_which_do_not(head):
    with pytest.raises(UsageError, match="several classes, wanted linear or svm or knn"):
        fit_head(head, draw_tags())


def test_an_unknown_head_is_guessed():
    with pytest.raises(UsageError) as caught:
        fit_head("forrest", draw())
    assert "'forest'" in caught.value.hint


@pytest.mark.parametrize(("head", "what"), [("knn", "neighbours"), ("forest", "trees"), ("jia", "epochs")])
def test_a_count_is_a_whole_number(head, what):
    with pytest.raises(UsageError, match=f"whole number of {what}"):
        fit_head(head, draw(), 0.5)


def test_neighbours_are_weighed_by_the_inverse_of_their_distance():
    features = np.array([[0.0], [1.0], [4.0], [9.0]])
    truths = np.eye(2, dtype=bool)[[0, 1, 1, 0]]
    near = fit_neighbours(features, truths, neighbours=3)
    deviation = features.std()
    assert near.scale == pytest.approx([deviation])
    shares = near.decide(np.array([[2.0]]))
    weights = np.array([1 / 2.0, 1 / 1.0, 1 / 2.0])  # of 0, 1 and 4, in any unit
    np.testing.assert_allclose(shares[0], [weights[0] / weights.sum(), weights[1:].sum() / weights.sum()])
    np.testing.assert_allclose(near.decide(features[:1]), [[1.0, 0.0]], atol=1e-6)


def test_the_number_of_neighbours_is_chosen_among_the_clips_themselves():
    assert fit_neighbours(draw(apart=4.0).features, draw(apart=4.0).truths).strength == 1.0
    noisy = draw(clips=400, apart=0.8)
    assert fit_neighbours(noisy.features, noisy.truths).strength > 5.0


def test_the_papers_own_numbers_are_taken():
    esc, scenes = choose_recipe("jia", "esc50"), choose_recipe("jia", "tut2018")
    assert (esc.dropout, scenes.dropout, choose_recipe("jia", "audioset").dropout) == (0.3, 0.5, 0.5)
    assert (esc.learning_rate, esc.batch_size, esc.l2_penalty, esc.hidden) == (2e-4, 128, 1e-6, 0)
    wu = choose_recipe("softmax", "tut2016")
    assert (wu.learning_rate, wu.batch_size, wu.l2_penalty, wu.dropout, wu.hidden) == (1e-4, 60, 0.0015, 0.5, 0)


def test_epochs_are_chosen_where_the_loss_of_clips_kept_back_is_least():
    examples = draw(apart=0.0, clips=60)  # nothing to be learned: the sooner it ends, the better
    few = fit_neural(examples.features, examples.truths, recipe=RECIPES["mlp"], groups=examples.groups)
    assert few.strength <= 10.0
    plain = draw(apart=1.0)
    many = fit_neural(plain.features, plain.truths, recipe=RECIPES["jia"], groups=plain.groups)
    assert many.strength > 20.0


def test_a_search_that_is_not_done_says_so(monkeypatch):
    monkeypatch.setattr(neural, "MOST_EPOCHS", 3)
    examples = draw()
    found = fit_neural(examples.features, examples.truths, recipe=RECIPES["jia"], groups=examples.groups)
    assert (found.strength, found.converged) == (3.0, False)


def test_the_penalty_pulls_weights_to_zero():
    examples = draw()
    free, held = (
        fit_neural(
            examples.features,
            examples.truths,
            recipe=dataclasses.replace(RECIPES["jia"], l2_penalty=penalty, learning_rate=0.01, dropout=0.0),
            epochs=100,
        )
        for penalty in (0.0, 1.0)
    )
    norms = [
        sum(float(weight.detach().square().sum()) for weight in head.network.parameters()) for head in (free, held)
    ]
    assert norms[1] < 0.2 * norms[0]
