from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.canvas import to_file
from hearsight.drawing.confusion import LETTERS, count_confusions, draw_confusion
from hearsight.errors import UsageError

LONG = "Sound of a very long class name, with commas, and (brackets)"


def find_words(axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_clips_are_counted_by_what_they_are_and_what_they_were_taken_for() -> None:
    counts = count_confusions(np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 0, 0, 2]), 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [2, 0, 1]])
    assert count_confusions(np.zeros(0, int), np.zeros(0, int), 2).sum() == 0


@pytest.mark.parametrize(("truths", "choices"), [([0], [0, 1]), ([0, 3], [0, 1]), ([0, 1], [-1, 1])])
def test_classes_that_are_not_there_are_refused(truths: list[int], choices: list[int]) -> None:
    with pytest.raises(UsageError):
        count_confusions(np.array(truths), np.array(choices), 3)


def test_a_cell_is_the_share_of_its_row_and_an_empty_class_an_empty_row() -> None:
    figure = draw_confusion(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 5]]), ["a", "b", "c"], "of what")
    (axes,) = figure.axes
    strength = axes.images[0].get_array()[..., 3]
    np.testing.assert_allclose(strength, [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert find_words(axes) == ["75", "25", "100"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["a", "b", "c"]
    assert axes.get_title(loc="left") == "of what"


def test_one_class_and_long_names_can_be_drawn() -> None:
    figure = draw_confusion(np.array([[4]]), [LONG])
    (label,) = figure.axes[0].get_yticklabels()
    assert label.get_text().endswith("…")
    assert len(label.get_text()) <= LETTERS
    assert to_file(figure, "png", "x", 40).startswith(b"\x89PNG")


def test_hundreds_of_classes_are_numbered_and_their_worst_confusions_named() -> None:
    counts = np.diag(np.full(300, 10))
    counts[7, 250], counts[7, 7] = 9, 1
    counts[8, 9] = 2
    figure = draw_confusion(counts, [f"class {n}" for n in range(300)])
    matrix, words = figure.axes
    assert len(matrix.get_yticklabels()) < 20
    (listed,) = find_words(words)
    assert listed.splitlines() == ["90 %  class 7 (7) → class 250 (250)", "17 %  class 8 (8) → class 9 (9)"]
    assert find_words(matrix) == []


def test_without_confusions_none_are_named() -> None:
    figure = draw_confusion(np.diag(np.full(200, 1)), [f"class {n}" for n in range(200)])
    assert find_words(figure.axes[1]) == ["none"]


@pytest.mark.parametrize("names", [[], ["a"], ["a", "b", "c"]])
def test_names_that_do_not_fit_are_refused(names: list[str]) -> None:
    with pytest.raises(UsageError, match="a name per class"):
        draw_confusion(np.eye(2, dtype=int), names)
    with pytest.raises(UsageError):
        draw_confusion(np.zeros((0, 0), int), [])
