from __future__ import annotations

from collections import Counter

import pytest

from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks.catalogue import BENCHMARKS, load_benchmark
from hearsight.evaluation.evaluate import evaluate
from tests.support.videos import write_clip


def write_table(folder, rows, header="path,label,fold,source", name="clips.csv"):
    (folder / name).write_text("\n".join([header, *rows]) + "\n")
    return folder / name


def load(table, name="csv"):
    return load_benchmark(f"{name}={table}")


def test_numbered_folds_of_a_table_are_each_scored_once(make_folder):
    folder = make_folder({"a": 3, "b": 3})
    rows = [
        f"{name}/{number}.wav,{label},{number},s{label}{number}"
        for name, label in (("a", "x"), ("b", "y"))
        for number in range(3)
    ]
    benchmark = load(write_table(folder, rows))
    assert (benchmark.name, benchmark.classes, len(benchmark.splits)) == ("csv", ("x", "y"), 3)
    assert benchmark.clips[0].source == "sx0"


def test_train_and_test_are_a_fixed_split(make_folder):
    folder = make_folder({"a": 4, "b": 4})
    rows = [f"{name}/{number}.wav,{name},{'test' if number == 3 else 'train'}," for name in "ab" for number in range(4)]
    benchmark = load(write_table(folder, rows))
    assert [(split.fold, split.fitted_on) for split in benchmark.splits] == [(1, (0,))]
    assert evaluate("baseline:log-mel", f"csv={folder / 'clips.csv'}", cache=False).num_clips == 2


def test_a_fold_of_one_class_is_scored_and_what_it_lacks_is_named(make_folder):
    folder = make_folder({"a": 6, "b": 6})
    rows = [
        f"{name}/{number}.wav,{name},{3 if name == 'a' and number > 3 else number % 2},"
        for name in "ab"
        for number in range(6)
    ]
    result = evaluate("baseline:log-mel", f"csv={write_table(folder, rows)}", cache=False)
    assert len(result.folds) == 3
    assert result.undefined == ("b",)
    assert "fold 3: no clip of b: average precision is undefined there, and left out of the mean" in result.notes


def test_folds_are_dealt_by_content_where_there_are_none_and_sources_stay_together(make_folder):
    folder = make_folder({"a": 12, "b": 12})
    rows = [f"{name}/{number}.wav,{name},{name}{number // 2}" for name in "ab" for number in range(12)]
    benchmark = load(write_table(folder, rows, "path,label,source"))
    folds_of = {source: {clip.fold for clip in benchmark.clips if clip.source == source} for source in ("a0", "b5")}
    assert all(len(folds) == 1 for folds in folds_of.values())
    assert "5 folds assigned by content" in benchmark.notes
    assert load(folder / "clips.csv").clips == benchmark.clips


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a/0.wav,x,train,", "a/1.wav,x,2,", "b/0.wav,y,test,"], "line 2: fold 'train'"),
        (["a/0.wav,x,1,", "b/0.wav,y,,"], "line 3: fold ''"),
        (["a/0.wav,x,train,s", "a/1.wav,y,train,s", "b/0.wav,y,test,s"], "1 sources lie in several folds"),
        (["a/0.wav,x,train,", "a/1.wav,x,train,", "b/0.wav,y,test,"], "without fold 1 only class 'x' is left"),
        (["a/0.wav,x,train,", "a/1.wav,y,train,"], "all clips are in fold 0"),
        (["a/7.wav,x,1,"], r"1 of 1 clips are missing: a/7\.wav"),
    ],
)
def test_a_table_that_cannot_be_scored_is_refused(make_folder, rows, message):
    with pytest.raises(BenchmarkError, match=message):
        load(write_table(make_folder({"a": 2, "b": 2}), rows))


def test_a_folder_is_no_table_and_a_table_no_folder(make_folder):
    folder = make_folder({"a": 2, "b": 2})
    with pytest.raises(BenchmarkError, match="not a file"):
        load(folder)
    with pytest.raises(BenchmarkError, match="not a folder"):
        load(write_table(folder, ["a/0.wav,x,1,"]), "esc50")
    with pytest.raises(UsageError, match="csv=FILE"):
        load_benchmark("csv=")


@pytest.mark.parametrize(
    ("asked", "meant"), [("esc-50", "esc50"), ("audio-set", "audioset"), ("urbansound", "urbansound8k")]
)
def test_unknown_benchmarks_are_guessed(asked, meant):
    with pytest.raises(UsageError) as caught:
        load_benchmark(f"{asked}=/somewhere")
    assert caught.value.hint == f"did you mean '{meant}'?"


def test_every_benchmark_says_what_it_is_and_where_to_get_it():
    assert list(BENCHMARKS) == [
        "esc10",
        "esc50",
        "audioset",
        "tut2018",
        "tut2016",
        "dcase2013",
        "urbansound8k",
        "csv",
        "folder",
        "dataset",
        "videos",
    ]
    for kind in BENCHMARKS.values():
        assert all(kind.row()[index] for index in (0, 1, 4, 5))
        assert (kind.clips is None) == (kind.classes is None)


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    for label in ("drum", "train"):
        (folder / label).mkdir()
        for number in range(5):
            write_clip(folder / label / f"{number}.mp4", 1.0, seed=100 * (label == "drum") + number)
    return folder


def test_videos_are_split_six_to_four_within_each_class(videos):
    benchmark = load(videos, "videos")
    for label in (0, 1):
        assert Counter(benchmark.folds[benchmark.labels == label].tolist()) == {0: 3, 1: 2}
    assert "a split of six to four assigned by content" in benchmark.notes
    result = evaluate("baseline:log-mel", f"videos={videos}", cache=False)
    assert (result.num_clips, len(result.folds)) == (4, 1)


def test_videos_of_a_table_keep_its_folds_and_sounds_are_no_videos(videos, make_folder):
    rows = [f"{label}/{number}.mp4,{label},{number % 2}" for label in ("drum", "train") for number in range(5)]
    table = write_table(videos, rows, "path,label,fold", "videos.csv")
    try:
        assert load(videos, "videos").clips == load(table, "videos").clips
        assert len(load(videos, "videos").splits) == 2
    finally:
        table.unlink()
    sounds = write_table(make_folder({"a": 2}), ["a/0.wav,x,1", "a/1.wav,y,2"], "path,label,fold")
    with pytest.raises(BenchmarkError, match="2 files that are no videos by name"):
        load(sounds, "videos")
