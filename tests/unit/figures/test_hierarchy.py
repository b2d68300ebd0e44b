from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from hearsight.config import BuildConfig
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.errors import TableError, UsageError
from hearsight.figures.datasets import _list_classes, plot_label_groups
from hearsight.figures.hierarchy import UNKNOWN, ClassCount, Hierarchy, group_counts, read_hierarchy
from tests.support.teachers import write_colour_teacher
from tests.support.videos import write_folder

ONTOLOGY = [
    {"id": "/1", "name": "Sounds of things", "child_ids": ["/2", "/3"]},
    {"id": "/2", "name": "Vehicle", "child_ids": ["/4"]},
    {"id": "/3", "name": "Alarm", "child_ids": ["/4"]},
    {"id": "/4", "name": "Siren", "child_ids": []},
    {"id": "/5", "name": "Music", "child_ids": []},
]
DICTIONARY = """\
category_index\tcategory_id\tindex_of_parent_category\tcategory name
0\tn1\t-1\tthing, matter
1\tn2\t0\tanimal
2\tn3\t1\tdog, "domestic dog"
"""


@pytest.fixture
def ontology(tmp_path: Path) -> Path:
    path = tmp_path / "ontology.json"
    path.write_text(json.dumps(ONTOLOGY))
    return path


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    path = tmp_path / "dictionary.txt"
    path.write_text(DICTIONARY)
    return path


def count(name: str, number: int, identity: str | None = None) -> ClassCount:
    return ClassCount(name, identity, number)


def test_both_published_forms_are_read(ontology: Path, dictionary: Path) -> None:
    tree = read_hierarchy(ontology)
    assert tree.trace("/4") == ["Sounds of things", "Vehicle", "Siren"]
    assert tree.trace("/5") == ["Music"]
    assert read_hierarchy(dictionary).trace("n3") == ["thing, matter", "animal", 'dog, "domestic dog"']


def test_classes_are_summed_up_under_the_top_and_the_one_below_it(ontology: Path, dictionary: Path) -> None:
    trees = [read_hierarchy(ontology), read_hierarchy(dictionary)]
    counts = {"Siren": 3, "Vehicle": 2, "Alarm": 1, "Music": 5, 'dog, "domestic dog"': 7, "cluster 3": 4}
    assert group_counts([count(name, number) for name, number in counts.items()], trees) == {
        "Sounds of things": {"Vehicle": 5, "Alarm": 1},
        "Music": {"Music": 5},
        "thing, matter": {"animal": 7},
        UNKNOWN: {UNKNOWN: 4},
    }


def test_a_class_is_found_by_its_identifier_whatever_its_teacher_calls_it(ontology: Path) -> None:
    renamed = [count("civil defence siren", 3, "/4"), count("Siren", 2, "not in this list")]
    assert group_counts(renamed, [read_hierarchy(ontology)]) == {"Sounds of things": {"Vehicle": 5}}


def test_two_classes_of_one_name_stay_apart() -> None:
    tree = Hierarchy({"/a": "bat", "/b": "bat", "/1": "animal", "/2": "tool"}, {"/a": "/1", "/b": "/2"})
    assert group_counts([count("bat", 1, "/a"), count("bat", 2, "/b")], [tree]) == {
        "animal": {"bat": 1},
        "tool": {"bat": 2},
    }


def test_groups_lie_as_deep_as_asked_for(ontology: Path) -> None:
    counts = [count("Siren", 3), count("Vehicle", 2), count("Music", 5)]
    assert group_counts(counts, [read_hierarchy(ontology)], 1) == {
        "Vehicle": {"Siren": 3, "Vehicle": 2},
        "Music": {"Music": 5},
    }


def test_a_circle_ends() -> None:
    tree = Hierarchy({name: name for name in "abc"}, {"a": "b", "b": "c", "c": "b"})
    assert group_counts([count("a", 1)], [tree]) == {"c": {"b": 1}}


def test_a_class_that_is_seen_and_heard_is_grouped_by_its_teachers_names(tmp_path: Path) -> None:
    videos = write_folder(tmp_path / "videos", 2)
    teacher = write_colour_teacher(tmp_path / "colours.onnx")
    out = tmp_path / "dataset"
    build_dataset([videos], out, BuildConfig(vision=(f"onnx:{teacher}",), audio=()), workers=1)
    records = json.loads((out / "vocabulary.json").read_text())
    tree = Hierarchy({record["name"]: record["name"] for record in records}, {})
    dataset = Dataset(out, verify=False)
    dataset.classes = [record.model_copy(update={"name": f"{record.name} (seen)"}) for record in dataset.classes]
    (classes,) = _list_classes(dataset).values()
    assert UNKNOWN not in group_counts(classes, [tree])


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "[{}]", "a,b\n1,2\n", '[{"id": "/1", "name": "x", "child_ids": ["/9"]}]']
)
def test_a_file_of_something_else_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(TableError, match=r"other\.json"):
        read_hierarchy(path)
    with pytest.raises(TableError, match="absent"):
        read_hierarchy(tmp_path / "absent.json")


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableError, match="named pipe"):
        read_hierarchy(tmp_path / "pipe")


def test_a_dataset_s_labels_are_grouped(dataset: Path, ontology: Path) -> None:
    figure = plot_label_groups(dataset, [ontology])
    assert all(UNKNOWN in axes.get_yticklabels()[0].get_text() for axes in figure.axes)  # clusters have no names
    with pytest.raises(UsageError, match="hierarchy"):
        plot_label_groups(dataset, [])
    with pytest.raises(UsageError, match="level"):
        plot_label_groups(dataset, [ontology], level=-1)
