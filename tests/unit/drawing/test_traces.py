from __future__ import annotations

import numpy as np
import pytest

from hearsight.drawing.canvas import to_file, to_pixels
from hearsight.drawing.traces import choose_traces, draw_overlay, draw_traces
from hearsight.errors import UsageError
from hearsight.signal.front_ends import JIA

STARTS = np.array([0.0, 1.0, 2.0, 2.5])
PROBABILITIES = np.array([[0.1, 0.9, 0.0], [0.2, 0.1, 0.0], [0.7, 0.1, 0.05], [0.1, 0.1, 0.0]], np.float32)


def make_log_mel(frames: int = 350) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((frames, 64)).astype(np.float32)


def test_the_classes_of_the_highest_peaks_are_taken_in_the_order_of_their_peaks() -> None:
    traces = choose_traces(PROBABILITIES, STARTS, 3.5, ["late", "early", "never"], top=2)
    assert traces.names == ("early", "late")
    np.testing.assert_array_equal(traces.edges, [0.0, 1.0, 2.0, 3.0, 3.5])
    np.testing.assert_allclose(traces.values, PROBABILITIES[:, [1, 0]].T)


@pytest.mark.parametrize(
    ("rows", "names", "top"), [(3, 3, 1), (4, 2, 1), (4, 3, 0)], ids=["too few starts", "too few names", "no lane"]
)
def test_what_does_not_fit_is_refused(rows: int, names: int, top: int) -> None:
    with pytest.raises(UsageError):
        choose_traces(PROBABILITIES, STARTS[:rows], 3.5, ["a", "b", "c"][:names], top)
    with pytest.raises(UsageError):
        choose_traces(np.zeros((0, 2), np.float32), np.zeros(0), 1.0, ["a", "b"])


def test_lanes_are_named_and_as_high_as_the_probability_beside_the_highest_of_all() -> None:
    traces = choose_traces(PROBABILITIES, STARTS, 3.5, ["late", "early", "never"], top=2)
    lanes, spectrogram = draw_traces(make_log_mel(), JIA, traces).axes
    assert [label.get_text() for label in lanes.get_yticklabels()] == ["early", "late"]
    for row, (patch, values) in enumerate(zip(lanes.patches, traces.values, strict=True)):
        steps, edges, floor = patch.get_data()
        np.testing.assert_allclose((floor - steps) / 0.84 * 0.9, values, atol=1e-9)
        np.testing.assert_array_equal(edges, traces.edges)
        assert row - 0.5 < floor < row + 0.5
    assert [text.get_text() for text in lanes.texts] == ["0.90", "0.70"]
    assert lanes.get_xlim() == spectrogram.get_xlim() == (0.0, 3.5)


def test_one_class_in_one_short_sound_and_long_names_can_be_drawn() -> None:
    name = "a class of a name that is far too long to stand beside a lane"
    traces = choose_traces(np.array([[0.5]]), np.zeros(1), 0.2, [name])
    figure = draw_traces(make_log_mel(20), JIA, traces)
    assert figure.axes[0].get_yticklabels()[0].get_text().endswith("…")
    assert to_file(figure, "png", "x", 50).startswith(b"\x89PNG")


def test_an_overlay_is_clear_where_nothing_is_heard_and_has_the_size_asked_for() -> None:
    values = np.array([[0.0, 0.0], [1.0, 0.0]], np.float32)
    traces = choose_traces(values, np.array([0.0, 1.0]), 2.0, ["a", "b"])
    pixels = to_pixels(draw_overlay(traces, 4.0, 0.5), 400, 50)
    assert pixels.shape == (50, 400, 4)
    assert traces.names == ("b", "a")  # b never sounds, so that its peak is its first value

    def cut_lane(row: int) -> np.ndarray:
        return pixels[int((row + 0.25) * 50 / 2.2) : int((row + 0.9) * 50 / 2.2), :, 3]

    assert (cut_lane(1)[:, 320:] > 150).mean() > 0.95
    assert (cut_lane(0)[:, 120:] == 0).all()
    assert (cut_lane(0)[:, :60] > 0).any()  # its name
