from __future__ import annotations

import numpy as np
import pytest

from hearsight.config.data import MP3_RATES
from hearsight.media.containers.round_trip import encode_as_mp3


@pytest.mark.parametrize("rate", MP3_RATES)
def test_a_click_stays_where_it_is_in_time(rate: int) -> None:
    samples = np.zeros(rate, np.int16)
    samples[rate // 3] = 20_000
    coded = encode_as_mp3(samples, rate, 64_000)
    assert len(coded) == len(samples)
    assert abs(int(np.argmax(np.abs(coded))) - rate // 3) <= 1


@pytest.mark.parametrize("count", [0, 1, 700, 1_153])
def test_a_sound_of_any_length_keeps_it(count: int) -> None:
    assert len(encode_as_mp3(np.full(count, 1_000, np.int16), 16_000, 32_000)) == count


def test_the_same_sound_has_the_same_loss() -> None:
    noise = np.random.default_rng(0).normal(0, 3_000, 16_000).astype(np.int16)
    first = encode_as_mp3(noise, 16_000, 32_000)
    assert np.array_equal(first, encode_as_mp3(noise, 16_000, 32_000))
    assert not np.array_equal(first, noise)
