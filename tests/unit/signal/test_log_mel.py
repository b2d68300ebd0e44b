from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.signal import log_mel
from hearsight.signal.filters import make_window, mel_matrix
from hearsight.signal.front_ends import FRONT_ENDS, HERSHEY, HERSHEY_AED, JIA, PANNS, VGGISH, WU, FrontEnd
from hearsight.signal.log_mel import compute_log_mel, normalize_bands

GOLDEN = Path(__file__).parents[2] / "golden" / "log_mel.npz"
RATE = 16_000


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    with np.load(GOLDEN) as arrays:
        return dict(arrays)


@pytest.mark.parametrize("sound", ["sine", "chirp", "noise", "clicks", "silence"])
@pytest.mark.parametrize("front_end", [VGGISH, JIA, WU], ids=lambda front_end: front_end.name)
def test_log_mel_is_the_published_algorithm_to_1e_5(
    front_end: FrontEnd, sound: str, golden: dict[str, np.ndarray]
) -> None:
    log_mel = compute_log_mel(golden[f"sound_{sound}"].astype(np.float64), front_end)
    wanted = golden[f"{front_end.name}_{sound}"]
    assert log_mel.dtype == np.float64
    assert log_mel.shape == wanted.shape
    np.testing.assert_allclose(log_mel, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("sound", "tolerance"), [("noise", 1e-5), ("clicks", 1e-5), ("silence", 1e-5), ("sine", 1e-3), ("chirp", 1e-3)]
)
@pytest.mark.parametrize("front_end", [VGGISH, JIA], ids=lambda front_end: front_end.name)
def test_single_precision_is_off_only_in_bands_that_are_silent_beside_a_loud_one(
    front_end: FrontEnd, sound: str, tolerance: float, golden: dict[str, np.ndarray]
) -> None:
    log_mel = compute_log_mel(golden[f"sound_{sound}"], front_end)
    wanted = golden[f"{front_end.name}_{sound}"]
    assert log_mel.dtype == np.float32
    np.testing.assert_allclose(log_mel, wanted, rtol=0, atol=tolerance)
    heard = wanted > np.log(0.1)
    np.testing.assert_allclose(log_mel[heard], wanted[heard], rtol=0, atol=2e-4 if tolerance > 1e-5 else 1e-5)


@pytest.mark.parametrize(
    ("num_samples", "num_frames"),
    [(0, 0), (399, 0), (400, 1), (15_360, 94), (15_600, 96), (16_000, 98), (16_240, 100), (80_000, 498)],
)
def test_vggish_drops_incomplete_frames(num_samples: int, num_frames: int) -> None:
    assert VGGISH.count_frames(num_samples) == num_frames
    assert compute_log_mel(np.zeros(num_samples, dtype=np.float32), VGGISH).shape == (num_frames, 64)


@pytest.mark.parametrize("seconds", [1, 2, 5, 10])
def test_whole_seconds_give_jia_a_hundred_frames_each(seconds: int) -> None:
    assert compute_log_mel(np.zeros(seconds * RATE, dtype=np.float32), JIA).shape == (100 * seconds, 64)


def test_frames_are_the_same_in_whatever_block_they_are_computed() -> None:
    waveform = np.random.default_rng(1).standard_normal(6 * RATE).astype(np.float32) * 0.1
    whole = compute_log_mel(waveform, VGGISH)
    from_300 = compute_log_mel(waveform[300 * 160 :], VGGISH)
    np.testing.assert_allclose(whole[300:], from_300, rtol=0, atol=1e-6)


def test_a_tone_peaks_in_the_band_around_its_frequency() -> None:
    time = np.arange(RATE) / RATE
    edges = 700.0 * np.expm1(np.linspace(1127 * np.log1p(125 / 700), 1127 * np.log1p(7500 / 700), 66) / 1127.0)
    for band in (10, 30, 60):
        tone = (0.3 * np.sin(2 * np.pi * edges[band + 1] * time)).astype(np.float32)
        assert int(compute_log_mel(tone, VGGISH).mean(axis=0).argmax()) in (band - 1, band, band + 1)


def test_silence_is_the_logarithm_of_the_offset() -> None:
    np.testing.assert_allclose(compute_log_mel(np.zeros(RATE, dtype=np.float32), JIA), np.log(0.01), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_is_refused(bad: float) -> None:
    waveform = np.zeros(1000, dtype=np.float32)
    waveform[500] = bad
    with pytest.raises(UsageError, match="NaN or infinite"):
        compute_log_mel(waveform)


def test_a_band_above_half_the_sample_rate_is_refused() -> None:
    with pytest.raises(UsageError, match="bands from"):
        mel_matrix(dataclasses.replace(VGGISH, f_max=9000.0))


def test_the_dc_bin_is_silent_and_every_band_hears_something() -> None:
    matrix = mel_matrix(VGGISH)
    assert matrix.shape == (257, 64)
    assert not matrix[0].any()
    assert (matrix.max(axis=0) > 0).all()
    assert matrix.max() <= 1.0


def test_windows_are_periodic() -> None:
    for front_end, first in ((VGGISH, 0.0), (JIA, 0.08)):
        window = make_window(front_end)
        assert window[0] == pytest.approx(first, abs=1e-6)
        assert window[200] == pytest.approx(1.0)
        np.testing.assert_allclose(window[1:], window[1:][::-1], atol=1e-6)


def test_segments_of_the_front_ends() -> None:
    assert (JIA.segment_samples, JIA.patch_samples) == (16_000, 16_000)
    assert (VGGISH.segment_samples, VGGISH.patch_samples) == (15_360, 15_600)
    assert (PANNS.segment_samples, PANNS.patch_samples) == (320_000, 320_000)
    assert list(FRONT_ENDS) == ["vggish", "jia", "hershey", "hershey-aed", "wu", "wu-mfcc", "wu-cqt", "panns"]
    assert (HERSHEY.segment_samples, HERSHEY_AED.segment_samples, WU.segment_samples) == (15_360, 3_200, 16_000)


def test_bands_are_brought_to_mean_0_and_variance_1() -> None:
    log_mel = np.random.default_rng(0).normal(-3.0, 2.0, (500, 64)).astype(np.float32)
    log_mel[:, 7] = -4.6
    normalised = normalize_bands(log_mel, log_mel.mean(0), log_mel.var(0))
    assert normalised.dtype == np.float32
    np.testing.assert_allclose(normalised.mean(0), 0.0, atol=1e-3)
    np.testing.assert_allclose(np.delete(normalised.std(0), 7), 1.0, atol=1e-4)
    np.testing.assert_allclose(normalised[:, 7], 0.0, atol=1e-3)


def test_more_than_one_channel_is_refused() -> None:
    with pytest.raises(UsageError, match="one channel"):
        log_mel._check_waveform(np.zeros((1, 16_000), np.float32))
