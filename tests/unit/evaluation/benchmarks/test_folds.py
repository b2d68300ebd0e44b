"""Folds by content: independent of names and order, copies and sources together, each class spread evenly."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip
from hearsight.evaluation.benchmarks.folds import CROSS_VALIDATION, FIXED_SPLIT, SIXTY_TO_FORTY, assign_folds


def make_benchmark(folder: Path, clips: list[tuple[str, int, bytes, str]]) -> Benchmark:
    for name, _, content, _ in clips:
        (folder / name).write_bytes(content)
    return Benchmark(
        "folder",
        folder,
        ("dog", "rain"),
        tuple(BenchmarkClip(name, (label,), -1, source) for name, label, _, source in clips),
        notes=("a note",),
    )


def make_plain(folder: Path, per_class: int) -> Benchmark:
    names = [(f"{label}-{number}.wav", label) for label in (0, 1) for number in range(per_class)]
    return make_benchmark(folder, [(name, label, name.encode(), "") for name, label in names])


def test_the_clips_of_each_class_are_assigned_in_turn_by_their_digest(tmp_path: Path) -> None:
    assigned = assign_folds(make_plain(tmp_path, 7))
    wanted: dict[str, int] = {}
    turn = 0
    for label in (0, 1):
        names = [f"{label}-{number}.wav" for number in range(7)]
        for name in sorted(names, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
            wanted[name] = CROSS_VALIDATION[turn % 5]
            turn += 1  # goes on from class to class, so that the folds are of one size
    assert {clip.path: clip.fold for clip in assigned.clips} == wanted
    assert assigned.notes == ("a note", "5 folds assigned by content")
    assert assigned.given_splits == ()


def test_a_fixed_split_begins_anew_with_each_class(tmp_path: Path) -> None:
    assigned = assign_folds(make_plain(tmp_path, 7), SIXTY_TO_FORTY)
    for label in (0, 1):
        folds = [clip.fold for clip in assigned.clips if clip.label == label]
        assert (folds.count(0), folds.count(1)) == (4, 3)
    assert assigned.given_splits == FIXED_SPLIT
    assert [(split.fold, split.fitted_on, split.held_out) for split in FIXED_SPLIT] == [(1, (0,), False)]
    assert assigned.notes[-1] == "a split of six to four assigned by content"


def test_copies_share_a_fold_and_are_noted(tmp_path: Path) -> None:
    clips = [
        (f"{label}{number}.wav", label, f"{label}{number // 2}".encode(), "") for label in (0, 1) for number in range(6)
    ]
    assigned = assign_folds(make_benchmark(tmp_path, clips))
    folds = {clip.path: clip.fold for clip in assigned.clips}
    for label in (0, 1):
        pairs = [(folds[f"{label}{number}.wav"], folds[f"{label}{number + 1}.wav"]) for number in (0, 2, 4)]
        assert all(one == other for one, other in pairs)
        assert len({one for one, _ in pairs}) == 3
    assert assigned.notes[-2:] == ("5 folds assigned by content", "6 clips are copies of others, in the same fold")


def test_the_clips_of_a_source_share_a_fold_whatever_their_class(tmp_path: Path) -> None:
    clips = [
        (f"{label}{number}.wav", label, f"{label}{number}".encode(), f"s{number}")
        for label in (0, 1)
        for number in range(6)
    ]
    assigned = assign_folds(make_benchmark(tmp_path, clips))
    folds: dict[str, set[int]] = {}
    for clip in assigned.clips:
        folds.setdefault(clip.source, set()).add(clip.fold)
    assert all(len(found) == 1 for found in folds.values())
    assert not any("copies" in note for note in assigned.notes)


@pytest.mark.parametrize(
    ("contents", "found"),
    [([b"a", b"b", b"c"], "one clip in class 'rain'"), ([b"a", b"b"], "no separate clip in class 'rain'")],
)
def test_a_class_needs_two_clips(tmp_path: Path, contents: list[bytes], found: str) -> None:
    clips = [(f"{number}.wav", int(number == 2), content, "") for number, content in enumerate(contents)]
    with pytest.raises(BenchmarkError) as caught:
        assign_folds(make_benchmark(tmp_path, clips))
    assert caught.value.found == found


def test_two_clips_of_each_class_are_enough(tmp_path: Path) -> None:
    assigned = assign_folds(make_plain(tmp_path, 2))
    assert sorted(clip.fold for clip in assigned.clips) == [1, 2, 3, 4]
    assert assigned.notes[-1] == "4 folds assigned by content"


def test_a_file_in_two_classes_is_refused_and_both_are_named(tmp_path: Path) -> None:
    clips = [("a.wav", 0, b"x", ""), ("b.wav", 0, b"y", ""), ("c.wav", 1, b"x", ""), ("d.wav", 1, b"z", "")]
    with pytest.raises(BenchmarkError) as caught:
        assign_folds(make_benchmark(tmp_path, clips))
    assert caught.value.found == "a.wav and c.wav are the same file"
