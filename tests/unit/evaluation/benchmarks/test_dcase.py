from __future__ import annotations

import shutil
from collections import Counter

import pytest

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from hearsight.evaluation.evaluate import evaluate
from tests.support.layouts import write_dcase2013, write_sound, write_tut2016, write_tut2018


@pytest.fixture(autouse=True)
def cache_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(tmp_path / "cache"))


def load(name, folder):
    return load_benchmark(f"{name}={folder}")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_tut2018_has_one_official_split_and_locations_as_sources(tmp_path):
    benchmark = load("tut2018", write_tut2018(tmp_path / "tut"))
    assert (len(benchmark), len(benchmark.classes), benchmark.clip_seconds) == (60, 10, 10.0)
    assert Counter(benchmark.folds.tolist()) == {0: 40, 1: 20}
    assert [(split.fold, split.fitted_on) for split in benchmark.splits] == [(1, (0,))]
    clip = benchmark.clips[0]
    assert (clip.path, clip.label, clip.source) == ("audio/airport-barcelona-0-0-a.wav", 0, "barcelona-0")
    assert "60 clips listed, 8,640 published: not comparable with published scores" in benchmark.notes


def test_tut2018_of_the_published_size_has_nothing_to_note(tmp_path):
    # 8,640 clips: 864 of each scene
    folder = write_tut2018(tmp_path / "TUT-urban-acoustic-scenes-2018-development", per_scene=288)
    benchmark = load("tut2018", tmp_path)  # the folder that holds the unpacked archive does as well
    assert (len(benchmark), benchmark.notes, benchmark.folder) == (8640, (), folder)


def test_the_location_is_in_the_name_where_the_table_has_none(tmp_path):
    folder = write_tut2018(tmp_path / "tut")
    text = (folder / "meta.csv").read_text()
    (folder / "meta.csv").write_text("\n".join("\t".join(line.split("\t")[:2]) for line in text.splitlines()))
    assert load("tut2018", folder).clips[0].source == "barcelona-0"


def test_a_location_on_both_official_sides_is_noted(tmp_path):
    folder = write_tut2018(tmp_path / "tut")
    edit(folder / "meta.csv", "\tbarcelona-2\t", "\tbarcelona-0\t")
    assert any("official folds: barcelona-0 (folds 0, 1)" in note for note in load("tut2018", folder).notes)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("meta.csv", "\tairport\t", "\tairprt\t", r"line 2: scene 'airprt'.*\n.*did you mean 'airport'"),
        ("meta.csv", "scene_label", "scene", "no column scene_label"),
        ("evaluation_setup/fold1_train.txt", "\tairport", "\tbus", "1 scenes are not those of the metadata"),
        ("evaluation_setup/fold1_train.txt", "-0-0-a.wav", "-0-7-a.wav", "1 of its 40 clips are not in the metadata"),
        ("evaluation_setup/fold1_train.txt", "\tairport", "", "2 columns, tab-separated"),
        ("evaluation_setup/fold1_evaluate.txt", "barcelona-2-0", "barcelona-0-0", "1 clips are to be scored as well"),
    ],
)
def test_tables_of_tut2018_that_contradict_each_other_are_refused(tmp_path, file, old, new, message):
    folder = write_tut2018(tmp_path / "tut")
    edit(folder / file, old, new)
    with pytest.raises(BenchmarkError, match=message):
        load("tut2018", folder)


def test_absent_and_additional_files_of_tut2018_are_reported(tmp_path):
    folder = write_tut2018(tmp_path / "tut")
    (folder / "audio" / "my own.wav").touch()
    assert "1 sounds that its tables do not name left out: audio/my own.wav" in load("tut2018", folder).notes
    (folder / "audio" / "airport-barcelona-0-0-a.wav").unlink()
    with pytest.raises(BenchmarkError, match=r"1 of 60 clips are missing: audio/airport-barcelona-0-0-a\.wav"):
        load("tut2018", folder)
    (folder / "meta.csv").unlink()
    with pytest.raises(BenchmarkError, match=r"neither meta\.csv nor TUT-urban"):
        load("tut2018", folder)


def test_tut2016_has_four_folds_and_an_evaluation_set_that_is_fitted_on_all_of_them(tmp_path):
    benchmark = load("tut2016", write_tut2016(tmp_path))
    assert (len(benchmark), len(benchmark.classes), benchmark.clip_seconds) == (135, 15, 30.0)
    assert Counter(benchmark.folds.tolist()) == {1: 30, 2: 30, 3: 30, 4: 30, 5: 15}
    assert [(split.fold, split.fitted_on, split.held_out) for split in benchmark.splits] == [
        (1, (2, 3, 4), False),
        (2, (1, 3, 4), False),
        (3, (1, 2, 4), False),
        (4, (1, 2, 3), False),
        (5, (1, 2, 3, 4), True),
    ]
    clip = benchmark.clips[0]
    assert (clip.path, clip.source) == ("TUT-acoustic-scenes-2016-development/audio/a001_0_30.wav", "a001")
    assert all(benchmark.locate(clip).is_file() for clip in benchmark.clips)


