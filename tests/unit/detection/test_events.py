from __future__ import annotations

import numpy as np
import pytest

from hearsight.detection.events import EventRule, MedianFilter, cut_to_top, find_events, iterate_events
from hearsight.errors import UsageError


def detect(
    values: list[float], *, hop: float = 1.0, length: float = 1.0, **rule: float
) -> list[tuple[float, float, float]]:
    """Return start, end and peak of the events of one class."""
    starts = hop * np.arange(len(values))
    found = find_events(starts, starts + length, np.array(values)[:, None], EventRule(**rule))
    return [event[1:] for event in iterate_events(found)]


def test_a_stretch_above_the_threshold_is_one_event_with_its_peak():
    assert detect([0.1, 0.6, 0.9, 0.2, 0.5]) == [(1.0, 3.0, 0.9), (4.0, 5.0, 0.5)]


def test_hysteresis_prolongs_an_event_and_never_starts_one():
    assert detect([0.3, 0.8, 0.3, 0.1, 0.3, 0.3], low=0.3) == [(0.0, 3.0, 0.8)]


def test_a_gap_is_bridged_up_to_its_length():
    values = [0.9, 0.0, 0.0, 0.8]
    assert detect(values, gap=2.0) == [(0.0, 4.0, 0.9)]
    assert detect(values, gap=1.9) == [(0.0, 1.0, 0.9), (3.0, 4.0, 0.8)]


def test_a_stretch_that_misses_the_upper_threshold_bridges_nothing():
    assert detect([0.9, 0.0, 0.4, 0.0, 0.9], low=0.3, gap=1.0) == [(0.0, 1.0, 0.9), (4.0, 5.0, 0.9)]


def test_short_events_are_dropped_after_gaps_were_bridged():
    assert detect([0.9, 0.0, 0.9, 0.0, 0.0, 0.9], gap=1.0, least=2.0) == [(0.0, 3.0, 0.9)]


def test_overlapping_segments_that_touch_are_one_event():
    assert detect([0.9, 0.1, 0.9, 0.1, 0.1, 0.9], hop=0.5) == [(0.0, 2.0, 0.9), (2.5, 3.5, 0.9)]


def test_the_median_removes_single_segments_and_fills_single_holes():
    assert detect([0, 0.9, 0, 0, 0.9, 0.9, 0, 0.9, 0.9], median=3) == [(4.0, 9.0, 0.9)]


def test_an_event_that_lasts_to_the_end_ends_with_the_last_segment():
    assert detect([0.0, 0.7, 0.7]) == [(1.0, 3.0, 0.7)]


def test_a_threshold_of_zero_makes_one_event_of_a_sound():
    assert detect([0.0, 0.0], threshold=0.0) == [(0.0, 2.0, 0.0)]


def test_no_segments_have_no_events():
    assert detect([]) == []
    assert detect([], median=5) == []


def test_only_the_most_probable_classes_of_a_segment_are_kept():
    values = np.array([[0.2, 0.5, 0.5], [0.9, 0.1, 0.3]])
    np.testing.assert_array_equal(cut_to_top(values, 1), [[0, 0.5, 0], [0.9, 0, 0]])
    np.testing.assert_array_equal(cut_to_top(values, 3), values)
    np.testing.assert_array_equal(cut_to_top(values, None), values)


def test_a_median_over_more_rows_than_there_are_repeats_the_ends():
    smooth = MedianFilter(5, 1)
    rows = np.concatenate([smooth.push(np.array([[3.0]])), smooth.push(np.array([[1.0]])), smooth.finish()])
    assert rows.ravel().tolist() == [3.0, 1.0]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"threshold": 1.5}, "threshold: 1.5"),
        ({"threshold": 0.5, "low": 0.6}, "low: 0.6"),
        ({"median": 2}, "median: 2 segments"),
        ({"median": 0}, "odd number"),
        ({"least": -1.0}, "least: -1 s"),
        ({"gap": float("nan")}, "gap: nan s"),
    ],
)
def test_values_out_of_their_range_are_refused(rule, words):
    with pytest.raises(UsageError, match=words):
        EventRule(**rule)
