from __future__ import annotations

import numpy as np
import pytest

from hearsight.clips.sound_faults import (
    measure_clipping,
    measure_silence,
    measure_stuck,
    measure_tone,
    screen_sound,
)
from tests.support.videos import make_waveform

RATES = (16_000, 22_050, 48_000)


def tone(hertz: float, rate: int, seconds: float = 4.0, level: float = 0.3) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return to_int16(level * np.sin(2 * np.pi * hertz * time))


def noise(rate: int, seconds: float = 4.0, level: float = 0.05, seed: int = 0) -> np.ndarray:
    return to_int16(np.random.default_rng(seed).normal(0.0, level, round(seconds * rate)))


def to_int16(waveform: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(waveform * 32768), -32768, 32767).astype(np.int16)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [50.0, 440.0, 1000.3, 6_999.0])
def test_a_constant_tone_is_measured_with_its_frequency(rate: int, hertz: float) -> None:
    share, found = measure_tone(tone(hertz, rate), rate)
    assert share > 0.98
    assert found == pytest.approx(hertz, abs=4.0)


@pytest.mark.parametrize("rate", RATES)
def test_other_sound_is_no_tone(rate: int) -> None:
    gliding = to_int16(0.3 * np.sin(2 * np.pi * np.cumsum(np.linspace(300, 900, 4 * rate)) / rate))
    pauses = tone(440.0, rate) * (np.arange(4 * rate) // rate % 2 == 0)
    for samples in (noise(rate), gliding, pauses.astype(np.int16), np.zeros(4 * rate, np.int16), np.zeros(3, np.int16)):
        assert measure_tone(samples, rate)[0] < 0.6
    assert measure_tone(to_int16(make_waveform(4.0, 1)), 16_000)[0] < 0.6


def test_the_share_of_a_tone_is_that_of_its_energy() -> None:
    mixed = tone(440.0, 16_000, level=0.1).astype(np.int32) + noise(16_000, level=0.1 / np.sqrt(2))
    assert measure_tone(mixed.astype(np.int16), 16_000)[0] == pytest.approx(0.5, abs=0.08)


def test_clipping_is_the_share_of_samples_at_full_scale() -> None:
    samples = np.zeros(1000, np.int16)
    samples[:10], samples[10:20], samples[20:30] = 32_767, -32_768, 32_000
    assert measure_clipping(samples) == 0.02
    assert measure_clipping(np.zeros(0, np.int16)) == 0.0


@pytest.mark.parametrize("rate", RATES)
def test_the_longest_silent_stretch_is_measured_in_seconds(rate: int) -> None:
    samples = noise(rate)
    samples[round(0.5 * rate) : round(0.8 * rate)] = 7  # a constant offset is inaudible
    samples[round(2.0 * rate) : round(3.0 * rate)] = 0
    assert measure_silence(samples, rate, -60.0) == pytest.approx(1.0, abs=0.04)
    assert measure_silence(noise(rate), rate, -60.0) == 0.0
    assert measure_silence(np.zeros(4 * rate, np.int16), rate, -60.0) == pytest.approx(4.0, abs=0.02)


def test_a_stuck_value_is_measured_in_seconds_and_zero_is_none() -> None:
    samples = noise(16_000)
    samples[1_000:2_600] = -321
    samples[8_000:16_000] = 0
    assert measure_stuck(samples, 16_000) == pytest.approx(0.1, abs=0.001)
    assert measure_stuck(np.zeros(16_000, np.int16), 16_000) == 0.0
    assert measure_stuck(np.zeros(1, np.int16), 16_000) == 0.0


def test_without_limits_nothing_is_dropped() -> None:
    assert screen_sound(tone(440.0, 16_000), 16_000) is None
    assert screen_sound(np.full(16_000, 32_767, np.int16), 16_000) is None


def test_a_drop_has_its_reason_and_the_value_that_was_found() -> None:
    loud = to_int16(np.random.default_rng(0).normal(0.0, 2.0, 16_000))
    gap = noise(16_000)
    gap[16_000:40_000] = 0
    stuck = noise(16_000)
    stuck[:3_200] = 99
    cases = [
        (tone(440.0, 16_000), {"max_tone": 0.9}, "tone", "of the energy is a tone at 440 Hz, more than 0.9"),
        (loud, {"max_clipping": 0.01}, "clipped", "0.6249 of the samples are at full scale, more than 0.01"),
        (gap, {"max_silence": (1.0, -60.0)}, "gaps", "1.50 s below -60 dB, more than 1 s"),
        (stuck, {"max_stuck": 0.05}, "stuck", "one value for 0.200 s, more than 0.05 s"),
    ]
    for samples, limits, reason, detail in cases:
        problem = screen_sound(samples, 16_000, **limits)
        assert problem is not None
        assert problem[0] == reason
        assert detail in problem[1]
        good = noise(16_000)
        assert screen_sound(good, 16_000, **limits) is None
