from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.activations import LETTERS, Activation, draw_activations
from hearsight.drawing.canvas import to_file
from hearsight.errors import UsageError


def make(value: float, name: str = "clip", size: tuple[int, int] = (6, 8)) -> Activation:
    return Activation(np.full((*size, 3), int(value) % 255, np.uint8), value, name)


def test_a_row_has_its_unit_s_pictures_in_order_with_what_they_excite() -> None:
    figure = draw_activations([("unit 3", [make(9.5, "a"), make(7.25, "b")]), ("unit 7", [make(1.0, "c")])])
    drawn = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title(loc="center") for axes in drawn] == ["a", "b", "c"]
    assert [axes.texts[0].get_text() for axes in drawn] == ["9.50", "7.25", "1.00"]
    assert [axes.texts[1].get_text() for axes in (drawn[0], drawn[2])] == ["unit 3", "unit 7"]
    np.testing.assert_array_equal(drawn[1].images[0].get_array(), np.full((6, 8, 3), 7))


def test_pictures_of_any_size_and_long_names_can_be_drawn() -> None:
    figure = draw_activations([("unit 0", [make(1.0, "a_very_long_name_of_a_video_file", (10, 4)), make(0.5)])])
    title = next(axes for axes in figure.axes if axes.images).get_title(loc="center")
    assert title.endswith("…")
    assert len(title) <= LETTERS
    assert to_file(figure, "png", "x", 40).startswith(b"\x89PNG")


def test_units_without_clips_are_named() -> None:
    with pytest.raises(UsageError, match="any unit"):
        draw_activations([])
    with pytest.raises(UsageError, match="unit 5"):
        draw_activations([("unit 5", [])])
