from __future__ import annotations

import json

import numpy as np
import pytest

from hearsight.config import EvaluateConfig
from hearsight.dataset.reader import Dataset
from hearsight.errors import BenchmarkError, CheckpointError, UsageError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.evaluate import evaluate
from hearsight.listening.listener import load
from hearsight.metrics.measures import compute_measures
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.zoo import build_network
from hearsight.signal.waveform import from_int16
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset

NAMES = ("dog", "rain", "bell", "drum")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    rng = np.random.default_rng(0)
    clips = []
    for number in range(120):
        # dogs are more frequent than rain, and so on
        chosen = {int(label) for label in np.flatnonzero(rng.random(4) < (0.9, 0.6, 0.4, 0.2))} or {0}
        clips.append(InventedClip(f"video-{number}.mp4", soft={"ear": dict.fromkeys(chosen, 0.9)}))
    teacher = InventedTeacher("ear", "audio", NAMES, threshold=0.5)
    return write_dataset(tmp_path_factory.mktemp("dataset") / "dataset", [teacher], clips)


@pytest.fixture(scope="module")
def make_run(tmp_path_factory):
    def make(names=NAMES, teacher="ear"):
        folder = tmp_path_factory.mktemp("run")
        network = build_network("wu-mlp", len(names), seed=1, width=0.05)
        origins = tuple(ClassOrigin(sense="heard", teacher=teacher) for _ in names)
        save_checkpoint(network, folder, vocabulary=names, training={}, classes=origins)
        return folder

    return make


def test_the_measures_are_those_of_the_mean_of_each_validation_clip(dataset, make_run):
    run = make_run()
    result = evaluate(run, f"dataset={dataset}", probe="outputs", resamples=100, measure_resamples=100)
    opened, listener = Dataset(dataset), load(run)
    clips = opened.indices("validation")
    targets = np.zeros((len(clips), 4), dtype=bool)
    scores = np.zeros((len(clips), 4))
    for row, clip in enumerate(clips):
        targets[row, opened.labels(int(clip)).audio] = True
        parts = list(listener.forward_waveform(from_int16(opened.read(int(clip))), opened.sample_rate))
        weights = np.concatenate([part.weights for part in parts])
        scores[row] = weights @ np.concatenate([part.probabilities for part in parts]) / weights.sum()
    names = ("mean_average_precision", "area_under_curve", "d_prime", "top_1")
    expected = compute_measures(names, scores, targets)
    assert result.num_clips == len(clips) > 3
    assert result.accuracy == pytest.approx(expected.pop("top_1"))
    assert {name: result.measures[name].value for name in expected} == pytest.approx(expected)
    assert "the labels are those of machines, not of people" in result.notes
    assert json.loads(json.dumps(result.as_json(), allow_nan=False))["hyperparameters"] == [None]


def test_networks_with_other_classes_are_scored_on_common_ones(dataset, make_run):
    result = evaluate(make_run(("drum", "dog", "cat")), f"dataset={dataset}", probe="outputs", measure_resamples=100)
    assert result.clips.classes == ("dog", "drum")
    whole = evaluate(make_run(), f"dataset={dataset}", probe="outputs", scored_classes=2, measure_resamples=100)
    assert whole.clips.classes == ("dog", "rain")
    assert any("2 of 4 classes are scored" in note for note in whole.notes)


def test_a_network_without_the_scored_classes_is_refused(dataset, make_run):
    with pytest.raises(CheckpointError, match="1 of the 2 classes to score are absent: rain"):
        evaluate(make_run(("dog", "drum")), f"dataset={dataset}", probe="outputs", scored_classes=2)
    with pytest.raises(CheckpointError, match="none of the 4 classes"):
        evaluate(make_run(teacher="another"), f"dataset={dataset}", probe="outputs")


def test_a_balanced_draw_is_measured_too(dataset, make_run):
    result = evaluate(make_run(), f"dataset={dataset}", probe="outputs", balanced=1, measure_resamples=100)
    assert result.balanced is not None
    assert 1 <= result.balanced.num_clips <= result.num_clips


@pytest.mark.parametrize(
    ("benchmark", "keys", "message"),
    [
        ("dataset=DATASET", {}, "wanted --probe outputs"),
        ("folder=DATASET", {"probe": "outputs"}, "wanted --benchmark dataset=FOLDER"),
        ("dataset=DATASET", {"probe": "outputs", "layer": "pool5"}, "layer, wanted none of these"),
        ("dataset=DATASET", {"probe": "outputs", "untrained": True}, "untrained, wanted none of these"),
        ("folder=DATASET", {"scored_classes": 3}, "scored_classes: 3 with the benchmark folder"),
    ],
)
def test_what_does_not_fit_together_is_refused(dataset, make_run, benchmark, keys, message):
    with pytest.raises(UsageError, match=message):
        evaluate(make_run(), benchmark.replace("DATASET", str(dataset)), EvaluateConfig(**keys))


def test_a_baseline_has_no_outputs(dataset):
    with pytest.raises(UsageError, match="no trained outputs"):
        evaluate("baseline:log-mel", f"dataset={dataset}", probe="outputs")
    with pytest.raises(UsageError, match="no trained outputs"):
        evaluate("untrained:wu-mlp,width=0.05", f"dataset={dataset}", probe="outputs")


def test_a_dataset_is_a_benchmark_with_all_its_classes(dataset, tmp_path):
    benchmark = load_benchmark(f"dataset={dataset}")
    assert benchmark.classes == NAMES
    assert benchmark.multi_label
    for name in "abcdef":
        teacher = InventedTeacher("ear", "audio", NAMES, threshold=0.5)
        alone = write_dataset(tmp_path / name, [teacher], [InventedClip(f"{name}.mp4", soft={"ear": {0: 0.9}})])
        if not len(Dataset(alone).indices("validation")):
            break
    with pytest.raises(BenchmarkError, match="0 validation clips"):
        load_benchmark(f"dataset={alone}")
