from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import hearsight
from hearsight.config import EvaluateConfig, load_config
from hearsight.errors import BenchmarkError, CheckpointError, ConfigError, UsageError
from hearsight.evaluation.compare import compare
from hearsight.evaluation.evaluate import evaluate
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.zoo import build_network

EYE = (ClassOrigin(sense="seen", teacher="eye"), ClassOrigin(sense="seen", teacher="eye"))
"""Where the two classes of the run come from."""


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def tones(make_folder):
    return f"folder={make_folder({'high': 6, 'low': 6, 'middle': 6})}"


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    network = build_network("jia-mobilenet-v2", 2, seed=5, width=0.25)
    save_checkpoint(network, folder, vocabulary=("a", "b"), training={"clips": 1234, "steps": 60}, classes=EYE)
    return folder


@pytest.mark.parametrize("probe", ["linear", "svm"])
def test_the_baseline_tells_tones_apart(tones, probe):
    result = evaluate("baseline:log-mel", tones, probe=probe)
    assert result.accuracy == np.mean(result.folds) > 0.9
    assert result.interval[0] <= result.accuracy <= result.interval[1]
    assert (result.num_clips, result.num_classes, result.dim, result.pool) == (18, 3, 128, "statistics")


def test_the_json_has_the_keys_that_are_promised(tones):
    value = json.loads(json.dumps(evaluate("baseline:log-mel", tones, hyperparameter=1.0).as_json(), allow_nan=False))
    assert {"benchmark", "model", "probe", "accuracy", "folds", "interval", "num_clips"} <= set(value)
    assert value["model"] == "baseline:log-mel"
    assert len(value["folds"]) == len(value["hyperparameters"]) == 5
    assert len(value["interval"]) == 2
    assert value["untrained"] is False
    assert value["training_clips"] is None
    assert "5 folds assigned by content" in value["notes"]


def test_a_run_and_its_network_with_fresh_weights_are_scored_alike(run, tones):
    trained, fresh = (
        evaluate(run, tones, hyperparameter=1.0),
        evaluate(run, tones, hyperparameter=1.0, untrained=True, seed=3),
    )
    assert (trained.model, trained.untrained) == ("jia-mobilenet-v2", False)
    assert (fresh.model, fresh.untrained) == ("jia-mobilenet-v2", True)
    assert (trained.training_clips, fresh.training_clips) == (1234, None)
    assert (trained.networks[0].steps, trained.networks[0].teachers) == (60, ("eye",))
    assert (fresh.networks[0].steps, fresh.networks[0].teachers) == (None, ())
    assert trained.dim == fresh.dim == 256
    assert trained.pool == fresh.pool == "mean+max"
    assert "untrained" in fresh.describe()[0]
    assert not np.array_equal(trained.score.scores, fresh.score.scores)


def test_fresh_weights_of_the_seed_of_a_run_are_those_it_began_with(run, tones):
    began, fresh = (
        evaluate(run, tones, hyperparameter=1.0),
        evaluate(run, tones, hyperparameter=1.0, untrained=True, seed=5),
    )
    np.testing.assert_allclose(began.score.scores, fresh.score.scores, atol=1e-6)


def test_equal_seeds_give_equal_scores_with_and_without_the_cache(run, tones):
    one, kept, anew = (
        evaluate(run, tones, hyperparameter=1.0),
        evaluate(run, tones, hyperparameter=1.0),
        evaluate(run, tones, hyperparameter=1.0, cache=False),
    )
    for other in (kept, anew):
        np.testing.assert_array_equal(one.score.scores, other.score.scores)
        assert (one.interval, one.folds) == (other.interval, other.folds)


def test_concatenation_takes_clips_of_a_given_length(run, tones):
    result = evaluate(run, tones, pool="concat", clip_seconds=2.0)
    assert result.dim == 2 * 128


def test_clips_that_cannot_be_read_end_the_evaluation_or_are_left_out_and_named(make_folder):
    folder = make_folder({"high": 6, "low": 6})
    (folder / "low" / "3.wav").write_bytes(b"no sound")
    with pytest.raises(BenchmarkError, match=r"1 of 12 clips cannot be read: low/3\.wav") as caught:
        evaluate("baseline:log-mel", f"folder={folder}")
    assert "unreadable=exclude" in caught.value.hint
    result = evaluate("baseline:log-mel", f"folder={folder}", unreadable="exclude")
    assert result.num_clips == 11
    assert any("1 clips that cannot be read left out: low/3.wav" in note for note in result.notes)
    assert any(line.startswith("note: ") for line in result.describe())


