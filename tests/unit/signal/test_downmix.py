from __future__ import annotations

import numpy as np
import pytest

from hearsight.signal.downmix import Downmixer

TONE = (0.5 * np.sin(np.arange(1600) / 5)).astype(np.float32)


def mix(*channels: np.ndarray) -> tuple[np.ndarray, float | None]:
    mixer = Downmixer()
    return mixer.mix(np.stack(channels).astype(np.float32), 2.5), mixer.cancelled_at


def test_channels_in_phase_are_averaged() -> None:
    mixed, cancelled_at = mix(TONE, 0.5 * TONE)
    np.testing.assert_allclose(mixed, 0.75 * TONE, atol=1e-7)
    assert cancelled_at is None


def test_channels_that_cancel_each_other_are_brought_into_the_phase_of_the_strongest() -> None:
    for quiet in (-0.95 * TONE, -TONE):
        mixed, cancelled_at = mix(quiet, TONE)
        np.testing.assert_allclose(np.abs(mixed), np.abs((TONE - quiet) / 2), atol=1e-6)
        assert cancelled_at == 2.5
    mixed, _ = mix(-0.95 * TONE, TONE)
    assert float(mixed @ TONE) > 0.0


def test_the_first_time_of_cancelled_channels_is_kept() -> None:
    mixer = Downmixer()
    mixer.mix(np.stack([TONE, TONE]), 0.0)
    for time in (1.0, 2.0):
        mixer.mix(np.stack([TONE, -TONE]), time)
    assert mixer.cancelled_at == 1.0


def test_the_first_block_may_begin_at_zero() -> None:
    mixer = Downmixer()
    for time in (0.0, 2.0):
        mixer.mix(np.stack([TONE, -TONE]), time)
    assert mixer.cancelled_at == 0.0


@pytest.mark.parametrize(("share", "is_cancelled"), [(0.80, False), (0.83, True)])
def test_channels_cancel_each_other_below_a_hundredth_of_their_power(share: float, is_cancelled: bool) -> None:
    # the power of the mean is (1 - share)² / 4, that of the channels (1 + share²) / 2: they are a hundredth apart at 0.817
    assert (mix(TONE, np.float32(-share) * TONE)[1] is not None) is is_cancelled


@pytest.mark.parametrize(("level_db", "is_inverted"), [(-63.0, False), (-57.0, True)])
def test_noise_of_converters_is_left_alone(level_db: float, is_inverted: bool) -> None:
    quiet = (np.sqrt(2.0) * 10 ** (level_db / 20) * np.sin(np.arange(1600) / 5)).astype(np.float32)
    mixed, cancelled_at = mix(quiet, -quiet)
    assert (cancelled_at is not None) is is_inverted
    assert np.any(mixed) == is_inverted


def test_a_silent_channel_beside_two_opposite_ones_stays_silent() -> None:
    time = np.arange(1600) * (2 * np.pi / 16)
    silent = np.zeros(1600)
    channels = [np.cos(time), -np.cos(time), silent]
    mixed, cancelled_at = mix(*channels)
    np.testing.assert_allclose(np.abs(mixed), np.abs(2 * np.cos(time) / 3), atol=1e-6)
    assert cancelled_at == 2.5


def test_one_channel_and_no_samples_are_returned_as_they_are() -> None:
    mixed, cancelled_at = mix(TONE)
    np.testing.assert_array_equal(mixed, TONE)
    assert cancelled_at is None
    assert mix(np.zeros(0), np.zeros(0))[0].shape == (0,)


def test_a_block_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="channel"):
        Downmixer().mix(np.zeros((0, 16), np.float32), 0.0)
