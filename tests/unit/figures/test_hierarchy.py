from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearsight.errors import TableError, UsageError
from hearsight.figures.datasets import plot_label_groups
from hearsight.figures.hierarchy import UNKNOWN, group_counts, read_parents

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


def test_both_published_forms_are_read(ontology: Path, dictionary: Path) -> None:
    assert read_parents(ontology) == {
        "Sounds of things": "",
        "Vehicle": "Sounds of things",
        "Alarm": "Sounds of things",
        "Siren": "Vehicle",
        "Music": "",
    }
    assert read_parents(dictionary) == {
        "thing, matter": "",
        "animal": "thing, matter",
        'dog, "domestic dog"': "animal",
    }


def test_classes_are_summed_up_under_the_top_and_the_one_below_it(ontology: Path, dictionary: Path) -> None:
    parents = [read_parents(ontology), read_parents(dictionary)]
    counts = {"Siren": 3, "Vehicle": 2, "Alarm": 1, "Music": 5, 'dog, "domestic dog"': 7, "cluster 3": 4}
    assert group_counts(counts, parents) == {
        "Sounds of things": {"Vehicle": 5, "Alarm": 1},
        "Music": {"Music": 5},
        "thing, matter": {"animal": 7},
        UNKNOWN: {UNKNOWN: 4},
    }


def test_groups_lie_as_deep_as_asked_for(ontology: Path) -> None:
    counts = {"Siren": 3, "Vehicle": 2, "Music": 5}
    assert group_counts(counts, [read_parents(ontology)], 1) == {
        "Vehicle": {"Siren": 3, "Vehicle": 2},
        "Music": {"Music": 5},
    }


def test_a_circle_ends() -> None:
    assert group_counts({"a": 1}, [{"a": "b", "b": "c", "c": "b"}]) == {"c": {"b": 1}}


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", "[{}]", "a,b\n1,2\n", '[{"id": "/1", "name": "x", "child_ids": ["/9"]}]']
)
def test_a_file_of_something_else_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(TableError, match=r"other\.json"):
        read_parents(path)
    with pytest.raises(TableError, match="absent"):
        read_parents(tmp_path / "absent.json")


def test_a_dataset_s_labels_are_grouped(dataset: Path, ontology: Path) -> None:
    figure = plot_label_groups(dataset, [ontology])
    assert all(UNKNOWN in axes.get_yticklabels()[0].get_text() for axes in figure.axes)  # clusters have no names
    with pytest.raises(UsageError, match="hierarchy"):
        plot_label_groups(dataset, [])
    with pytest.raises(UsageError, match="level"):
        plot_label_groups(dataset, [ontology], level=-1)
