from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.canvas import to_file
from hearsight.drawing.filters import MOST, draw_patch_filters, draw_wave_filters, find_frequencies
from hearsight.errors import UsageError


def make_tones(*frequencies: float) -> np.ndarray:
    times = np.arange(64) / 22_050
    window = np.hanning(64)
    return np.stack([0.01 * window * np.sin(2 * np.pi * frequency * times) for frequency in frequencies])


def list_drawn(figure) -> list:
    return [axes for axes in figure.axes if axes.lines or axes.images]


def test_a_tone_s_frequency_is_found() -> None:
    np.testing.assert_allclose(find_frequencies(make_tones(4000.0, 1000.0), 22_050), [4000.0, 1000.0], atol=60.0)


def test_curves_stand_in_the_order_of_their_frequencies_at_their_full_height() -> None:
    kernels = make_tones(4000.0, 800.0, 2000.0)
    drawn = list_drawn(draw_wave_filters(kernels, 22_050))
    assert [axes.get_title(loc="center") for axes in drawn][1:] == ["2.0 kHz", "4.0 kHz"]
    assert drawn[0].get_title(loc="center").endswith(" Hz")
    for axes, index in zip(drawn, (1, 2, 0), strict=True):
        curve = axes.lines[1].get_ydata()
        np.testing.assert_allclose(curve, kernels[index] / np.abs(kernels[index]).max())


def test_pictures_have_time_to_the_right_and_zero_in_the_middle_of_the_colours() -> None:
    kernels = np.random.default_rng(0).standard_normal((5, 3, 7))
    drawn = list_drawn(draw_patch_filters(kernels))
    assert len(drawn) == 5
    for axes, kernel in zip(drawn, kernels, strict=True):
        (image,) = axes.images
        np.testing.assert_array_equal(image.get_array(), kernel.T)
        low, high = image.get_clim()
        assert low == -high == -np.abs(kernel).max()


@pytest.mark.parametrize("count", [1, 2, 17, MOST])
def test_any_number_of_filters_can_be_drawn(count: int) -> None:
    figure = draw_patch_filters(np.random.default_rng(1).standard_normal((count, 3, 3)))
    assert len(list_drawn(figure)) == count
    if count < 20:
        assert to_file(figure, "svg", "x").startswith(b"<?xml")
        assert len(list_drawn(draw_wave_filters(np.zeros((count, 8)), 8000))) == count


@pytest.mark.parametrize("kernels", [np.zeros((0, 3, 3)), np.zeros((MOST + 1, 3, 3)), np.full((2, 3, 3), np.nan)])
def test_what_cannot_be_drawn_is_named(kernels: np.ndarray) -> None:
    with pytest.raises(UsageError):
        draw_patch_filters(kernels)
    with pytest.raises(UsageError):
        draw_wave_filters(kernels[:, 0], 8000)
