from __future__ import annotations

import numpy as np
import pytest

from hearsight.training.data.sounds import ResampledSounds, SoundSource, match_sample_rate
from tests.support.training import RATE, FakeDataset


@pytest.fixture
def data() -> FakeDataset:
    return FakeDataset(3, 1, seconds=1.5)


def test_a_clip_lasts_as_long_as_before(data: FakeDataset) -> None:
    resampled = ResampledSounds(data, 22_050)
    assert isinstance(resampled, SoundSource)
    assert resampled.sample_rate == 22_050
    assert resampled.num_samples.tolist() == [33_075] * 4
    assert len(resampled.read(0)) == 33_075


def test_a_tone_keeps_its_pitch(data: FakeDataset) -> None:
    for index in range(3):
        before, after = data.read(index), ResampledSounds(data, 22_050).read(index)
        pitches = [
            np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound)
            for sound, rate in ((before, 16_000), (after, 22_050))
        ]
        assert pitches[0] == pytest.approx(pitches[1], abs=1.0)
        assert pitches[0] == pytest.approx(300 * 2 ** int(data.tones[index]), rel=0.01)


@pytest.mark.parametrize(("start", "count"), [(0, 100), (5_000, 22_050), (30_000, 22_050), (40_000, 10), (7, None)])
def test_an_excerpt_is_a_part_of_the_whole(data: FakeDataset, start: int, count: int | None) -> None:
    resampled = ResampledSounds(data, 22_050)
    end = None if count is None else start + count
    np.testing.assert_array_equal(resampled.read(1, start, count), resampled.read(1)[start:end])


def test_sounds_of_the_networks_own_rate_are_read_as_they_are(data: FakeDataset) -> None:
    assert match_sample_rate(data, RATE) is data
    assert match_sample_rate(data, 22_050).sample_rate == 22_050
