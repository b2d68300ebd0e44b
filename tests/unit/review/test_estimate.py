from __future__ import annotations

import numpy as np
import pytest

from hearsight.review.draw import choose, divide
from hearsight.review.estimate import count_true, trace_precision
from hearsight.review.judged import Judged


def judge(scores: np.ndarray, right: np.ndarray, count: int, seed: int) -> Judged:
    """Judge a stratified sample of detections."""
    strata = divide(scores)
    rows = choose(strata, count, np.random.default_rng(seed))
    sizes = {number: int(size) for number, size in enumerate(np.bincount(strata))}
    return Judged("owl", scores[rows], right[rows], strata[rows], sizes, 0)


def make_detections(seed: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    scores = generator.beta(0.7, 3.0, 2_000)
    return scores, generator.random(2_000) < scores


def test_a_whole_sample_has_no_doubt_about_its_number():
    scores, right = make_detections(0)
    found = count_true(judge(scores, right, len(scores), 0))
    assert found.value == found.low == found.high == right.sum()


def test_intervals_of_the_number_contain_it_about_as_often_as_they_say():
    inside = 0
    for seed in range(80):
        scores, right = make_detections(seed)
        found = count_true(judge(scores, right, 60, seed))
        inside += found.low <= right.sum() <= found.high
    assert 70 <= inside <= 80


def test_precision_of_a_sample_is_that_of_all_detections():
    differences = []
    for seed in range(40):
        scores, right = make_detections(seed)
        curve = trace_precision(judge(scores, right, 100, seed))
        place = int(np.searchsorted(curve.thresholds, 0.3))
        differences.append(curve.precision[place] - right[scores >= curve.thresholds[place]].mean())
    assert abs(np.mean(differences)) < 0.02


def test_a_threshold_is_the_lowest_one_with_the_precision():
    judged = Judged(
        "owl",
        np.array([0.2, 0.4, 0.6, 0.8]),
        np.array([False, True, False, True]),
        np.full(4, -1),
        {},
        0,
    )
    curve = trace_precision(judged)
    assert curve.precision.tolist() == [0.5, pytest.approx(2 / 3), 0.5, 1.0]
    assert curve.kept.tolist() == [1.0, 1.0, 0.5, 0.5]
    assert curve.find_threshold(0.6) == 1
    assert curve.find_threshold(0.9) == 3
    assert curve.find_threshold(0.9, sure=True) is None
    assert (curve.low <= curve.precision).all()
    assert (curve.precision <= curve.high).all()


def test_a_class_that_is_always_wrong_has_no_threshold():
    judged = Judged("owl", np.array([0.2, 0.4]), np.array([False, False]), np.full(2, -1), {}, 0)
    curve = trace_precision(judged)
    assert curve.find_threshold(0.1) is None
    assert np.isnan(curve.kept).all()
    assert count_true(judged).value == 0.0
