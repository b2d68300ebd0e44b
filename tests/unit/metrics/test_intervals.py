from __future__ import annotations

import math

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.intervals import Resampling, compare_measures, estimate_measures, estimate_over_runs
from hearsight.metrics.measures import MEASURES, compute_measures, resample_measures
from hearsight.metrics.tagging import f1_micro, lwlrap, top_accuracy

ALL = tuple(MEASURES)


def draw(seed=0, clips=120, classes=6, noise=0.6):
    rng = np.random.default_rng(seed)
    targets = rng.random((clips, classes)) < 0.3
    scores = targets + noise * rng.standard_normal((clips, classes))
    return 1.0 / (1.0 + np.exp(-4.0 * (scores - 0.5))), targets


def test_measures_are_what_their_functions_give():
    scores, targets = draw()
    found = compute_measures(ALL, scores, targets)
    assert found["mean_average_precision"] == mean_average_precision(scores, targets)
    assert found["lwlrap"] == pytest.approx(lwlrap(scores, targets))
    assert found["top_5"] == pytest.approx(top_accuracy(scores, targets, top=5))
    assert list(found) == list(ALL)


@pytest.mark.parametrize("name", ALL)
def test_a_resample_measures_as_its_clips_repeated(name):
    scores, targets = draw(clips=40)
    scores = np.round(scores, 1)
    weights = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), size=7)
    resampled = resample_measures((name,), scores, targets, weights)[name]
    for drawn, value in zip(weights, resampled, strict=True):
        repeated = np.repeat(np.arange(40), drawn)
        assert value == pytest.approx(compute_measures((name,), scores[repeated], targets[repeated])[name], abs=1e-9)


@pytest.mark.parametrize("name", ALL)
def test_every_measure_lies_in_its_interval(name):
    found = estimate_measures((name,), *draw(), np.arange(120) % 4, Resampling(resamples=200))[name]
    assert found.low < found.value < found.high


def draw_rare(rng, clips=200, classes=60, separation=1.0):
    """Draw clips of few classes each, most of which have one to three clips."""
    targets = rng.random((clips, classes)) < np.geomspace(0.005, 0.05, classes)
    return rng.normal(size=targets.shape) + separation * targets, targets


def test_the_interval_of_map_contains_it_where_classes_vanish_in_resamples():
    for seed in range(10):
        scores, targets = draw_rare(np.random.default_rng(seed), clips=100, classes=120)
        found = estimate_measures(("mean_average_precision",), scores, targets, None, Resampling(resamples=200))
        estimate = found["mean_average_precision"]
        # an interval that starts or ends at the value was widened to it: the method itself must contain it
        assert estimate.low < estimate.value < estimate.high


def test_intervals_of_map_cover_the_expected_score():
    rng = np.random.default_rng(0)
    expected = np.mean([mean_average_precision(*draw_rare(rng)) for _ in range(300)])
    covered = 0
    for _ in range(60):
        found = estimate_measures(("mean_average_precision",), *draw_rare(rng), None, Resampling(resamples=200))
        covered += found["mean_average_precision"].low <= expected <= found["mean_average_precision"].high
    assert covered >= 51  # 57 are expected; of the plain percentiles' intervals 35 do


def test_a_difference_of_equal_models_is_zero_with_certainty():
    scores, targets = draw_rare(np.random.default_rng(1))
    found = compare_measures(ALL, (scores, scores), targets, None, Resampling(resamples=100))
    assert all((one.value, one.low, one.high) == (0.0, 0.0, 0.0) for one in found.values())


def test_intervals_stay_within_what_a_measure_can_be():
    scores, targets = draw(noise=0.05)
    found = estimate_measures(ALL, scores, targets, None, Resampling(resamples=100))
    assert all(one.high <= 1.0 for name, one in found.items() if name != "d_prime")
    scores, targets = draw_rare(np.random.default_rng(2), clips=20, classes=3, separation=-3.0)
    found = estimate_measures(ALL, scores, targets, None, Resampling(resamples=100))
    assert all(one.low >= 0.0 for name, one in found.items() if name != "d_prime" and not math.isnan(one.value))


def test_the_interval_of_the_top_1_accuracy_is_as_wide_as_theory_says():
    rng = np.random.default_rng(3)
    hit = rng.random(2_000) < 0.8
    scores, targets = np.tile([1.0, 0.0], (2_000, 1)), np.stack([hit, ~hit], axis=1)
    found = estimate_measures(("top_1",), scores, targets)["top_1"]
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.8 * 0.2 / 2_000), rel=0.12)


