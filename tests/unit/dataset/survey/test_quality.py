from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset.survey.pairs import count_pairs
from hearsight.dataset.survey.quality import find_companions, find_shared, find_twins
from hearsight.dataset.survey.survey import survey_dataset
from hearsight.dataset.survey.tables import LabelTables
from hearsight.dataset.survey.truth import compare_with_folders
from hearsight.errors import InputError
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset

EARS = InventedTeacher("ears", "audio", ("animal", "dog", "bark", "rain", "drizzle"), top=5)


def make_clips(labels: list[tuple[int, ...]], teacher: str = "ears") -> list[InventedClip]:
    return [
        InventedClip(f"/videos/{n}.mp4", {teacher: {k: 0.9 - 0.1 * r for r, k in enumerate(some)}})
        for n, some in enumerate(labels)
    ]


def test_classes_of_the_same_clips_are_twins_and_classes_within_another_are_companions(tmp_path: Path) -> None:
    labels = [(0, 1, 2), (0, 1), (0, 1, 2), (0, 1), (0, 1, 2), (0,), (0,), (0,), (3, 4), (3, 4), (3, 4), (3, 4), (3,)]
    tables = LabelTables(write_dataset(tmp_path / "dataset", [EARS], make_clips(labels)))
    counts = count_pairs(tables)
    (twins,) = find_twins(counts, tables, 10)
    assert (twins.first, twins.second, twins.overlap, twins.sources) == (3, 4, pytest.approx(0.8), pytest.approx(4.0))
    found = {one.index: one.companion for one in find_companions(counts, tables, 10)}
    assert found == {1: 0, 2: 1, 4: 3}


def test_classes_of_few_sources_are_not_judged(tmp_path: Path) -> None:
    labels = [(0, 1), (0, 1), (3,), (4,)]
    tables = LabelTables(write_dataset(tmp_path / "dataset", [EARS], make_clips(labels)))
    assert find_twins(count_pairs(tables), tables, 10) == []


def test_a_class_that_two_teachers_know_by_its_identifier_is_compared(tmp_path: Path) -> None:
    first = InventedTeacher("a", "audio", ("Dog", "Cat"), ("/m/dog", "/m/cat"), top=1)
    second = InventedTeacher("b", "audio", ("hound", "Bird"), ("/m/dog", "/m/bird"), top=1)
    answers = [(0, 0)] * 4 + [(0, 1)] + [(1, 1)] * 5
    clips = [InventedClip(f"/{n}.mp4", {"a": {x: 1.0}, "b": {y: 1.0}}) for n, (x, y) in enumerate(answers)]
    tables = LabelTables(write_dataset(tmp_path / "dataset", [first, second], clips))
    (shared,) = find_shared(count_pairs(tables), tables, 10)
    assert (tables.classes[shared.first].name, tables.classes[shared.second].name) == ("Dog", "hound")
    assert shared.overlap == pytest.approx(4 / 5)
    assert shared.kappa == pytest.approx((0.9 - 0.5) / 0.5)


def test_confidence_and_spread_are_those_of_the_probabilities(tmp_path: Path) -> None:
    eyes = InventedTeacher("eyes", "vision", ("a", "b", "c", "d"), top=1)
    sure = [InventedClip(f"/s{n}.mp4", {"eyes": {0: 1.0}}) for n in range(30)]
    torn = [InventedClip(f"/t{n}.mp4", {"eyes": dict.fromkeys(range(4), 0.25)}) for n in range(30)]
    empty = [InventedClip(f"/e{n}.mp4", {}) for n in range(20)]
    survey = survey_dataset(write_dataset(tmp_path / "dataset", [eyes], [*sure, *torn, *empty]))
    (teacher,) = survey.teachers
    assert (teacher.labels_per_clip, teacher.unlabelled, teacher.num_used) == (0.75, 0.25, 1)
    assert (teacher.confidence[0], teacher.confidence[-1]) == pytest.approx((0.25, 1.0), abs=1e-3)
    assert (teacher.spread[0], teacher.spread[-1]) == pytest.approx((1.0, 4.0), rel=0.01)
    np.testing.assert_array_equal(survey.labels_per_clip["vision"], [20, 60])
    assert len(survey.agreement) == 0


def test_teachers_that_tell_of_each_other_do_so_more_than_by_chance(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    first, second = (InventedTeacher(name, "vision", tuple("abcdef"), top=1) for name in ("first", "second"))
    kinds = rng.integers(0, 6, 400).tolist()
    same = [InventedClip(f"/{n}.mp4", {"first": {k: 1.0}, "second": {(k + 1) % 6: 1.0}}) for n, k in enumerate(kinds)]
    (pair,) = survey_dataset(write_dataset(tmp_path / "same", [first, second], same)).teacher_pairs
    assert pair.information == pytest.approx(1.0)
    assert pair.chance < 0.1
    other = rng.integers(0, 6, 400).tolist()
    apart = [
        InventedClip(f"/{n}.mp4", {"first": {k: 1.0}, "second": {o: 1.0}})
        for n, (k, o) in enumerate(zip(kinds, other, strict=True))
    ]
    (pair,) = survey_dataset(write_dataset(tmp_path / "apart", [first, second], apart)).teacher_pairs
    assert pair.information == pytest.approx(pair.chance, abs=0.05)


def test_the_clip_survey_counts_clips_sources_and_folds(tmp_path: Path) -> None:
    clips = make_clips([(0,), (1,), (2,), (3,)]) * 3
    survey = survey_dataset(write_dataset(tmp_path / "dataset", [EARS], clips)).clips
    assert (survey.num_clips, survey.num_sources) == (12, 4)
    assert survey.hours == pytest.approx(12 / 3600)
    assert survey.durations == {1.0: 12}
    assert (survey.fold_clips.sum(), survey.fold_sources.sum(), len(survey.folds)) == (12, 4, 4)


def test_labels_are_compared_with_folders_that_people_named(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    for name in ("Dog", "Wet weather", "Empty"):
        (videos / name).mkdir(parents=True)
    answers = [("Dog", (1, 2))] * 3 + [("Dog", (0,))] + [("Wet weather", (3,))] * 2 + [("Wet weather", (1,))]
    clips = [
        InventedClip(str(videos / name / f"{n}.mp4"), {"ears": dict.fromkeys(some, 0.9)})
        for n, (name, some) in enumerate(answers)
    ]
    clips += make_clips([(1,), (3,)])  # elsewhere: they do not count
    tables = LabelTables(write_dataset(tmp_path / "dataset", [EARS], clips))
    names = [record.name for record in tables.classes]
    found = {one.truth: one for one in compare_with_folders(tables, videos)}
    assert set(found) == {"Dog", "Wet weather"}
    dog, rain = found["Dog"], found["Wet weather"]
    assert (names[dog.index or 0], dog.is_named, dog.sources) == ("dog", True, 4)
    assert (dog.precision, dog.recall) == pytest.approx((0.75, 0.75))
    assert (names[rain.index or 0], rain.is_named) == ("rain", False)
    assert (rain.precision, rain.recall) == pytest.approx((1.0, 2 / 3))


def test_a_folder_without_any_source_of_the_dataset_is_refused(tmp_path: Path) -> None:
    tables = LabelTables(write_dataset(tmp_path / "dataset", [EARS], make_clips([(0,)])))
    (tmp_path / "others" / "dog").mkdir(parents=True)
    with pytest.raises(InputError, match="1 sub-folders without any source"):
        compare_with_folders(tables, tmp_path / "others")
    with pytest.raises(InputError, match="no such folder"):
        compare_with_folders(tables, tmp_path / "nowhere")
