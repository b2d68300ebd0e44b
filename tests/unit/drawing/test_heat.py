from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.canvas import to_file
from hearsight.drawing.heat import MOST_CLASSES, draw_heat
from hearsight.errors import UsageError


def test_each_row_has_its_name_and_sum_and_each_cell_its_number() -> None:
    figure = draw_heat(np.array([[3, 0], [0, 1200]]), ["Owl", "Rain"], ["22:00", "23:00"], "detections")
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["Owl (3)", "Rain (1,200)"]
    assert [text.get_text() for text in axes.texts] == ["3", "1,200"]
    assert to_file(figure, "svg", "detections").startswith(b"<?xml")


def test_many_columns_have_few_names_and_no_numbers_and_rare_classes_are_left_out() -> None:
    figure = draw_heat(np.ones((80, 500), np.int64), [f"c{n}" for n in range(80)], [str(n) for n in range(500)], "")
    (axes,) = figure.axes
    assert len(axes.get_yticks()) == MOST_CLASSES
    assert len(axes.get_xticks()) <= 24
    assert not axes.texts


def test_nothing_is_not_drawn() -> None:
    with pytest.raises(UsageError, match="0 classes at 0 times"):
        draw_heat(np.zeros((0, 0), np.int64), [], [], "")