def test_tut2016_without_its_evaluation_set_is_read_and_says_so(tmp_path):
    write_tut2016(tmp_path)
    benchmark = load("tut2016", tmp_path / "TUT-acoustic-scenes-2016-development")
    assert len(benchmark) == 120
    assert any(note.startswith("no evaluation set") for note in benchmark.notes)
    assert benchmark.clips[0].path == "audio/a001_0_30.wav"


def test_folds_of_tut2016_that_overlap_or_leave_out_clips_are_refused(tmp_path):
    setup = write_tut2016(tmp_path / "one") / "TUT-acoustic-scenes-2016-development" / "evaluation_setup"
    edit(setup / "fold1_evaluate.txt", "audio/a001_0_30.wav", "audio/a002_0_30.wav")
    with pytest.raises(BenchmarkError, match=r"1 clips are (to be scored|in fold 1) as well"):
        load("tut2016", tmp_path / "one")
    setup = write_tut2016(tmp_path / "two") / "TUT-acoustic-scenes-2016-development" / "evaluation_setup"
    edit(setup / "fold1_evaluate.txt", "audio/a001_0_30.wav\tbeach\n", "")
    with pytest.raises(BenchmarkError, match=r"1 clips are in no fold: audio/a001_0_30\.wav"):
        load("tut2016", tmp_path / "two")
    (setup / "fold3_evaluate.txt").unlink()
    with pytest.raises(BenchmarkError, match=r"fold3_evaluate\.txt: no such file"):
        load("tut2016", tmp_path / "two")


def test_dcase2013_is_fitted_on_one_part_and_scored_on_the_other(tmp_path):
    folder = write_dcase2013(tmp_path / "dcase")
    benchmark = load("dcase2013", folder)
    assert (len(benchmark), benchmark.notes) == (200, ())
    assert Counter(benchmark.folds.tolist()) == {0: 100, 1: 100}
    assert {benchmark.classes[clip.label] for clip in benchmark.clips if "tubestation" in clip.path} == {"tubestation"}
    (folder / "scenes_stereo" / "kitchen01.wav").touch()
    with pytest.raises(BenchmarkError, match=r"1 sounds that are no clips of DCASE 2013: kitchen01\.wav"):
        load("dcase2013", folder)
    shutil.rmtree(folder / "scenes_stereo_testset")
    (folder / "scenes_stereo" / "kitchen01.wav").unlink()
    with pytest.raises(BenchmarkError, match="no folder scenes_stereo_testset"):
        load("dcase2013", folder)


def write(path, label, number):
    write_sound(path, label, number, seconds=0.6)


def test_a_fixed_split_is_scored_once(tmp_path):
    folder = write_tut2018(tmp_path / "tut", 3, write, scenes=("airport", "bus", "park"))
    result = evaluate("baseline:log-mel", f"tut2018={folder}", clip_seconds=0.6)
    assert (result.num_clips, len(result.folds), result.evaluation_set) == (9, 1, None)
    assert result.accuracy == result.folds[0] > 0.8
    assert result.interval[0] <= result.accuracy <= result.interval[1]
    assert result.score.rows.tolist() == [row for row, clip in enumerate(result.clips.clips) if clip.fold == 1]
    assert result.undefined == (
        "metro",
        "metro_station",
        "public_square",
        "shopping_mall",
        "street_pedestrian",
        "street_traffic",
        "tram",
    )


def test_an_evaluation_set_is_scored_on_its_own_beside_the_folds(tmp_path):
    write_tut2016(tmp_path, write, scenes=("beach", "bus", "car"))
    result = evaluate("baseline:log-mel", f"tut2016={tmp_path}", clip_seconds=0.6, hyperparameter=10.0)
    assert (result.num_clips, len(result.folds)) == (24, 4)
    assert result.evaluation_set is not None
    assert result.evaluation_set.num_clips == 3
    assert result.as_json()["evaluation_set"]["measures"]["top_1"]["value"] > 0.6
    assert any(line.startswith("evaluation set: top-1 accuracy") for line in result.describe())
    # the evaluation set reaches nothing that is fitted for the folds
    write(tmp_path / "TUT-acoustic-scenes-2016-evaluation/audio/1.wav", 7, 1234)
    again = evaluate("baseline:log-mel", f"tut2016={tmp_path}", clip_seconds=0.6, hyperparameter=10.0)
    assert again.folds == result.folds
