from __future__ import annotations

import numpy as np
import pytest

from hearsight.signal.front_ends import JIA
from hearsight.signal.log_mel import compute_log_mel
from hearsight.units import SAMPLE_RATE
from hearsight.world.kinds import KINDS, Kind
from hearsight.world.sounds import GESTURES, add_background, add_reverberation, make_background_noise, synthesize

BY_GESTURE = {kind.gesture: kind for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_sounds_for_as_long_as_asked_and_at_unit_level(kind: Kind) -> None:
    for seed in range(5):
        played = synthesize(kind, 1.7, np.random.default_rng(seed))
        assert len(played.waveform) == len(played.level) == round(1.7 * SAMPLE_RATE)
        assert np.isfinite(played.waveform).all()
        assert np.sqrt(np.mean(played.waveform**2)) == pytest.approx(1.0)
        assert 0.0 <= played.level.min() <= played.level.max() <= 1.0
        assert played.level.max() > 0.5


def test_the_same_draws_give_the_same_sound_and_others_another() -> None:
    first, again, other = (synthesize(KINDS[0], 1.0, np.random.default_rng(seed)).waveform for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


def test_every_gesture_belongs_to_one_kind() -> None:
    assert sorted(kind.gesture for kind in KINDS) == sorted(GESTURES)


def _measure_slant(gesture: str) -> float:
    """Correlate pitch with time within the notes of many sounds: the sign of a gesture's sweeps."""
    rng = np.random.default_rng(0)
    slants: list[float] = []
    for _ in range(20):
        log_mel = compute_log_mel(synthesize(BY_GESTURE[gesture], 3.0, rng).waveform.astype(np.float32) * 0.1, JIA)
        weights = np.exp(log_mel - log_mel.max())
        centre = (weights @ np.arange(64)) / weights.sum(1)
        loud = weights.sum(1) > np.median(weights.sum(1))
        slants.append(float(np.median(np.diff(centre)[loud[1:] & loud[:-1]])))
    return float(np.mean(slants))


def test_rises_rise_and_falls_fall() -> None:
    assert _measure_slant("rise") > 0.1
    assert _measure_slant("fall") < -0.1


def test_struck_sounds_begin_loud_and_swelling_ones_end_loud() -> None:
    for gesture, sign in (("strike", -1.0), ("swell", 1.0)):
        level = synthesize(BY_GESTURE[gesture], 4.0, np.random.default_rng(1)).level
        steps = np.diff(level[:: SAMPLE_RATE // 200])
        # one way it goes in a jump, the other way it creeps
        assert np.sign(steps[np.argmax(np.abs(steps))]) == -sign


def test_statistics_that_forget_the_order_of_time_see_no_difference_between_a_sound_and_its_reverse() -> None:
    rise = synthesize(BY_GESTURE["rise"], 3.0, np.random.default_rng(2)).waveform.astype(np.float32) * 0.1
    forth, back = compute_log_mel(rise, JIA), compute_log_mel(rise[::-1].copy(), JIA)
    np.testing.assert_allclose(forth.mean(0), back.mean(0), atol=0.05)
    np.testing.assert_allclose(forth.std(0), back.std(0), atol=0.05)
    assert np.abs(forth - back[: len(forth)]).mean() > 0.3


def test_pitch_ranges_of_all_kinds_overlap() -> None:
    def find_bands(kind: Kind) -> tuple[float, float]:
        rng = np.random.default_rng(0)
        centres: list[float] = []
        for _ in range(30):
            log_mel = compute_log_mel(synthesize(kind, 1.0, rng).waveform.astype(np.float32) * 0.1, JIA)
            weights = np.exp(log_mel).mean(0)
            centres.append(float(weights @ np.arange(64) / weights.sum()))
        return float(np.quantile(centres, 0.1)), float(np.quantile(centres, 0.9))

    bounds = [find_bands(kind) for kind in KINDS]
    assert max(low for low, _ in bounds) < min(high for _, high in bounds)


def test_a_room_adds_a_tail_and_keeps_the_length() -> None:
    click = np.zeros(SAMPLE_RATE)
    click[1000] = 1.0
    heard = add_reverberation(click, np.random.default_rng(0))
    assert len(heard) == SAMPLE_RATE
    assert np.abs(heard[:900]).max() < 0.05 * np.abs(heard).max()  # the colour's own ringing, no more
    assert np.abs(heard[1100:1500]).max() > 1e-3


def test_a_background_is_steady_noise_of_unit_level() -> None:
    noise = make_background_noise(2 * SAMPLE_RATE, np.random.default_rng(0))
    assert np.sqrt(np.mean(noise**2)) == pytest.approx(1.0)
    levels = np.sqrt(np.mean(noise.reshape(20, -1) ** 2, axis=1))
    assert levels.max() < 6.0 * levels.min()


def test_recordings_are_of_moderate_level_also_where_nothing_sounds() -> None:
    for seed in range(10):
        recorded = add_background(np.zeros(SAMPLE_RATE), 1.0, np.random.default_rng(seed))
        assert recorded.dtype == np.float32
        decibels = 20.0 * np.log10(np.sqrt(np.mean(recorded.astype(np.float64) ** 2)))
        assert -32.5 < decibels < -13.5
        assert np.abs(recorded).max() <= 1.0
