from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.errors import TableError, TeacherError
from hearsight.teachers.classes import ClassList, find_classes
from hearsight.vocabulary import Vocabulary


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tmp_path / "net_v2.tflite"


@pytest.mark.parametrize("name", ["net_v2.txt", "net_v2.csv", "net_v2.labels.txt"])
def test_a_file_of_the_models_own_name_names_its_classes(model: Path, name: str, capsys: pytest.CaptureFixture[str]):
    (model.parent / name).write_text("index,name\n0,dog\n1,cat\n" if name.endswith("csv") else "dog\ncat\n")
    assert find_classes(model, 2, option=None).names == ("dog", "cat")
    assert capsys.readouterr().err == ""


def test_a_file_of_the_models_own_name_must_fit(model: Path):
    model.with_suffix(".txt").write_text("dog\ncat\n")
    with pytest.raises(TeacherError, match=r"5 classes, but 2 names in net_v2\.txt"):
        find_classes(model, 5, option=None)


def test_a_labels_file_in_the_folder_that_fits_is_taken_and_said(model: Path, capsys: pytest.CaptureFixture[str]):
    (model.parent / "imagenet_labels.txt").write_text("dog\ncat\n")
    (model.parent / "other_labels.txt").write_text("a\nb\nc\n")
    assert find_classes(model, 2, option=None).names == ("dog", "cat")
    assert "class names taken from imagenet_labels.txt" in capsys.readouterr().err


def test_two_labels_files_that_fit_and_differ_are_not_chosen_between(model: Path, capsys: pytest.CaptureFixture[str]):
    (model.parent / "a_labels.txt").write_text("dog\ncat\n")
    (model.parent / "b_labels.txt").write_text("cat\ndog\n")
    assert find_classes(model, 2, option=None).names == ("class 0", "class 1")
    assert "a_labels.txt and b_labels.txt have 2 names each" in capsys.readouterr().err
    (model.parent / "b_labels.txt").write_text("dog\ncat\n")
    assert find_classes(model, 2, option=None).names == ("dog", "cat")


def test_files_that_are_no_class_lists_are_passed_over(model: Path):
    (model.parent / "labels.txt").write_text("dog\n\ncat\n")
    (model.parent / "labels.csv").write_bytes(b"\xff\xfe")
    assert find_classes(model, 2, option=None, quiet=True).names == ("class 0", "class 1")


def test_numbered_classes_are_said_once_and_not_when_quiet(model: Path, capsys: pytest.CaptureFixture[str]):
    find_classes(model, 3, option=None)
    assert (
        capsys.readouterr().err.count("the classes are called class 0 to class 2. Name them with vocabulary=FILE") == 1
    )
    find_classes(model, 3, option=None, quiet=True)
    assert capsys.readouterr().err == ""


def test_lists_inside_the_model_are_tried_until_one_fits(model: Path):
    inside = [ClassList(Vocabulary(("x",)), "licence"), ClassList(Vocabulary(("dog", "cat")), "labels")]
    assert find_classes(model, 2, option=None, embedded=inside).names == ("dog", "cat")


@pytest.mark.parametrize(("num_names", "hint"), [(2, "missing"), (4, "too many"), (7, "vocabulary=FILE")])
def test_a_vocabulary_of_another_length_says_both_counts(model: Path, tmp_path: Path, num_names: int, hint: str):
    given = tmp_path / "given.txt"
    given.write_text("".join(f"name{index}\n" for index in range(num_names)))
    with pytest.raises(TeacherError, match=rf"3 classes, but {num_names} names in .*given\.txt[\s\S]*{hint}"):
        find_classes(model, 3, option=str(given))


def test_a_vocabulary_that_is_asked_for_has_to_be_there(model: Path, tmp_path: Path):
    with pytest.raises(TableError, match="cannot be read"):
        find_classes(model, 3, option=str(tmp_path / "nowhere.txt"))
