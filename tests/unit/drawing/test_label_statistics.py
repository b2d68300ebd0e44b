from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.canvas import to_file
from hearsight.drawing.label_statistics import LETTERS, NAMED, draw_label_statistics
from hearsight.errors import UsageError


def read_names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_classes_stand_most_frequent_first_and_unused_ones_not_at_all() -> None:
    figure = draw_label_statistics({"vision": {"dog": 4, "cat": 16, "none": 0}, "audio": {"bark": 2}}, 20)
    seen, heard, seen_bars, heard_bars = figure.axes
    np.testing.assert_array_equal(seen.lines[0].get_ydata(), [16, 4])
    np.testing.assert_array_equal(heard.lines[0].get_ydata(), [2])
    assert seen.get_yscale() == "log"
    assert seen.get_title(loc="left") == "2 classes seen"
    assert read_names(seen_bars) == ["cat", "dog"]
    assert [bar.get_width() for bar in seen_bars.patches] == [80.0, 20.0]
    assert read_names(heard_bars) == ["bark"]
    assert seen.get_ylim() == heard.get_ylim()


def test_only_the_most_frequent_of_hundreds_are_named_and_long_names_shortened() -> None:
    names = {f"class {n} of a long, long, long name with brackets (and more)": 1000 - n for n in range(700)}
    figure = draw_label_statistics({"vision": names}, 2000)
    curve, bars = figure.axes
    assert len(curve.lines[0].get_ydata()) == 700
    assert len(read_names(bars)) == NAMED
    assert max(map(len, read_names(bars))) <= LETTERS
    assert to_file(figure, "pdf", "x").startswith(b"%PDF")


def test_a_single_class_of_a_single_clip_can_be_drawn() -> None:
    figure = draw_label_statistics({"audio": {"bark": 1}}, 1)
    assert to_file(figure, "svg", "x").startswith(b"<?xml")
    assert figure.axes[0].get_title(loc="left") == "1 class heard"
    assert list(figure.axes[0].get_xticks()) == [1]


@pytest.mark.parametrize("counts", [{}, {"vision": {}}, {"vision": {"dog": 0}}])
def test_a_dataset_without_labels_is_named(counts: dict[str, dict[str, int]]) -> None:
    with pytest.raises(UsageError, match="no class with a clip"):
        draw_label_statistics(counts, 3)
