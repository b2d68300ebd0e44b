from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest

from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks.benchmark import describe_counts
from hearsight.evaluation.benchmarks.catalogue import load_benchmark
from tests.support.layouts import write_esc50


def load(folder, name="esc10"):
    return load_benchmark(f"{name}={folder}")


def test_esc10_in_its_own_layout_has_400_clips_10_classes_and_5_folds_of_80(esc10):
    benchmark = load(esc10)
    assert (len(benchmark), len(benchmark.classes), benchmark.clip_seconds) == (400, 10, 5.0)
    assert benchmark.classes[:2] == ("Dog bark", "Rain")
    assert Counter(benchmark.folds.tolist()) == dict.fromkeys(range(1, 6), 80)
    assert Counter(benchmark.labels.tolist()) == dict.fromkeys(range(10), 40)
    clip = benchmark.clips[0]
    assert (clip.path, clip.label, clip.fold, clip.source) == ("001 - Dog bark/1-0-A.ogg", 0, 1, "0")
    assert benchmark.locate(clip).is_file()


def test_esc10_is_found_within_esc50(esc50):
    benchmark = load(esc50)
    assert (len(benchmark), len(benchmark.classes)) == (400, 10)
    assert "class 7" not in benchmark.classes
    assert benchmark.classes[2] == "class 10"
    assert all(benchmark.locate(clip).is_file() for clip in benchmark.clips)


def test_a_missing_clip_of_esc10_is_counted(esc10, esc50):
    (esc10 / "003 - Sea waves" / "2-2001-A.ogg").unlink()
    with pytest.raises(BenchmarkError, match=r"399 clips in 10 classes .*fold 2: 79.*Sea waves: 39"):
        load(esc10)
    (esc50 / "audio" / "1-0-A-0.wav").unlink()
    with pytest.raises(BenchmarkError, match=r"1 of 400 clips are missing: audio/1-0-A-0\.wav"):
        load(esc50)


def test_a_file_that_is_no_clip_of_esc10_is_named_and_a_hidden_one_is_not_seen(esc10):
    (esc10 / "001 - Dog bark" / ".DS_Store").touch()
    load(esc10)
    (esc10 / "001 - Dog bark" / "my dog.wav").touch()
    with pytest.raises(BenchmarkError, match=r"my dog\.wav"):
        load(esc10)


def test_one_clip_too_many_is_refused(esc10):
    (esc10 / "001 - Dog bark" / "1-99999-A.ogg").touch()
    with pytest.raises(BenchmarkError, match="401 clips") as caught:
        load(esc10)
    assert "folder=" in caught.value.hint


def test_recordings_that_official_folds_tear_apart_are_noted_and_can_be_left_out_of_fitting(esc10):
    entry = esc10 / "001 - Dog bark"
    (entry / "1-0-A.ogg").rename(entry / "1-1-B.ogg")  # recording 1 lies in fold 2, too
    benchmark = load(esc10)
    told = "1 recordings lie in several of the official folds: 1 (folds 1, 2)"
    assert benchmark.notes == (f"{told}; leak_free=true fits without them",)
    assert [benchmark.find_fitted(split).sum() for split in benchmark.splits] == [320] * 5
    careful = load_benchmark(f"esc10={esc10}", leak_free=True)
    left_out = "leak-free: 2 clips of these left out of fitting where their recording is scored"
    assert careful.notes == (f"{told}; {left_out}",)
    assert [careful.find_fitted(split).sum() for split in careful.splits] == [319, 319, 320, 320, 320]
    for split in careful.splits:
        fitted, scored = careful.find_fitted(split), careful.folds == split.fold
        sources = np.array([clip.source for clip in careful.clips])
        assert not set(sources[fitted]) & set(sources[scored])


def test_esc50_is_read_as_it_was_released_with_recordings_of_two_classes_in_two_folds(tmp_path):
    torn = {131943: (2, 38, 3, 37), 134049: (2, 6, 3, 1), 209698: (4, 37, 5, 38), 234879: (4, 6, 5, 1)}
    folder = write_esc50(tmp_path / "esc50", torn)
    benchmark = load(folder, "esc50")
    assert (len(benchmark), len(benchmark.classes), len(benchmark.splits)) == (2000, 50, 5)
    (note,) = benchmark.notes
    assert note.startswith(
        "4 recordings lie in several of the official folds: 131943 (folds 2, 3), 134049 (folds 2, 3)"
    )


