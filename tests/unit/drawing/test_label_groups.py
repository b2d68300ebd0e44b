from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.canvas import to_file
from hearsight.drawing.label_groups import PARTS, SHOWN, draw_label_groups
from hearsight.errors import UsageError


def read_names(axes) -> list[str]:
    return [label.get_text() for label in axes.get_yticklabels()]


def test_a_bar_is_a_group_and_its_parts_are_shares_of_it() -> None:
    figure = draw_label_groups(
        {"audio": {"Music": {"Drum": 1, "Piano": 3}, "Animal": {"Animal": 12}, "Water": {"Sea": 0}}}
    )
    (axes,) = figure.axes
    assert read_names(axes) == ["Animal  75 %", "Music  25 %"]
    assert axes.get_title(loc="left") == "16 labels heard"
    np.testing.assert_allclose([bar.get_width() for bar in axes.patches], [100.0, 75.0, 25.0])
    np.testing.assert_allclose([bar.get_x() for bar in axes.patches], [0.0, 0.0, 75.0])
    assert [text.get_text() for text in axes.texts] == ["Animal", "Piano", "Drum"]


def test_of_hundreds_of_groups_and_parts_the_small_ones_are_joined_and_nothing_is_lost() -> None:
    groups = {f"a group of a long, long name {n}": {f"part {m}": 1 + n for m in range(40)} for n in range(100)}
    (axes,) = draw_label_groups({"vision": groups}).axes
    assert len(read_names(axes)) == SHOWN + 1
    assert read_names(axes)[-1].startswith("86 other groups")
    assert len(axes.patches) == (SHOWN + 1) * (PARTS + 1)
    for row in range(SHOWN + 1):
        assert sum(bar.get_width() for bar in axes.patches[row * 9 : row * 9 + 9]) == pytest.approx(100.0)


def test_one_label_can_be_drawn_and_none_cannot() -> None:
    figure = draw_label_groups({"audio": {"Music": {"Drum": 1}}})
    assert read_names(figure.axes[0]) == ["Music  100 %"]
    assert to_file(figure, "svg", "x").startswith(b"<?xml")
    with pytest.raises(UsageError, match="no label"):
        draw_label_groups({"audio": {"Music": {"Drum": 0}}})
