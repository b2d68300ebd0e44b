from __future__ import annotations

import numpy as np
import pytest

from hearsight.signal.waveform import (
    StreamResampler,
    count_resampled,
    downmix,
    from_int16,
    limit_band,
    resample,
    resample_blocks,
    to_int16,
)


def make_sine(frequency: float, rate: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate).astype(np.float32)


def test_downmix_is_the_mean_of_the_channels() -> None:
    left, right = make_sine(440, 8_000), make_sine(660, 8_000)
    np.testing.assert_allclose(downmix(np.stack([left, right])), (left + right) / 2, atol=1e-7)
    np.testing.assert_array_equal(downmix(np.stack([left, left])), left)
    np.testing.assert_array_equal(downmix(left[np.newaxis]), left)
    np.testing.assert_array_equal(downmix(np.array([[0.0], [1.0]], np.float32)), [0.5])


def test_downmix_of_no_channel_is_an_error() -> None:
    with pytest.raises(ValueError, match="without channels"):
        downmix(np.zeros((0, 5), np.float32))


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000])
def test_resampling_keeps_a_tone_and_its_place_in_time(rate: int) -> None:
    resampled = resample(make_sine(1_000, rate), rate, 16_000)
    assert len(resampled) == count_resampled(rate, rate, 16_000) == 16_000
    middle = slice(2_000, -2_000)
    np.testing.assert_allclose(resampled[middle], make_sine(1_000, 16_000)[middle], atol=2e-4)


def test_resampling_lets_no_tone_through_that_the_lower_rate_cannot_carry() -> None:
    resampled = resample(make_sine(9_500, 48_000), 48_000, 16_000)
    assert np.abs(resampled[1_000:-1_000]).max() < 1e-5


def test_resampling_to_the_same_rate_changes_nothing() -> None:
    waveform = make_sine(440, 16_000)
    assert resample(waveform, 16_000, 16_000) is waveform


@pytest.mark.parametrize("num_samples", [32_000, 31_999, 7, 1])
def test_a_band_is_limited_to_what_a_lower_rate_can_hold(num_samples: int) -> None:
    low, high = make_sine(3_000, 32_000)[:num_samples], make_sine(11_000, 32_000)[:num_samples]
    limited = limit_band(low + high, 32_000, 16_000)
    assert len(limited) == num_samples
    np.testing.assert_allclose(limited[2_000:-2_000], low[2_000:-2_000], atol=2e-4)
    np.testing.assert_allclose(limit_band(limited, 32_000, 16_000)[2_000:-2_000], limited[2_000:-2_000], atol=1e-4)
    assert limit_band(high, 32_000, 32_000) is high


@pytest.mark.parametrize("size", [1, 999, 40_000])
@pytest.mark.parametrize("to_rate", [22_050, 16_000])
def test_blocks_are_resampled_as_the_whole(size: int, to_rate: int) -> None:
    whole = make_sine(440, 16_000, 0.25 if size == 1 else 2.0)
    blocks = [whole[start : start + size] for start in range(0, len(whole), size)]
    found = list(resample_blocks(blocks, 16_000, to_rate))
    assert all(len(block) for block in found)
    np.testing.assert_array_equal(np.concatenate(found), resample(whole, 16_000, to_rate))
    assert list(resample_blocks([], 16_000, to_rate)) == []


def test_a_stream_that_has_ended_takes_no_more() -> None:
    stream = StreamResampler(48_000, 16_000)
    stream.push(np.zeros(100, np.float32), last=True)
    with pytest.raises(ValueError, match="already"):
        stream.push(np.zeros(1, np.float32))


@pytest.mark.parametrize("rates", [(0, 16_000), (16_000, -1)])
def test_sample_rates_must_be_positive(rates: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        StreamResampler(*rates)


def test_samples_are_rounded_to_even_and_clipped() -> None:
    amplitudes = np.array([0.5, -0.5, 1.5, 2.5, 40_000.0, -40_000.0], np.float32) / 32_768
    assert to_int16(amplitudes).tolist() == [0, 0, 2, 2, 32_767, -32_768]
    assert to_int16(np.array([np.nan, np.inf, -np.inf], np.float32)).tolist() == [0, 32_767, -32_768]


def test_every_16_bit_sample_survives_the_way_there_and_back() -> None:
    samples = np.arange(-32_768, 32_768).astype(np.int16)
    amplitudes = from_int16(samples)
    assert amplitudes.min() == -1.0
    np.testing.assert_array_equal(to_int16(amplitudes), samples)
