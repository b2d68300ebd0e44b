from __future__ import annotations

import math

import numpy as np
import pytest

from hearsight.errors import InputError
from hearsight.teaching.head import NO, YES, Rows
from hearsight.teaching.score import assign_folds, score_examples


def make_rows(names: list[str], vocabulary: list[str], informative: bool) -> Rows:
    generator = np.random.default_rng(0)
    places = np.repeat(np.arange(len(names)), 2)
    truths = np.array([[YES if names[place] == known else NO for known in vocabulary] for place in places], np.int8)
    values = generator.standard_normal((len(places), 6)).astype(np.float32)
    if informative:
        values[:, : len(vocabulary)] += 5.0 * (truths == YES)
    return Rows(values, truths, places, np.full(len(places), True))


def test_sources_stay_together_and_each_class_is_spread():
    names = ["a"] * 10 + ["b"] * 5
    sources = [f"s{number // 2}" for number in range(10)] + [f"t{number}" for number in range(5)]
    folds = assign_folds(names, sources, seed=0)
    assert (folds[:10:2] == folds[1:10:2]).all()
    assert sorted(folds[:10:2].tolist()) == sorted(folds[10:].tolist()) == [0, 1, 2, 3, 4]
    assert not np.array_equal(folds, assign_folds(names, sources, seed=3))


def test_a_source_that_two_classes_share_is_in_one_fold():
    folds = assign_folds(["a", "a", "b", "b", "a"], ["s", "t", "s", "u", "v"], seed=1)
    assert folds[0] == folds[2]
    assert len(set(folds[[0, 1, 4]])) == 2


def test_a_class_of_one_source_has_no_score():
    with pytest.raises(InputError, match="class 'b': 1 source of examples"):
        assign_folds(["a", "a", "b"], ["s", "t", "u"], seed=0)


def test_scores_are_perfect_where_classes_differ_and_chance_where_they_do_not():
    names = ["a", "b", "c"] * 20
    sources = [str(number) for number in range(60)]
    known = score_examples(
        make_rows(names, ["a", "b", "c"], True), names, sources, ["a", "b", "c"], regularization=1.0, seed=0
    )
    assert (known.accuracy.value, known.accuracy.high) == (1.0, 1.0)
    assert known.accuracy.low == pytest.approx(0.940, abs=0.001)  # Wilson's, of 60 of 60
    assert (known.mean_average_precision.value, math.isnan(known.mean_average_precision.low)) == (1.0, True)
    assert (known.classes[0].num_examples, known.classes[0].num_segments) == (20, 40)
    blind = score_examples(
        make_rows(names, ["a", "b", "c"], False), names, sources, ["a", "b", "c"], regularization=1.0, seed=0
    )
    assert blind.accuracy.low < 0.45
    assert blind.accuracy.value < 0.6
