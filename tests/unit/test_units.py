from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsight import units


@pytest.mark.parametrize(
    ("num_samples", "num_frames"),
    [(399, 0), (400, 1), (15_360, 94), (15_600, 96), (16_000, 98), (16_240, 100), (80_000, 498)],
)
def test_frames_are_counted_as_vggish_does(num_samples: int, num_frames: int) -> None:
    assert units.count_frames(num_samples, 400, 160) == num_frames


@pytest.mark.parametrize(
    ("num_samples", "count"), [(1, 1), (7_999, 1), (16_000, 1), (23_999, 1), (24_000, 2), (80_016, 5)]
)
def test_half_a_segment_counts_and_less_does_not(num_samples: int, count: int) -> None:
    assert units.count_segments(num_samples, 16_000) == count


@given(st.integers(0, 10**9), st.sampled_from([8_000, 16_000, 22_050, 44_100, 48_000, 192_000]))
def test_samples_survive_seconds(num_samples: int, sample_rate: int) -> None:
    assert units.to_samples(units.to_seconds(num_samples, sample_rate), sample_rate) == num_samples


def test_levels_are_relative_to_full_scale() -> None:
    assert units.to_decibels(1.0) == 0.0
    assert units.to_decibels(0.1) == pytest.approx(-20.0)
    assert units.to_decibels(0.0) == -120.0


def test_milliseconds_are_the_nearest_and_halves_round_up() -> None:
    assert [units.to_milliseconds(seconds) for seconds in (1.0, 1.0004, 1.0005, 1.0006)] == [1000, 1000, 1001, 1001]


def test_samples_are_the_nearest_and_halves_round_up() -> None:
    assert [units.to_samples(samples / 10, 10) for samples in (2, 2.4, 2.5, 2.6)] == [2, 2, 3, 3]


def test_the_sample_rate_is_the_papers() -> None:
    assert units.SAMPLE_RATE == 16_000
    assert units.to_samples(1.0) == 16_000