def test_another_folder_is_no_esc10(tmp_path, esc10):
    with pytest.raises(BenchmarkError, match="no such folder"):
        load(tmp_path / "absent")
    with pytest.raises(BenchmarkError, match="not a folder"):
        load(esc10 / "README.txt")
    with pytest.raises(BenchmarkError, match="0 folders named like"):
        load(tmp_path)
    shutil.rmtree(esc10 / "010 - Fire")
    with pytest.raises(BenchmarkError, match="9 folders named like"):
        load(esc10)


def test_a_table_of_esc50_that_contradicts_its_files_is_refused(esc50):
    table = esc50 / "meta" / "esc50.csv"
    text = table.read_text()
    table.write_text(text.replace("1-0-A-0.wav,1,", "1-0-A-0.wav,2,"))
    with pytest.raises(BenchmarkError, match=r"'1-0-A-0\.wav' in a row with fold 2"):
        load(esc50)
    table.write_text(text.replace("fold,target", "fold,goal"))
    with pytest.raises(BenchmarkError, match="no column target"):
        load(esc50)
    table.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BenchmarkError, match="no UTF-8"):
        load(esc50)


def test_an_unknown_benchmark_is_guessed():
    with pytest.raises(UsageError) as caught:
        load_benchmark("esc-10=/somewhere")
    assert "did you mean 'esc10'?" in caught.value.hint
    for spec in ("esc10", "esc10="):
        with pytest.raises(UsageError, match="esc10=FOLDER"):
            load_benchmark(spec)


def test_a_folder_with_a_class_each_gets_five_even_folds_by_content(make_folder):
    benchmark = load(make_folder({"bell": 10, "dog": 15}), "folder")
    assert benchmark.classes == ("bell", "dog")
    for label, each in ((0, 2), (1, 3)):
        assert Counter(benchmark.folds[benchmark.labels == label].tolist()) == dict.fromkeys(range(1, 6), each)
    assert "5 folds assigned by content" in benchmark.notes


def test_folds_by_content_depend_neither_on_names_nor_on_the_place(make_folder, tmp_path):
    folder = make_folder({"bell": 6, "dog": 6})
    before = load(folder, "folder")
    moved = tmp_path / "moved"
    for clip in before.clips:
        label, name = clip.path.split("/")
        (moved / label).mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / clip.path, moved / label / f"{9 - int(name[0])}.wav")
    after = load(moved, "folder")
    renamed = {
        f"{clip.path.split('/')[0]}/{9 - int(clip.path.split('/')[1][0])}.wav": clip.fold for clip in before.clips
    }
    assert renamed == {clip.path: clip.fold for clip in after.clips}


def test_copies_of_a_file_share_its_fold(make_folder):
    folder = make_folder({"bell": 5, "dog": 5})
    for number in range(4):
        shutil.copy(folder / "bell" / "0.wav", folder / "bell" / f"copy {number}.wav")
    benchmark = load(folder, "folder")
    folds = {clip.fold for clip in benchmark.clips if "copy" in clip.path or clip.path == "bell/0.wav"}
    assert len(folds) == 1
    assert "4 clips are copies of others, in the same fold" in benchmark.notes


def test_one_file_in_two_classes_is_refused(make_folder):
    folder = make_folder({"bell": 5, "dog": 5})
    shutil.copy(folder / "bell" / "0.wav", folder / "dog" / "bell.wav")
    with pytest.raises(BenchmarkError, match=r"bell/0\.wav and dog/bell\.wav are the same file"):
        load(folder, "folder")


def test_folds_of_sub_folders_are_kept(make_folder):
    folder = make_folder({"fold1/bell": 2, "fold1/dog": 1, "Fold 10/bell": 1, "Fold 10/dog": 1})
    benchmark = load(folder, "folder")
    assert benchmark.classes == ("bell", "dog")
    assert describe_counts(benchmark) == "fold 1: 3, fold 10: 2"


def write_table(folder, rows, header="path,label,fold,source"):
    (folder / "folds.csv").write_text("\n".join([header, *rows]) + "\n")


