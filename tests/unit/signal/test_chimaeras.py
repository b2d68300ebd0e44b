from __future__ import annotations

import numpy as np
import pytest

from hearsight.signal.chimaeras import _divide_spectrum, make_chimaera, scramble_phases

RATE = 16_000


def make_tone(frequency: float, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(RATE * seconds)) / RATE).astype(np.float32)


def make_noise(seed: int, num_samples: int = RATE) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(num_samples)).astype(np.float32)


def measure_level(waveform: np.ndarray) -> float:
    return float(np.sqrt(np.mean(waveform.astype(np.float64) ** 2)))


def correlate(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def test_in_one_band_a_tone_takes_the_envelope_of_another() -> None:
    beat = 1.0 + 0.8 * np.sin(2 * np.pi * 4.0 * np.arange(RATE) / RATE)
    chimaera = make_chimaera((beat * make_tone(500.0)).astype(np.float32), make_tone(2000.0), sample_rate=RATE, bands=1)
    expected = beat * make_tone(2000.0)
    assert correlate(chimaera, expected) > 0.9999
    assert measure_level(chimaera) == pytest.approx(measure_level(beat * make_tone(500.0)), rel=1e-4)


@pytest.mark.parametrize("bands", [1, 2, 8, 32, 256])
def test_a_sound_and_itself_make_the_sound_again(bands: int) -> None:
    sound = make_noise(1)
    np.testing.assert_allclose(make_chimaera(sound, sound, sample_rate=RATE, bands=bands), sound, atol=2e-4)


def test_with_more_bands_a_chimaera_is_more_like_the_owner_of_its_envelope() -> None:
    """The magnitudes of half-overlapping frames say what a sound is like in time and in frequency."""
    chirp = np.sin(2 * np.pi * (300.0 + 1500.0 * np.arange(RATE) / RATE) * np.arange(RATE) / RATE).astype(np.float32)
    likeness = []
    for bands in (1, 4, 16, 64):
        chimaera = make_chimaera(chirp, make_noise(2), sample_rate=RATE, bands=bands)
        likeness.append(correlate(measure_spectrogram(chimaera), measure_spectrogram(chirp)))
    assert likeness == sorted(likeness)
    assert likeness[0] < 0.3
    assert likeness[-1] > 0.6


def measure_spectrogram(waveform: np.ndarray) -> np.ndarray:
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 400)[::200] * np.hanning(400)
    return np.abs(np.fft.rfft(frames)).ravel()


@pytest.mark.parametrize("num_samples", [0, 1, 2, 3, 999, 1000])
def test_any_length_will_do(num_samples: int) -> None:
    one, other = make_noise(3, num_samples), make_noise(4, num_samples)
    for bands in (1, 32):
        chimaera = make_chimaera(one, other, sample_rate=RATE, bands=bands)
        assert chimaera.shape == (num_samples,)
        assert chimaera.dtype == np.float32
        assert np.isfinite(chimaera).all()
    assert scramble_phases(one, np.random.default_rng(0)).shape == (num_samples,)


def test_silence_lends_nothing() -> None:
    silence = np.zeros(RATE, np.float32)
    assert not make_chimaera(silence, make_noise(5), sample_rate=RATE, bands=8).any()
    assert not make_chimaera(make_noise(5), silence, sample_rate=RATE, bands=8).any()


def test_a_chimaera_is_of_two_sounds_of_one_length_and_of_bands() -> None:
    with pytest.raises(ValueError, match="of one length, not of 5 and 6"):
        make_chimaera(np.zeros(5, np.float32), np.zeros(6, np.float32), sample_rate=RATE, bands=1)
    with pytest.raises(ValueError, match="a band at least, not 0"):
        make_chimaera(np.zeros(5, np.float32), np.zeros(5, np.float32), sample_rate=RATE, bands=0)


@pytest.mark.parametrize("num_samples", [999, 1000])
def test_scrambled_phases_keep_the_colour_and_lose_the_moment(num_samples: int) -> None:
    click = np.zeros(num_samples, np.float32)
    click[300:310] = np.hanning(10)
    noise = scramble_phases(click, np.random.default_rng(0))
    np.testing.assert_allclose(np.abs(np.fft.rfft(noise)), np.abs(np.fft.rfft(click)), atol=1e-4)
    assert np.abs(noise).max() < 0.5 * click.max()
    np.testing.assert_array_equal(noise, scramble_phases(click, np.random.default_rng(0)))
    assert correlate(noise, scramble_phases(click, np.random.default_rng(1))) < 0.2


@pytest.mark.parametrize("num_samples", [999, 1000])
def test_only_what_has_no_phase_keeps_it(num_samples: int) -> None:
    """The mean has none, nor has half the sample rate, which is a bin of an even number of samples."""
    sound = make_noise(6, num_samples) + np.float32(0.05)
    before, after = (np.fft.rfft(one) for one in (sound, scramble_phases(sound, np.random.default_rng(0))))
    turned = np.abs(np.angle(after / before)) > 1e-3
    kept = [0, num_samples // 2] if num_samples % 2 == 0 else [0]
    assert sorted(set(range(len(before))) - set(np.flatnonzero(turned).tolist())) == kept


def test_random_phases_fill_the_circle() -> None:
    sound = make_noise(7)
    before, after = (np.fft.rfft(one)[1:-1] for one in (sound, scramble_phases(sound, np.random.default_rng(0))))
    eighths = np.histogram(np.angle(after / before), 8, (-np.pi, np.pi))[0] / len(before)
    np.testing.assert_allclose(eighths, 1 / 8, atol=0.01)


def test_bands_are_equally_wide_on_the_erb_rate_scale() -> None:
    """The number of ERBs below f is proportional to ln(1 + 0.00437 f) (Glasberg & Moore 1990, equation 4)."""
    half = (np.sqrt(1.0 + 0.00437 * 8_000) - 1.0) / 0.00437
    assert half == pytest.approx(1_143.4, abs=0.1)
    assert _divide_spectrum(RATE, RATE, 1).tolist() == [0, 8_001]
    assert _divide_spectrum(RATE, RATE, 2).tolist() == [0, 1_144, 8_001]
    assert _divide_spectrum(RATE // 2, RATE, 2).tolist() == [0, 572, 4_001]
    assert _divide_spectrum(RATE, RATE // 2, 2).tolist() == [0, 1_510, 8_001]