def test_a_class_that_only_one_fold_has_is_noted(make_folder):
    counts = {"fold1/high": 3, "fold1/low": 3, "fold2/high": 3, "fold2/low": 3, "fold2/middle": 2}
    result = evaluate("baseline:log-mel", f"folder={make_folder(counts)}")
    assert "fold 2: no other fold has a clip of middle" in result.notes


def test_a_very_short_clip_is_scored(make_folder):
    result = evaluate("baseline:log-mel", f"folder={make_folder({'high': 5, 'low': 5}, seconds=0.01)}")
    assert result.num_clips == 10


def test_unknown_options_models_and_runs_are_named(tones, tmp_path):
    with pytest.raises(ConfigError, match="unknown key 'pol'"):
        evaluate("baseline:log-mel", tones, pol="mean")
    with pytest.raises(UsageError, match="probe") as caught:
        evaluate("baseline:log-mel", tones, probe="forrest")
    assert "'forest'" in caught.value.hint
    with pytest.raises(CheckpointError):
        evaluate(tmp_path, tones)
    with pytest.raises(UsageError):
        hearsight.evaluate("baseline:mfc", tones)


def test_keys_of_earlier_versions_go_on_working():
    old = {"head": "svm", "strength": 2.0, "beside": ["baseline:mfcc"], "against": "dataset"}
    config = load_config(EvaluateConfig, "evaluate", **old)
    assert (config.probe, config.hyperparameter) == ("svm", 2.0)
    assert (config.extra_models, config.training_dataset) == (("baseline:mfcc",), Path("dataset"))
    with pytest.raises(ConfigError, match="probe is given twice, the other time by its old name head"):
        load_config(EvaluateConfig, "evaluate", probe="svm", head="knn")


def test_a_config_and_keys_are_not_given_together(tones):
    config = EvaluateConfig(hyperparameter=1.0)
    assert evaluate("baseline:log-mel", tones, config).score.folds[0].hyperparameter == 1.0
    with pytest.raises(UsageError, match="a config and pool, wanted"):
        evaluate("baseline:log-mel", tones, config, pool="mean")


def test_models_are_compared_clip_by_clip(run, tones):
    base = evaluate("baseline:log-mel", tones, hyperparameter=1.0)
    fresh = [evaluate(run, tones, hyperparameter=1.0, untrained=True, seed=seed) for seed in (1, 2)]
    comparison = compare([base, base], fresh)
    expected = base.accuracy - np.mean([one.accuracy for one in fresh])
    assert comparison.difference == pytest.approx(expected)
    assert comparison.interval[0] <= expected <= comparison.interval[1]
    assert (comparison.num_clips, comparison.num_runs) == (18, 2)
    assert json.loads(json.dumps(comparison.as_json()))["interval"] == list(comparison.interval)
    assert compare(fresh, [base, base]).difference == pytest.approx(-expected)


def test_a_model_is_no_better_than_itself(tones):
    base = evaluate("baseline:log-mel", tones, hyperparameter=1.0)
    same = compare(base, base)
    assert (same.difference, same.interval, same.is_clear) == (0.0, (0.0, 0.0), False)


def test_evaluations_on_different_clips_do_not_compare(tones, make_folder):
    base = evaluate("baseline:log-mel", tones, hyperparameter=1.0)
    other = evaluate("baseline:log-mel", f"folder={make_folder({'high': 5, 'low': 5}, 'others')}")
    with pytest.raises(UsageError, match="the same clips"):
        compare(base, other)
    with pytest.raises(UsageError, match="as many of each"):
        compare([base], [])


@pytest.mark.real
def test_the_log_mel_baseline_reaches_its_known_score_on_the_real_esc10(real_data):
    result = evaluate("baseline:log-mel", f"esc10={real_data / 'esc10'}", hyperparameter=10.0)
    assert (result.num_clips, len(result.folds)) == (400, 5)
    assert 0.74 < result.accuracy < 0.84