def test_folds_that_differ_widen_the_interval_over_folds_alone():
    scores, targets = draw(clips=400)
    folds = np.arange(400) % 4
    scores[folds == 0] = scores[folds == 0][::-1]  # one fold at chance
    spread = {}
    for over in ("clips", "folds", "both"):
        found = estimate_measures(("mean_average_precision",), scores, targets, folds, Resampling(over, 300))
        spread[over] = found["mean_average_precision"].high - found["mean_average_precision"].low
    assert spread["folds"] > 2 * spread["clips"]
    assert spread["both"] > 2 * spread["clips"]


def test_the_score_is_the_mean_over_folds():
    scores, targets = draw()
    folds = np.arange(120) % 3
    found = estimate_measures(("mean_average_precision",), scores, targets, folds, Resampling(resamples=100))
    of_folds = [mean_average_precision(scores[folds == fold], targets[folds == fold]) for fold in range(3)]
    assert found["mean_average_precision"].value == pytest.approx(np.mean(of_folds))


def test_a_paired_comparison_is_surer_than_two_intervals_and_changes_sign_with_the_order():
    scores, targets = draw(clips=300)
    better = np.where(targets, scores + 0.05, scores)
    names = ("mean_average_precision", "d_prime", "lwlrap")
    ours, theirs = estimate_measures(names, better, targets), estimate_measures(names, scores, targets)
    for name, found in compare_measures(names, (better, scores), targets).items():
        assert found.low > 0.0
        assert found.value == pytest.approx(ours[name].value - theirs[name].value)
        assert found.high - found.low < ours[name].high - ours[name].low
        swapped = compare_measures((name,), (scores, better), targets)[name]
        assert (swapped.value, swapped.low, swapped.high) == pytest.approx((-found.value, -found.high, -found.low))


def test_a_measure_that_is_nowhere_defined_is_not_a_number_and_no_error():
    scores, targets = draw(clips=20)
    found = estimate_measures(ALL, scores, np.zeros_like(targets), None, Resampling(resamples=100))
    assert math.isnan(found["mean_average_precision"].value)
    assert math.isnan(found["lwlrap"].low)
    perfect = estimate_measures(("d_prime",), targets.astype(np.float64), targets, None, Resampling(resamples=100))
    assert perfect["d_prime"].value == perfect["d_prime"].high == math.inf


def test_unknown_measures_and_impossible_resamplings_are_refused():
    scores, targets = draw()
    with pytest.raises(UsageError) as caught:
        compute_measures(("mean_average_precison",), scores, targets)
    assert "did you mean 'mean_average_precision'?" in caught.value.hint
    with pytest.raises(UsageError, match="level 1"):
        estimate_measures(("top_1",), scores, targets, None, Resampling(level=1.0))


def test_f1_of_logits_at_zero_is_that_of_their_probabilities_at_a_half():
    scores, targets = draw()
    logits = np.log(scores / (1.0 - scores))
    names = ("f1_micro", "f1_macro")
    one = estimate_measures(names, scores, targets)
    assert estimate_measures(names, logits, targets, threshold=0.0) == one
    assert one["f1_micro"].value == pytest.approx(f1_micro(scores, targets))


def test_the_mean_over_runs_has_the_interval_of_one_run_where_there_is_one():
    rng = np.random.default_rng(0)
    targets = rng.random((40, 4)) < 0.3
    scores = rng.random((40, 4)) + 0.5 * targets
    folds = np.arange(40) % 4
    drawn = Resampling(resamples=200, seed=3)
    one = estimate_over_runs("mean_average_precision", [scores], targets, folds, drawn)
    assert one == estimate_measures(["mean_average_precision"], scores, targets, folds, drawn)["mean_average_precision"]


def test_paired_runs_that_are_equal_differ_by_nothing_and_a_single_baseline_is_taken_from_each():
    rng = np.random.default_rng(1)
    targets = rng.random((40, 4)) < 0.3
    runs = [rng.random((40, 4)) + 0.5 * targets for _ in range(3)]
    folds = np.zeros(40, dtype=np.int64)
    drawn = Resampling(resamples=100)
    same = estimate_over_runs("lwlrap", runs, targets, folds, drawn, baseline=runs)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    single = estimate_over_runs("lwlrap", runs, targets, folds, drawn, baseline=runs[:1])
    values = [estimate_over_runs("lwlrap", [run], targets, folds, drawn).value for run in runs]
    assert single.value == pytest.approx(np.mean(values) - values[0])
    assert single.low < single.value < single.high


def test_no_runs_are_refused():
    with pytest.raises(UsageError, match="0 runs"):
        estimate_over_runs("lwlrap", [], np.zeros((2, 2), dtype=bool), np.zeros(2, dtype=np.int64))