def test_folds_of_a_table_are_kept(make_folder):
    folder = make_folder({"a": 2, "b": 2, "rest": 3})
    write_table(folder, ["a/0.wav,bell,1,x", "a/1.wav,bell,7,y", "b/0.wav,dog,1,", "b/1.wav,dog,7,"])
    benchmark = load(folder, "folder")
    assert benchmark.classes == ("bell", "dog")
    np.testing.assert_array_equal(benchmark.folds, [1, 7, 1, 7])
    assert benchmark.clips[0].source == "x"
    assert "3 sounds that folds.csv does not name left out: rest/0.wav, rest/1.wav, rest/2.wav" in benchmark.notes


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["a/0.wav,bell,1,", "a/9.wav,dog,2,"], r"1 of 2 clips are missing: .*a/9\.wav"),
        (["a/0.wav,bell,one,"], "line 2: fold 'one'"),
        (["a/0.wav,,1,"], "path 'a/0.wav' and label ''"),
        (["../0.wav,bell,1,"], "a path within the folder"),
        (["a/0.wav,bell,1,", "a/0.wav,bell,2,"], "named twice"),
        (["a/0.wav,bell,1,", "a/1.wav,bell,2,"], "1 class with clips"),
        (["a/0.wav,bell,1,", "b/0.wav,dog,1,"], "all clips are in fold 1"),
        (["a/0.wav,bell,1,", "b/0.wav,dog,2,"], "without fold 1 only class 'dog' is left"),
        (["a/0.wav,bell,1,x", "a/1.wav,bell,2,x", "b/0.wav,dog,1,", "b/1.wav,dog,2,"], "sources lie in several folds"),
        ([], "no rows"),
    ],
)
def test_a_broken_table_of_folds_is_refused(make_folder, rows, message):
    folder = make_folder({"a": 2, "b": 2})
    write_table(folder, rows)
    with pytest.raises(BenchmarkError, match=message):
        load(folder, "folder")


def test_a_table_without_its_columns_is_refused(make_folder):
    folder = make_folder({"a": 2, "b": 2})
    write_table(folder, [], header="file,label,fold")
    with pytest.raises(BenchmarkError, match="no column path"):
        load(folder, "folder")


def test_a_folder_that_cannot_be_scored_says_why(make_folder, tmp_path):
    with pytest.raises(BenchmarkError, match="no sub-folders"):
        load(make_folder({}, "none"), "folder")
    with pytest.raises(BenchmarkError, match="1 class with clips"):
        load(make_folder({"bell": 5}, "single"), "folder")
    with pytest.raises(BenchmarkError, match="no sounds in dog"):
        load(make_folder({"bell": 5, "dog": 0}, "empty"), "folder")
    with pytest.raises(BenchmarkError, match="one clip in class 'dog'"):
        load(make_folder({"bell": 5, "dog": 1}, "few"), "folder")


def test_files_that_are_no_sounds_are_left_out_and_counted(make_folder):
    folder = make_folder({"bell": 5, "dog": 5})
    (folder / "dog" / "notes.txt").write_text("woof")
    (folder / "dog" / ".hidden").write_text("")
    benchmark = load(folder, "folder")
    assert len(benchmark) == 10
    assert any(
        "1 files that are no sounds by name left out" in note and "notes.txt" in note for note in benchmark.notes
    )


@pytest.mark.real
def test_the_real_esc10_is_whole_and_no_source_crosses_folds(real_data):
    benchmark = load(real_data / "esc10")
    assert describe_counts(benchmark) == "fold 1: 80, fold 2: 80, fold 3: 80, fold 4: 80, fold 5: 80"
    assert benchmark.classes[0] == "Dog bark"
    assert len({clip.source for clip in benchmark.clips}) == 304
    assert benchmark.notes == ()


@pytest.mark.real
def test_the_genuine_esc50_is_accepted_with_its_four_torn_recordings(real_data):
    benchmark = load(real_data / "esc50", "esc50")
    assert describe_counts(benchmark) == "fold 1: 400, fold 2: 400, fold 3: 400, fold 4: 400, fold 5: 400"
    assert len(benchmark.classes) == 50
    places = {(clip.source, clip.fold) for clip in benchmark.clips}
    torn = {source for source, count in Counter(source for source, _ in places).items() if count > 1}
    assert torn == {"131943", "134049", "209698", "234879"}
    assert [note.partition(" of the official folds")[0] for note in benchmark.notes] == ["4 recordings lie in several"]
