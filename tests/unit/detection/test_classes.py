from __future__ import annotations

import numpy as np
import pytest

from hearsight.detection.classes import (
    ClassThreshold,
    read_names,
    read_thresholds,
    resolve_thresholds,
    select_classes,
    write_thresholds,
)
from hearsight.detection.events import EventRule
from hearsight.errors import TableError, UsageError

NAMES = ("Dog", "Bark", "Rain", "Dog")
ALL = np.arange(4)


def test_names_are_found_in_any_case_with_every_class_of_that_name():
    assert select_classes(NAMES, ALL, include=["dog", "RAIN"]).tolist() == [0, 2, 3]
    assert select_classes(NAMES, ALL, exclude=["dog"]).tolist() == [1, 2]
    assert select_classes(NAMES, np.array([2, 3]), include=["Dog"]).tolist() == [3]


def test_an_unknown_name_is_refused_with_what_was_meant():
    with pytest.raises(UsageError, match="did you mean 'Bark'"):
        select_classes(NAMES, ALL, include=["Barks"])
    long = [*NAMES, *(f"class {number}" for number in range(80)), "Church bell"]
    with pytest.raises(UsageError, match="classes with this word: Church bell"):
        select_classes(long, np.arange(len(long)), exclude=["bell"])


def test_a_list_that_leaves_no_class_is_refused():
    with pytest.raises(UsageError, match="none of the 4 classes"):
        select_classes(NAMES, ALL, include=["Rain"], exclude=["rain"])


def test_a_file_of_names_has_one_per_line(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("# wanted\nDog\n\n  Rain \n", encoding="utf-8")
    assert read_names([str(path), "Bark"]) == ["Dog", "Rain", "Bark"]


def test_thresholds_are_read_as_they_were_written(tmp_path):
    path = tmp_path / "thresholds.csv"
    written = {"Dog": ClassThreshold(0.7), "=Bark, loud": ClassThreshold(0.25, 0.1)}
    write_thresholds(path, written)
    assert read_thresholds(path) == written
    assert "'=Bark" in path.read_text(encoding="utf-8")


def test_other_columns_are_ignored_and_low_is_optional(tmp_path):
    path = tmp_path / "thresholds.csv"
    path.write_text("note,threshold,class\nby ear,0.5,Dog\n", encoding="utf-8")
    assert read_thresholds(path) == {"Dog": ClassThreshold(0.5)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,threshold\nDog,0.5\n", "columns name, threshold"),
        ("", "columns none"),
        ("class,threshold\nDog,loud\n", "line 2: threshold 'loud'"),
        ("class,threshold\nDog,1.5\n", "threshold 1.5"),
        ("class,threshold\nDog,\n", "no threshold for 'Dog'"),
        ("class,threshold,low\nDog,0.5,0.6\n", "low 0.6 above threshold 0.5"),
        ("class,threshold\nDog,0.5\nDog,0.6\n", "line 3: class 'Dog' for the second time"),
        (f"class,threshold\n{'D' * 200_000},0.5\n", "cannot be read \\(field larger than field limit"),
    ],
)
def test_a_table_that_is_no_thresholds_file_is_refused_by_line(tmp_path, text, words):
    path = tmp_path / "thresholds.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(TableError, match=words):
        read_thresholds(path)


def test_a_class_without_its_own_has_the_thresholds_of_the_rule_and_low_keeps_its_ratio():
    own = {"dog": ClassThreshold(0.8), "Rain": ClassThreshold(0.9, 0.2), "Absent": ClassThreshold(0.1)}
    highs, lows = resolve_thresholds(NAMES, EventRule(threshold=0.5, low=0.25), own)
    assert highs.tolist() == [0.8, 0.5, 0.9, 0.8]
    assert lows.tolist() == [0.4, 0.25, 0.2, 0.4]
