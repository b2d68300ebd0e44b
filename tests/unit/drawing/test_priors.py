from __future__ import annotations

import math

import numpy as np
import pytest

from hearsight.drawing.canvas import to_file
from hearsight.drawing.priors import NAMED_ENDS, draw_d_prime
from hearsight.errors import UsageError


def find_points(figure) -> dict[str, np.ndarray]:
    return {each.get_gid(): np.asarray(each.get_offsets()) for each in figure.axes[0].collections if each.get_gid()}


def test_a_class_stands_at_its_prior_and_its_d_prime_in_the_colour_of_its_precision() -> None:
    figure = draw_d_prime(np.array([0.1, 0.01]), np.array([2.0, 1.0]), np.array([0.5, 0.25]), ["dog", "cat"])
    points = find_points(figure)["points o"]
    np.testing.assert_allclose(points, [[0.1, 2.0], [0.01, 1.0]])
    np.testing.assert_allclose(figure.axes[0].collections[0].get_array(), [50.0, 25.0])
    assert {text.get_text() for text in figure.axes[0].texts} == {"dog", "cat"}
    assert figure.axes[0].get_xscale() == "log"


def test_perfect_classes_stand_at_the_edge_and_undefined_ones_are_counted() -> None:
    values = np.array([2.0, math.inf, -math.inf, math.nan, 1.0])
    figure = draw_d_prime(np.array([0.1, 0.2, 0.3, 0.4, 0.0]), values, np.full(5, 0.5), list("abcde"), "of what")
    points = find_points(figure)
    assert [len(points[key]) for key in ("points o", "points ^", "points v")] == [1, 1, 1]
    low, high = figure.axes[0].get_ylim()
    assert low < points["points v"][0, 1] < points["points o"][0, 1] < points["points ^"][0, 1] < high
    title = figure.axes[0].get_title(loc="left")
    assert title.startswith("of what\n2 of 5 classes left out")


def test_of_hundreds_of_classes_only_the_best_and_the_worst_are_named() -> None:
    generator = np.random.default_rng(0)
    priors = 10 ** generator.uniform(-5, -1, 500)
    figure = draw_d_prime(
        priors, generator.normal(2, 0.5, 500), generator.uniform(0, 1, 500), [f"c{n}" for n in range(500)]
    )
    assert 4 <= len(figure.axes[0].texts) <= 2 * NAMED_ENDS
    assert to_file(figure, "svg", "x").count(b"<use") > 400


@pytest.mark.parametrize("value", [1.5, math.inf, -math.inf])
def test_one_class_can_be_drawn(value: float) -> None:
    name = "a class of a very long name, as there are some"
    figure = draw_d_prime(np.array([0.5]), np.array([value]), np.array([0.1]), [name])
    assert to_file(figure, "png", "x", 50).startswith(b"\x89PNG")
    assert figure.axes[0].texts[0].get_text().endswith("…")


def test_nothing_to_draw_is_named() -> None:
    with pytest.raises(UsageError, match="none of 1 classes"):
        draw_d_prime(np.array([0.5]), np.array([math.nan]), np.array([0.1]), ["a"])
    with pytest.raises(UsageError, match="one of each per class"):
        draw_d_prime(np.array([0.5, 0.1]), np.array([1.0]), np.array([0.1]), ["a"])
