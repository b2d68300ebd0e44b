from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import BrokenMediaError
from hearsight.media.containers.streams import Sound
from hearsight.media.limits import MAX_JUMP
from hearsight.media.timeline import SoundTimeline, downmix_blocks
from hearsight.signal.downmix import Downmixer
from hearsight.signal.waveform import resample

RATE = 16_000


def make_stretch(time: float, seconds: float, level: float = 0.5, rate: int = RATE) -> Sound:
    return Sound(time, rate, np.full((1, round(seconds * rate)), level, np.float32))


def run(timeline: SoundTimeline, *stretches: Sound) -> np.ndarray:
    return np.concatenate([*(timeline.push(stretch) for stretch in stretches), timeline.finish()])


def test_sound_that_starts_late_is_preceded_by_silence() -> None:
    timeline = SoundTimeline("a", RATE)
    waveform = run(timeline, make_stretch(0.25, 1.0))
    assert not waveform[: RATE // 4].any()
    assert (waveform[RATE // 4 :] == 0.5).all()
    assert timeline.end == 1.25
    assert timeline.count_filled(0.0, 1.0) == 0.25


def test_a_gap_is_filled_with_silence_and_counted() -> None:
    timeline = SoundTimeline("a", RATE)
    waveform = run(timeline, make_stretch(0.0, 1.0), make_stretch(1.5, 1.0))
    assert len(waveform) == 2.5 * RATE
    assert not waveform[RATE : RATE * 3 // 2].any()
    assert timeline.count_filled(1.2, 1.4) == pytest.approx(0.2)
    assert timeline.count_filled(1.4, 9.0) == pytest.approx(0.1)
    assert timeline.count_filled(0.0, 9.0) == 0.0


def test_an_overlap_is_dropped_from_what_comes_second() -> None:
    waveform = run(SoundTimeline("a", RATE), make_stretch(0.0, 1.0, 0.25), make_stretch(0.5, 1.0, 0.75))
    assert len(waveform) == 1.5 * RATE
    assert (waveform[:RATE] == 0.25).all()
    assert (waveform[RATE:] == 0.75).all()


def test_sound_that_comes_a_second_time_is_dropped_whole() -> None:
    waveform = run(
        SoundTimeline("a", RATE), make_stretch(0.0, 2.0, 0.25), make_stretch(0.5, 1.0), make_stretch(2.0, 1.0)
    )
    assert len(waveform) == 3 * RATE
    assert (waveform[: 2 * RATE] == 0.25).all()


def test_times_that_are_rounded_to_milliseconds_neither_add_nor_drop_a_sample() -> None:
    stretches = [make_stretch(round(index * 1024 / 44_100, 3), 1024 / 44_100, rate=44_100) for index in range(300)]
    timeline = SoundTimeline("a", RATE)
    waveform = run(timeline, *stretches)
    np.testing.assert_array_equal(waveform, resample(np.full(300 * 1024, 0.5, np.float32), 44_100, RATE))
    assert timeline.count_filled(0.0, 99.0) == 0.0


def test_what_lies_before_the_start_is_dropped_to_the_sample() -> None:
    ramp = np.arange(RATE, dtype=np.float32)[np.newaxis]
    timeline = SoundTimeline("a", RATE, start=0.3)
    waveform = run(timeline, Sound(0.0, RATE, ramp[:, :2_000]), Sound(0.125, RATE, ramp[:, 2_000:]))
    np.testing.assert_array_equal(waveform, ramp[0, 4_800:])
    assert timeline.end == pytest.approx(1.0)


def test_another_sample_rate_on_the_way_goes_on_at_the_same_time() -> None:
    timeline = SoundTimeline("a", RATE)
    waveform = run(timeline, make_stretch(0.0, 1.0, rate=48_000), make_stretch(1.0, 1.0, rate=44_100))
    assert len(waveform) == 2 * RATE
    assert timeline.end == 2.0
    np.testing.assert_allclose(waveform[2_000:14_000], 0.5, atol=1e-3)
    np.testing.assert_allclose(waveform[18_000:30_000], 0.5, atol=1e-3)


@pytest.mark.parametrize("time", [1.0 + MAX_JUMP + 1.0, 2.0**40])
def test_a_clock_that_jumps_far_ahead_is_broken_there(time: float) -> None:
    timeline = SoundTimeline("a.ts", RATE)
    timeline.push(make_stretch(0.0, 1.0))
    with pytest.raises(BrokenMediaError, match=r"a\.ts: the sound's time jumps from 1\.00 s") as caught:
        timeline.push(make_stretch(time, 1.0))
    assert caught.value.start == 1.0


def test_a_clock_that_jumps_far_back_is_broken_there() -> None:
    timeline = SoundTimeline("a.ts", RATE)
    timeline.push(make_stretch(0.0, 70.0))
    with pytest.raises(BrokenMediaError):
        timeline.push(make_stretch(0.0, 1.0))


@pytest.mark.parametrize(
    ("dtype", "full", "zero"),
    [(np.uint8, 192, 128), (np.int16, 16_384, 0), (np.int32, 2**30, 0), (np.int64, 2**62, 0), (np.float64, 0.5, 0.0)],
)
def test_every_number_format_becomes_amplitudes(dtype: type, full: float, zero: float) -> None:
    stereo = np.array([[full, zero], [zero, zero]], dtype)
    np.testing.assert_array_equal(downmix_blocks([stereo], Downmixer()), np.array([0.25, 0.0], np.float32))


def test_stretches_of_different_layouts_are_mixed_each_by_its_own_mean() -> None:
    mono, stereo = np.full((1, 2), 0.5, np.float32), np.array([[1.0], [0.0]], np.float32)
    np.testing.assert_array_equal(downmix_blocks([mono, stereo], Downmixer()), np.array([0.5, 0.5, 0.5], np.float32))
    assert len(downmix_blocks([], Downmixer())) == 0
