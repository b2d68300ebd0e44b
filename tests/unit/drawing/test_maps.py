from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.canvas import CATEGORIES, to_file
from hearsight.drawing.maps import LETTERS, draw_maps
from hearsight.errors import UsageError


def make_points(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, 2)).astype(np.float32)


def read_legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_every_clip_is_a_point_of_each_map_in_the_colour_of_its_class() -> None:
    labels = ["dog", "cat", "dog", "dog"]
    points = make_points(4)
    figure = draw_maps({"seen": points, "heard": -points}, labels)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["seen", "heard"]
    assert read_legend(figure) == ["dog (3)", "cat (1)"]
    for axes, sign in zip(figure.axes, (1, -1), strict=True):
        dogs, cats = axes.collections
        np.testing.assert_allclose(dogs.get_offsets(), sign * points[[0, 2, 3]])
        np.testing.assert_allclose(cats.get_offsets(), sign * points[[1]])
        assert not np.array_equal(dogs.get_facecolor(), cats.get_facecolor())
    colours = [[each.get_facecolor().tolist() for each in axes.collections] for axes in figure.axes]
    assert colours[0] == colours[1]


def test_of_hundreds_of_classes_the_most_frequent_have_a_colour_and_the_others_are_told_last() -> None:
    labels = [f"class {n % 200} of a name that is longer than can be shown" for n in range(450)]
    figure = draw_maps({"heard": make_points(450)}, labels)
    names = read_legend(figure)
    assert len(names) == len(CATEGORIES) + 1
    assert names[-1].startswith("others (")
    assert all(len(name) <= LETTERS + len(" (100)") for name in names)
    assert sum(len(each.get_offsets()) for each in figure.axes[0].collections) == 450


def test_one_class_can_be_drawn() -> None:
    figure = draw_maps({"seen": make_points(6)}, ["dog"] * 6)
    assert read_legend(figure) == ["dog (6)"]
    assert to_file(figure, "pdf", "x").startswith(b"%PDF")


@pytest.mark.parametrize(
    ("maps", "labels"),
    [
        ({}, ["a"]),
        ({"seen": make_points(0)}, []),
        ({"seen": make_points(3)}, ["a"]),
        ({"seen": np.full((1, 2), np.nan)}, ["a"]),
    ],
)
def test_what_cannot_be_drawn_is_named(maps: dict[str, np.ndarray], labels: list[str]) -> None:
    with pytest.raises(UsageError):
        draw_maps(maps, labels)
