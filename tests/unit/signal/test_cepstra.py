from __future__ import annotations

import numpy as np
import pytest
import scipy.fft
import scipy.signal

from hearsight.errors import UsageError
from hearsight.signal.cepstra import FRAME_SAMPLES, N_FFT, SAMPLE_RATE, compute_cepstra, compute_zero_crossing_rate


def noise(seconds=0.5, seed=0):
    return np.random.default_rng(seed).normal(0.0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def hertz(mel):
    """Slaney's scale, as his Auditory Toolbox writes it: 200 / 3 Hz per mel up to 1 kHz, then 27 steps per factor of 6.4."""
    return 200.0 * mel / 3.0 if mel < 15 else 1000.0 * 6.4 ** ((mel - 15.0) / 27.0)


def test_the_cepstrum_is_that_of_the_definition_written_out():
    waveform = noise()
    top = 15.0 + 27.0 * np.log(SAMPLE_RATE / 2000.0) / np.log(6.4)
    edges = [hertz(mel) for mel in np.linspace(0.0, top, 130)]
    bins = np.arange(N_FFT // 2 + 1) * SAMPLE_RATE / N_FFT
    padded = np.pad(waveform.astype(np.float64), N_FFT // 2, mode="reflect")
    start = 7 * FRAME_SAMPLES
    spectrum = np.fft.rfft(padded[start : start + N_FFT] * scipy.signal.get_window("hann", N_FFT))
    levels = []
    for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
        triangle = np.interp(bins, [low, middle, high], [0.0, 2.0 / (high - low), 0.0])
        levels.append(10.0 * np.log10(triangle @ np.abs(spectrum) ** 2))
    expected = scipy.fft.dct(np.array(levels), norm="ortho")[:13]
    np.testing.assert_allclose(compute_cepstra(waveform)[7], expected, atol=1e-6)


def test_there_is_a_frame_every_11_6_milliseconds():
    assert compute_cepstra(noise(1.0)).shape == (1 + SAMPLE_RATE // FRAME_SAMPLES, 13)
    assert pytest.approx(0.0116, abs=1e-4) == FRAME_SAMPLES / SAMPLE_RATE


def test_the_level_is_in_the_0th_coefficient_alone():
    waveform = noise()
    loud, soft = compute_cepstra(waveform), compute_cepstra(waveform / 8)
    np.testing.assert_allclose(loud[:, 1:], soft[:, 1:], atol=1e-6)
    assert (loud[:, 0] > soft[:, 0] + 100).all()


def test_silence_and_what_is_80_db_below_the_loudest_are_alike():
    waveform = np.concatenate([noise(), np.zeros(SAMPLE_RATE // 2, np.float32)])
    assert np.isfinite(compute_cepstra(waveform)).all()
    np.testing.assert_allclose(compute_cepstra(np.zeros(SAMPLE_RATE, np.float32))[:, 1:], 0.0, atol=1e-9)


def test_a_tone_crosses_zero_twice_a_period():
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    rates = compute_zero_crossing_rate(np.sin(2 * np.pi * 1000.0 * times + 0.1))
    assert rates[:-1].mean() == pytest.approx(2000 / SAMPLE_RATE, rel=0.02)
    assert (compute_zero_crossing_rate(np.zeros(1000)) == 0).all()


def test_what_has_no_cepstrum_is_refused():
    with pytest.raises(UsageError, match="more than 1024"):
        compute_cepstra(np.zeros(1000, np.float32))
    with pytest.raises(UsageError, match="NaN"):
        compute_cepstra(np.full(5000, np.nan, np.float32))
