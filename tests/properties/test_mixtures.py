from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsight.config import MixConfig
from hearsight.dataset.mixing.mixtures import Mixer, compute_weights, mix
from hearsight.signal.waveform import change_speed

RATE = 16_000


class Tones:
    """Clips of unequal length, each of one constant value: its number and one."""

    sample_rate = RATE

    def __init__(self, lengths: list[int]) -> None:
        self.num_samples = np.array(lengths, dtype=np.int32)

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> np.ndarray:
        end = int(self.num_samples[index])
        count = end - start if num_samples is None else min(num_samples, end - start)
        return np.full(max(0, count), 100 * (index + 1), dtype=np.int16)


lengths = st.lists(st.integers(1, 5 * RATE), min_size=2, max_size=8)
configs = st.builds(
    MixConfig,
    seed=st.integers(0, 2**31),
    share=st.floats(0.0, 1.0),
    sounds=st.integers(2, 4),
    level=st.just(6.0),
    speed=st.one_of(st.just(1.0), st.floats(1.0, 4.0)),
)


@given(lengths, st.integers(1, 7), st.integers(0, 500), configs)
def test_a_mixture_stays_within_its_split_and_its_clips(
    lengths: list[int], bound: int, number: int, config: MixConfig
) -> None:
    sounds = Tones(lengths)
    everything = np.arange(len(lengths))
    splits = [everything[:bound], everything[bound:]]
    mixer = Mixer(sounds, splits, config)
    drawn = mixer.draw(number)
    assert drawn == Mixer(sounds, splits, config).draw(number)
    assert 1 <= len(drawn) <= config.sounds
    assert len({one.clip < bound for one in drawn}) == 1
    for one in drawn:
        assert abs(one.level) <= 6.0
        assert 1 / config.speed - 1e-9 <= one.speed <= config.speed + 1e-9
        assert 0 <= one.start <= max(0, lengths[one.clip] - mixer.count_samples(one.speed))
        # no speed is so high that a clip of a mixture's length is over before the mixture is
        assert lengths[one.clip] < RATE or one.start + mixer.count_samples(one.speed) <= lengths[one.clip]
    excerpts = mixer.read(drawn)
    assert excerpts.shape == (len(drawn), RATE)
    for excerpt, one in zip(excerpts, drawn, strict=True):
        read = min(mixer.count_samples(one.speed), lengths[one.clip] - one.start)
        heard = min(RATE, round(read / one.speed))
        value = 100 * (one.clip + 1) / 32768 * 10 ** (one.level / 20)
        # the filter that changes the speed rings where a sound begins and ends; far from there the constant is the same
        edge = 0 if one.speed == 1.0 else 2000
        np.testing.assert_allclose(excerpt[edge : max(edge, heard - edge)], value, rtol=1e-3 if edge else 1e-5)
        assert not excerpt[heard + 1 :].any()


def test_levels_are_drawn_from_the_whole_range() -> None:
    everything = np.arange(4)
    mixer = Mixer(Tones([RATE] * 4), [everything, everything], MixConfig(share=0.0, level=6.0, seed=1))
    levels = np.array([one.level for number in range(200) for one in mixer.draw(number)])
    assert levels.min() < -5.0
    assert levels.max() > 5.0
    assert abs(levels.mean()) < 1.0


@given(lengths, st.integers(1, 7), st.integers(0, 500), st.sampled_from([1, 2, 7, 32]), st.integers(0, 2**31))
def test_a_chimaera_stays_within_its_split_and_has_the_level_of_its_envelope(
    lengths: list[int], bound: int, number: int, bands: int, seed: int
) -> None:
    sounds = Noises(lengths)
    everything = np.arange(len(lengths))
    splits = [everything[:bound], everything[bound:]]
    config = MixConfig(share=0.5, chimaeras=1.0, bands=bands, speed=1.5, level=0.0, seed=seed)
    mixer = Mixer(sounds, splits, config)
    drawn = mixer.draw(number)
    assert drawn == Mixer(sounds, splits, config).draw(number)
    carriers = [one.carrier for one in drawn if one.carrier is not None]
    assert len(carriers) == len(drawn)
    assert len({one.clip < bound for one in (*drawn, *carriers)}) == 1
    for carrier in carriers:
        assert carrier.bands in (1, 2, 4, 8, 16, 32)
        assert carrier.bands <= bands
        assert 0 <= carrier.start <= max(0, lengths[carrier.clip] - mixer.count_samples(carrier.speed))
    excerpts = mixer.read(drawn)
    np.testing.assert_array_equal(excerpts, mixer.read(drawn))
    plain = mixer.read([dataclasses.replace(one, carrier=None) for one in drawn])
    levels, wanted = (np.sqrt(np.square(some, dtype=np.float64).mean(axis=1)) for some in (excerpts, plain))
    assert np.isfinite(excerpts).all()
    # where what it is carried by is silent throughout, so is the chimaera
    np.testing.assert_allclose(levels[levels > 0], wanted[levels > 0], rtol=1e-4)


