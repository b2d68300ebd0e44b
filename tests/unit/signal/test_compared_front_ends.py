"""The front ends that Wu & Lee compared log-mel with: cepstral coefficients and the constant-Q transform."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.signal.filters import cosine_matrix
from hearsight.signal.front_ends import WU, WU_CQT, WU_MFCC
from hearsight.signal.log_mel import compute_log_mel

RATE = 16_000
FREQUENCIES = 125.0 * 60.0 ** (np.arange(64) / 63)


def make_noise(num_samples: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal(num_samples)


def test_cepstral_coefficients_are_the_cosine_transform_of_the_bands() -> None:
    waveform = make_noise(4_000)
    log_mel, found = compute_log_mel(waveform, WU), compute_log_mel(waveform, WU_MFCC)
    band, coefficient = np.arange(64)[:, None], np.arange(64)
    cosines = np.cos(np.pi * coefficient * (2 * band + 1) / 128) * np.where(coefficient == 0, 1 / 8, np.sqrt(2) / 8)
    np.testing.assert_allclose(found, log_mel @ cosines, rtol=0, atol=1e-10)
    matrix = cosine_matrix(WU_MFCC)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(64), atol=1e-12)


def test_constant_q_bands_are_inner_products_with_windowed_tones() -> None:
    waveform = make_noise(6_000)
    found = compute_log_mel(waveform, WU_CQT)
    assert found.shape == (1 + (6_000 + 1_888 - 2_048) // 160, 64)
    padded = np.pad(waveform, (0, 1_888))
    quality = 1 / (60 ** (1 / 63) - 1)
    for frame in (0, 11, 30):
        samples = padded[160 * frame : 160 * frame + 2_048]
        for band in (0, 20, 63):
            length = int(np.ceil(quality * RATE / FREQUENCIES[band]))
            start = (2_048 - length) // 2
            window = np.hanning(length + 1)[:-1]
            tone = np.exp(-2j * np.pi * FREQUENCIES[band] / RATE * np.arange(length))
            wanted = abs((samples[start : start + length] * window * tone).sum()) * 200 / window.sum()
            assert found[frame, band] == pytest.approx(np.log(wanted + 0.01), abs=1e-3)


@pytest.mark.parametrize("band", [0, 17, 40, 63])
def test_a_tone_is_heard_in_its_own_constant_q_band_as_loud_as_in_any_other(band: int) -> None:
    time = np.arange(RATE) / RATE
    heard = compute_log_mel(np.sin(2 * np.pi * FREQUENCIES[band] * time), WU_CQT)
    assert int(heard[40].argmax()) == band
    assert heard[40, band] == pytest.approx(np.log(100), abs=0.02)


def test_a_window_that_does_not_fit_is_refused() -> None:
    waveform = make_noise(RATE)
    with pytest.raises(UsageError, match=r"a window of \d+ samples at 60 Hz"):
        compute_log_mel(waveform, dataclasses.replace(WU_CQT, f_min=60.0, n_mels=96))
