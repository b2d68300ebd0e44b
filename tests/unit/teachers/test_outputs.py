from __future__ import annotations

import numpy as np
import pytest
import scipy.special

from hearsight.errors import TeacherError
from hearsight.teachers.outputs import to_probabilities, to_rows


@pytest.fixture
def logits() -> np.ndarray:
    return np.array([[-300.0, 0.0, 2.5], [90.0, -90.0, 1e-3]], np.float32)


def test_softmax_and_sigmoid_do_not_overflow(logits: np.ndarray):
    np.testing.assert_allclose(
        to_probabilities(logits, "softmax", "x"), scipy.special.softmax(logits, axis=1), atol=1e-6
    )
    np.testing.assert_allclose(to_probabilities(logits, "sigmoid", "x"), scipy.special.expit(logits), atol=1e-6)


@pytest.mark.parametrize("activation", ["auto", "none"])
def test_probabilities_are_taken_as_they_are_up_to_rounding(activation: str):
    given = to_probabilities(np.array([[0.0, 0.25, 1.00001]], np.float32), activation, "x")  # type: ignore[arg-type]
    np.testing.assert_array_equal(given, np.array([[0.0, 0.25, 1.0]], np.float32))


def test_outputs_outside_zero_and_one_are_no_probabilities(logits: np.ndarray):
    with pytest.raises(TeacherError, match=r"x: outputs from -300 to 90, wanted probabilities"):
        to_probabilities(logits, "auto", "x")


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("activation", ["auto", "softmax", "sigmoid", "percent", "none"])
def test_outputs_that_are_not_finite_are_refused(value: float, activation: str):
    with pytest.raises(TeacherError, match=rf"x: the output {value} for class 1 of an item, wanted a finite number"):
        to_probabilities(np.array([[0.5, value]], np.float32), activation, "x")  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(5,), (1, 5), (1, 1, 1, 5), (1, 5, 1, 1)])
def test_axes_of_size_one_are_no_rows(shape: tuple[int, ...]):
    np.testing.assert_array_equal(to_rows(np.arange(5, dtype=np.float32).reshape(shape), "x"), [np.arange(5)])


def test_moments_of_one_item_are_rows():
    assert to_rows(np.zeros((1, 3, 5), np.float32), "x").shape == (3, 5)
