from __future__ import annotations

import json
import os

import numpy as np
import pytest

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.compare import compare
from hearsight.evaluation.evaluate import evaluate
from tests.support.layouts import write_audioset, write_sound


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    return write_audioset(tmp_path / "audioset")


def load(folder):
    return load_benchmark(f"audioset={folder}")


def test_segments_have_several_classes_of_the_published_names(folder):
    benchmark = load(folder)
    assert benchmark.classes == ("Speech", "Dog", "Sheep, goat", "Fire")
    assert (benchmark.multi_label, benchmark.clip_seconds, len(benchmark), benchmark.missing) == (True, 10.0, 14, 0)
    clip = benchmark.clips[1]
    assert clip.path == "wav/balanced_train_segments/b-_00000001_30.000.wav"
    assert (clip.labels, clip.fold, clip.source) == ((0, 1), 0, "b-_00000001")
    (split,) = benchmark.splits
    assert (split.fold, split.fitted_on) == (1, (0,))
    assert benchmark.targets.sum(axis=1).max() == 2


def test_missing_segments_are_counted_on_either_side(folder):
    for name in ("balanced_train_segments/b-_00000002_60.000.wav", "eval_segments/e-_00000001_30.000.wav"):
        (folder / "wav" / name).unlink()
    (folder / "wav" / "eval_segments" / "e-_00000004_120.000.wav").unlink()
    benchmark = load(folder)
    assert (len(benchmark), benchmark.missing) == (11, 3)
    assert "balanced_train_segments.csv: 1 of 8 segments are missing: b-_00000002" in benchmark.notes
    assert "eval_segments.csv: 2 of 6 segments are missing: e-_00000001, e-_00000004" in benchmark.notes
    assert "eval_segments.csv: 6 segments listed, 20,371 published" in benchmark.notes


@pytest.mark.parametrize(
    "name", ["b-_00000001.flac", "Yb-_00000001.wav", "b-_00000001_30.000_40.000.ogg", "b-_00000001_30.m4a"]
)
def test_files_are_found_under_the_names_that_downloaders_give_them(folder, name):
    (folder / "wav/balanced_train_segments/b-_00000001_30.000.wav").unlink()
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / name).touch()
    benchmark = load(folder)
    assert benchmark.missing == 0
    assert f"elsewhere/{name}" in {clip.path for clip in benchmark.clips}


def test_another_span_of_a_video_is_not_taken_for_the_segment(folder):
    path = folder / "wav/balanced_train_segments/b-_00000001_30.000.wav"
    path.rename(path.with_name("b-_00000001_77.000.wav"))
    benchmark = load(folder)
    assert benchmark.missing == 1
    assert any(note.startswith("1 sounds that neither table names left out") for note in benchmark.notes)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"/m/09x0r"', '"/m/0000"', r"line 4: class /m/0000, wanted classes of class_labels_indices"),
        ('"/m/09x0r"', '""', "line 4: no class in ''"),
        ('"/m/0bt9lr,/m/09x0r"', "/m/0bt9lr,/m/09x0r", "line 5: 5 columns"),
        (", 0.000, 10.000", ", now, 10.000", "line 4: from 'now'"),
        ("b-_00000001, 30.000", "b-_00000000, 0.000", "1 segments are named twice"),
    ],
)
def test_a_broken_table_is_refused(folder, old, new, message):
    table = folder / "balanced_train_segments.csv"
    assert old in table.read_text()
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(BenchmarkError, match=message):
        load(folder)


def test_what_is_not_there_is_named(folder, tmp_path):
    with pytest.raises(BenchmarkError, match=r"class_labels_indices\.csv"):
        load(tmp_path)
    for path in (folder / "wav" / "eval_segments").iterdir():
        path.unlink()
    with pytest.raises(BenchmarkError, match="none of its 6 segments is there"):
        load(folder)
    (folder / "eval_segments.csv").unlink()
    with pytest.raises(BenchmarkError, match=r"eval_segments\.csv: cannot be read"):
        load(folder)


def test_a_table_that_is_a_pipe_is_refused_without_waiting(folder):
    (folder / "eval_segments.csv").unlink()
    os.mkfifo(folder / "eval_segments.csv")
    with pytest.raises(BenchmarkError, match=r"eval_segments\.csv: cannot be read .*a named pipe"):
        load(folder)


@pytest.fixture
def sounds(tmp_path):
    return write_audioset(tmp_path / "audioset", (32, 24), lambda path, label, number: write_sound(path, label, number))


@pytest.mark.parametrize("probe", ["linear", "svm"])
def test_tags_are_scored_by_map_auc_d_prime_and_lwlrap(sounds, probe):
    result = evaluate("baseline:log-mel", f"audioset={sounds}", probe=probe, clip_seconds=1.2, balanced=5)
    value = json.loads(json.dumps(result.as_json(), allow_nan=False))
    assert {"benchmark", "model", "probe", "accuracy", "folds", "interval", "num_clips"} <= set(value)
    names = {"mean_average_precision", "area_under_curve", "weighted_area_under_curve", "d_prime", "lwlrap"}
    assert names <= set(value["measures"])
    assert (value["num_clips"], len(value["folds"]), value["missing"]) == (24, 1, 0)
    assert value["measures"]["lwlrap"]["value"] > 0.85
    assert value["measures"]["mean_average_precision"]["value"] == pytest.approx(value["mean_average_precision"])
    assert value["balanced"]["num_clips"] <= 24
    # a class that nobody evaluates is reported, and is no zero
    assert value["undefined"] == ["Fire"]
    assert any("no clip of Fire: average precision is undefined there" in note for note in value["notes"])
    assert any("lwlrap" in line for line in result.describe())


def test_taggers_are_compared_by_any_measure(sounds):
    linear, svm = (
        evaluate("baseline:log-mel", f"audioset={sounds}", probe=probe, hyperparameter=1.0)
        for probe in ("linear", "svm")
    )
    found = compare(linear, svm, measure="mean_average_precision")
    expected = linear.mean_average_precision - svm.mean_average_precision
    assert found.difference == pytest.approx(expected)
    assert found.interval[0] <= expected <= found.interval[1]
    assert found.num_clips == 24
    assert np.isfinite(found.interval).all()


@pytest.mark.parametrize("probe", ["knn", "mlp", "finetune"])
def test_f1_calls_a_class_true_where_the_probe_finds_it_more_likely_than_not(sounds, probe):
    options = {"finetune": {"epochs": 8, "batch_size": 8, "learning_rate": 2e-3}} if probe == "finetune" else {}
    run = "untrained:jia-mobilenet-v2,width=0.25"
    result = evaluate(run, f"audioset={sounds}", probe=probe, cache=False, **options)
    likely = result.score.scores >= {"knn": 0.5, "mlp": 0.0, "finetune": np.log(0.5)}[probe]
    targets = result.clips.targets[result.score.rows]
    expected = 2.0 * (likely & targets).sum() / (likely.sum() + targets.sum())
    assert 0.0 < expected < 1.0
    assert result.measures["f1_micro"].value == pytest.approx(expected)


def test_f1_is_compared_at_each_probe_s_own_threshold(sounds):
    votes, logits = (evaluate("baseline:log-mel", f"audioset={sounds}", probe=probe) for probe in ("knn", "linear"))
    found = compare(votes, logits, measure="f1_micro")
    assert found.difference == pytest.approx(votes.measures["f1_micro"].value - logits.measures["f1_micro"].value)
