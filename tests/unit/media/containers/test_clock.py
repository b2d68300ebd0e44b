from __future__ import annotations

import pytest

from hearsight.media.containers.clock import JoinedClock


def place(clock: JoinedClock, stream: int, *times: float, duration: float = 0.5) -> list[float]:
    """Return the times of packets on the continuous clock."""
    return [time + clock.find_offset(stream, time, duration) for time in times]


def test_a_clock_that_rises_is_left_alone() -> None:
    clock = JoinedClock()
    assert place(clock, 0, 0.0, 0.5, 1.0, 0.9, 1.5, 40.0, 500.0) == [0.0, 0.5, 1.0, 0.9, 1.5, 40.0, 500.0]
    assert clock.num_restarts == 0


def test_a_clock_that_starts_again_goes_on_where_it_ended() -> None:
    clock = JoinedClock()
    assert place(clock, 0, 0.0, 1.0, 0.0, 1.0, 0.0) == [0.0, 1.0, 1.5, 2.5, 3.0]
    assert clock.num_restarts == 2


def test_sound_and_pictures_start_again_together() -> None:
    clock = JoinedClock()
    place(clock, 0, 10.0, 10.5, 11.0)
    place(clock, 1, 10.1, 10.6, 11.3)
    assert place(clock, 0, 5.0) == [11.8]
    assert place(clock, 1, 5.25) == pytest.approx([12.05])
    assert clock.num_restarts == 1


def test_a_late_packet_from_before_the_seam_keeps_its_time() -> None:
    clock = JoinedClock()
    place(clock, 0, 0.0, 3.0)
    place(clock, 1, 0.0, 2.5)
    assert place(clock, 0, 0.0) == [3.5]
    assert place(clock, 1, 3.0, 0.1) == pytest.approx([3.0, 3.6])


def test_only_broadcasts_are_joined_where_their_clock_jumps_far_ahead() -> None:
    assert place(JoinedClock(joins_ahead=True), 0, 0.0, 0.5, 90_000.0) == pytest.approx([0.0, 0.5, 1.0])
    assert place(JoinedClock(), 0, 0.0, 0.5, 90_000.0) == [0.0, 0.5, 90_000.0]


def test_a_packet_that_claims_to_last_long_opens_no_gap() -> None:
    clock = JoinedClock()
    place(clock, 0, 0.0, duration=1e9)
    assert place(clock, 0, 5.0, 0.0)[1] <= 6.0