class Noises(Tones):
    """Clips of unequal length, each a noise of its own."""

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> np.ndarray:
        noise = np.random.default_rng(index).integers(-9000, 9000, self.num_samples[index], dtype=np.int16)
        return noise[start:][:num_samples]


def test_chimaeras_are_as_many_as_asked_for_and_half_of_them_of_noise() -> None:
    mixer = Mixer(Tones([4 * RATE]), [np.array([0])], MixConfig(share=0.0, chimaeras=0.3, bands=20))
    carriers = [mixer.draw(number)[0].carrier for number in range(3000)]
    made = [one for one in carriers if one is not None]
    assert abs(len(made) / 3000 - 0.3) < 0.03
    assert abs(np.mean([one.phases is None for one in made]) - 0.5) < 0.06
    counts = np.unique([one.bands for one in made], return_counts=True)
    assert counts[0].tolist() == [1, 2, 4, 8, 16]
    assert min(counts[1]) > 120


def test_without_chimaeras_the_same_mixtures_are_drawn_as_ever() -> None:
    """What a mixture is made of is part of its name; a knob that is off must not change it."""
    sounds, splits = Tones([4 * RATE, 2 * RATE]), [np.array([0, 1])]
    some = Mixer(sounds, splits, MixConfig(chimaeras=1.0, share=0.0))
    none = Mixer(sounds, splits, MixConfig(share=0.0))
    for number in range(50):
        (with_one,), (without,) = some.draw(number), none.draw(number)
        assert dataclasses.replace(with_one, carrier=None) == without


def test_a_faster_sound_is_higher_and_shorter() -> None:
    seconds = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 440.0 * seconds).astype(np.float32)
    for speed in (0.5, 0.8, 1.0, 1.5):
        played = change_speed(tone, speed)
        assert abs(len(played) - 2 * RATE / speed) <= 1
        spectrum = np.abs(np.fft.rfft(played * np.hanning(len(played))))
        assert abs(np.argmax(spectrum) * RATE / len(played) - 440.0 * speed) < 1.0


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_is_positive(speed: float) -> None:
    with pytest.raises(ValueError, match="a speed is positive"):
        change_speed(np.zeros(10, np.float32), speed)


def test_speeds_are_as_often_slow_as_fast() -> None:
    sounds = Tones([4 * RATE])
    mixer = Mixer(sounds, [np.array([0])], MixConfig(share=0.0, speed=2.0))
    speeds = np.array([mixer.draw(number)[0].speed for number in range(2000)])
    assert abs((speeds < 1.0).mean() - 0.5) < 0.05
    assert 0.5 <= speeds.min() < 0.52
    assert 1.93 < speeds.max() <= 2.0


@given(st.integers(1, 4), st.floats(0.0, 3.0), st.integers(0, 1000))
def test_a_mixture_is_the_sum_of_its_sounds_turned_down_where_it_must_be(count: int, gain: float, seed: int) -> None:
    excerpts = (gain * np.random.default_rng(seed).uniform(-1, 1, (count, 200))).astype(np.float32)
    total = excerpts.sum(axis=0, dtype=np.float64)
    mixture = mix(excerpts).astype(np.float64) / 32768
    expected = total / max(1.0, np.abs(total).max())
    np.testing.assert_allclose(mixture, expected, atol=2 / 32768)
    shares = compute_weights(excerpts)
    assert np.isclose(shares.sum(), 1.0, atol=1e-5)
    levels = np.sqrt((excerpts.astype(np.float64) ** 2).mean(axis=1))
    if levels.sum() > 0.0:
        np.testing.assert_allclose(shares, levels / levels.sum(), atol=1e-5)
    else:
        np.testing.assert_allclose(shares, 1 / count)


def test_every_second_is_as_probable_as_any_other_and_so_is_every_share() -> None:
    sounds = Tones([RATE, 9 * RATE, 10 * RATE])
    mixer = Mixer(sounds, [np.array([0, 1]), np.array([2])], MixConfig(share=0.25, sounds=3))
    drawn = [mixer.draw(number) for number in range(4000)]
    firsts = np.bincount([one[0].clip for one in drawn], minlength=3) / 4000
    np.testing.assert_allclose(firsts, [0.05, 0.45, 0.5], atol=0.03)
    counts = np.bincount([len(one) for one in drawn], minlength=4)[1:] / 4000
    np.testing.assert_allclose(counts, [0.75, 0.125, 0.125], atol=0.03)
