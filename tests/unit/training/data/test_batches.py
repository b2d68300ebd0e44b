from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hearsight.training.data.batches import SamplingConfig, TrainBatches, ValidationBatches, count_batches
from hearsight.training.data.statistics import compute_statistics
from hearsight.training.data.targets import LabelTargets, count_drawn
from tests.support.training import RATE, FakeDataset

SAMPLING = SamplingConfig(RATE, 8)


def ramp(num_samples: int) -> np.ndarray:
    """A sound that says where in it one is: a step every 100 samples."""
    return (np.arange(num_samples) // 100).astype(np.int16)


def make_epochs(data: FakeDataset, **rules: object) -> TrainBatches:
    sampling = SamplingConfig(**{"segment_samples": RATE, "batch_size": 8, **rules})  # type: ignore[arg-type]
    return TrainBatches(data, LabelTargets(data, 0.5), data.indices("train"), sampling)


def test_an_epoch_hears_every_clip_once(data: FakeDataset) -> None:
    epochs = make_epochs(data, batch_size=7)
    heard = np.concatenate([batch.clips for batch in epochs.batches(1)])
    assert sorted(heard) == list(range(40))
    assert len(list(epochs.batches(1))) == epochs.num_batches == 6


@given(num_clips=st.integers(2, 3000), batch_size=st.integers(2, 512))
def test_batches_are_equally_large_and_none_is_of_one_clip(num_clips: int, batch_size: int) -> None:
    sizes = [len(part) for part in np.array_split(np.arange(num_clips), count_batches(num_clips, batch_size))]
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch_size, 3)


def test_epochs_differ_and_each_comes_out_the_same_again(data: FakeDataset) -> None:
    first, again = list(make_epochs(data).batches(3)), list(make_epochs(data).batches(3))
    for one, other in zip(first, again, strict=True):
        assert np.array_equal(one.clips, other.clips)
        assert np.array_equal(one.waveform, other.waveform)
        assert np.array_equal(one.targets, other.targets)
    next_epoch = next(make_epochs(data).batches(4))
    assert not np.array_equal(first[0].clips, next_epoch.clips)
    other_seed = next(make_epochs(data, seed=1).batches(3))
    assert not np.array_equal(first[0].clips, other_seed.clips)


def test_what_is_drawn_of_a_clip_does_not_depend_on_its_batch(data: FakeDataset) -> None:
    epochs = make_epochs(data, segments="anywhere", gain=6.0, mix=0.5)
    together = epochs.make(2, np.arange(10))
    for clip in range(10):
        alone = epochs.make(2, np.array([clip]))
        assert np.array_equal(alone.waveform[0], together.waveform[clip])
        assert np.array_equal(alone.targets[0], together.targets[clip])


def test_grid_segments_are_whole_seconds_and_all_are_drawn() -> None:
    data = FakeDataset(2, 0)
    data.set_sound(0, ramp(int(3.9 * RATE)))
    starts = {
        round(float(make_epochs(data).make(epoch, np.array([0])).waveform[0, 0] * 32768)) * 100 for epoch in range(60)
    }
    assert starts == {0, 16_000, 32_000}


def test_segments_anywhere_reach_the_end_of_the_clip() -> None:
    data = FakeDataset(2, 0)
    data.set_sound(0, ramp(int(1.1 * RATE)))
    epochs = make_epochs(data, segments="anywhere")
    starts = {round(float(epochs.make(epoch, np.array([0])).waveform[0, 0] * 32768)) * 100 for epoch in range(300)}
    assert min(starts) == 0
    assert max(starts) >= 1500
    assert len(starts) >= 16


@pytest.mark.parametrize("segments", ["grid", "anywhere"])
def test_a_clip_shorter_than_a_second_is_followed_by_silence(segments: str) -> None:
    data = FakeDataset(2, 0)
    data.set_sound(0, np.full(5000, 1000, dtype=np.int16))
    waveform = make_epochs(data, segments=segments).make(1, np.array([0])).waveform[0]
    np.testing.assert_array_equal(waveform[:5000], np.float32(1000 / 32768))
    assert not waveform[5000:].any()


def test_half_of_the_visual_labels_and_all_of_the_audio_labels_are_targets() -> None:
    data = FakeDataset(2, 0, num_visual=12)
    data.set_labels(0, list(range(10)), [16, 18])
    drawn = [make_epochs(data).make(epoch, np.array([0])).targets[0] for epoch in range(50)]
    for targets in drawn:
        assert targets[[16, 18]].all()
        assert targets[:10].sum() == 5
        assert targets.sum() == 7
    assert np.sum(drawn, axis=0)[:10].min() > 10
    assert set(np.unique(drawn)) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("num_labels", "share", "drawn"),
    [
        (10, 0.5, 5),
        (3, 0.5, 2),
        (5, 0.5, 3),
        (9, 0.5, 5),
        (1, 0.5, 1),
        (1, 0.01, 1),
        (4, 1.0, 4),
        (7, 0.25, 2),
        (9, 0.25, 2),
        (0, 0.5, 0),
    ],
)
def test_halves_are_rounded_up_and_one_label_is_always_drawn(num_labels: int, share: float, drawn: int) -> None:
    assert count_drawn(num_labels, share) == drawn


def test_gain_changes_only_the_level(data: FakeDataset) -> None:
    plain = make_epochs(data).make(1, np.arange(20)).waveform
    changed = make_epochs(data, gain=12.0).make(1, np.arange(20)).waveform
    levels = 20 * np.log10(np.abs(changed).max(axis=1) / np.abs(plain).max(axis=1))
    assert (np.abs(levels) <= 12.001).all()
    assert levels.std() > 3
    shape = changed / np.abs(changed).max(axis=1, keepdims=True)
    np.testing.assert_allclose(shape, plain / np.abs(plain).max(axis=1, keepdims=True), atol=1e-5)


def test_a_mixed_segment_has_the_labels_of_both_clips(data: FakeDataset) -> None:
    plain = make_epochs(data).make(1, np.arange(40))
    mixed = make_epochs(data, mix=1.0).make(1, np.arange(40))
    assert (mixed.targets >= plain.targets).all()
    assert mixed.targets.sum() > plain.targets.sum()
    assert not np.allclose(mixed.waveform, plain.waveform)
    assert np.abs(mixed.waveform).max() <= 1.0


def test_validation_hears_the_middle_and_all_labels(data: FakeDataset) -> None:
    data.set_sound(41, ramp(3 * RATE))
    data.set_sound(42, ramp(800))
    batches = list(ValidationBatches(data, LabelTargets(data, 0.5), data.indices("validation"), SAMPLING).batches())
    assert [len(batch.clips) for batch in batches] == [8, 2]
    assert round(float(batches[0].waveform[1, 0] * 32768)) == 160
    assert not batches[0].waveform[2, 800:].any()
    assert (batches[0].targets.sum(axis=1) == 5).all()


def test_clips_without_labels_are_left_out_and_counted(data: FakeDataset) -> None:
    data.set_labels(3, [], [])
    data.set_labels(4, [], [12])
    survey = compute_statistics(LabelTargets(data, 0.5), data.indices("train"))
    assert survey.num_unlabelled == 1
    assert len(survey.clips) == 39
    assert 3 not in survey.clips
    assert 4 in survey.clips


def test_frequencies_are_those_of_the_drawn_targets(data: FakeDataset) -> None:
    survey = compute_statistics(LabelTargets(data, 0.5), data.indices("train"))
    epochs = make_epochs(data)
    drawn = np.mean([batch.targets.mean(axis=0) for epoch in range(60) for batch in epochs.batches(epoch)], axis=0)
    np.testing.assert_allclose(survey.frequencies, drawn, atol=0.05)
    assert survey.frequencies.sum() == pytest.approx(3.0)


def test_a_subset_for_validation_is_spread_over_the_split(data: FakeDataset) -> None:
    assert list(compute_statistics(LabelTargets(data, 0.5), data.indices("validation"), most=5).clips) == [
        40,
        42,
        44,
        46,
        48,
    ]
    assert len(compute_statistics(LabelTargets(data, 0.5), data.indices("validation"), most=100).clips) == 10


def test_a_mixture_is_the_mean_of_two_segments() -> None:
    """Two clips of constant amplitudes 0.25 and 0.5: alone they keep it, mixed they have the mean of two of them."""
    data = FakeDataset(2, 0)
    for clip, amplitude in ((0, 8192), (1, 16384)):
        data.set_sound(clip, np.full(RATE, amplitude, dtype=np.int16))

    def draw(mix: float) -> list[float]:
        return [float(make_epochs(data, mix=mix).make(epoch, np.array([0])).waveform[0, 0]) for epoch in range(400)]

    assert set(draw(1.0)) == {0.25, 0.375}
    # a quarter of the segments is mixed, and half of them with the other clip
    assert 0.08 < np.mean(np.array(draw(0.25)) == 0.375) < 0.17


def test_gain_is_in_decibels_of_amplitude() -> None:
    data = FakeDataset(2, 0)
    data.set_sound(0, np.full(RATE, 3277, dtype=np.int16))
    epochs = make_epochs(data, gain=20.0)
    levels = [20 * np.log10(epochs.make(epoch, np.array([0])).waveform[0, 0] / (3277 / 32768)) for epoch in range(300)]
    assert -20.0 <= min(levels) < -18.5
    assert 18.5 < max(levels) <= 20.0


@pytest.mark.parametrize("order", ["shuffle-1", "permutation-2"])
def test_any_part_of_an_epoch_has_the_same_batches_as_the_whole(data: FakeDataset, order: str) -> None:
    epochs = make_epochs(data, batch_size=7, order=order)
    whole = list(epochs.order(3))
    assert sorted(np.concatenate(whole).tolist()) == list(range(40))
    assert {len(part) for part in whole} == {6, 7}
    for first, stop in ((0, 2), (2, 5), (5, None), (6, None)):
        part = list(epochs.order(3, first, stop))
        assert [clips.tolist() for clips in part] == [clips.tolist() for clips in whole[first:stop]]
    assert epochs.count_clips(2) == len(whole[0]) + len(whole[1])
    assert [clips.tolist() for clips in epochs.order(4)] != [clips.tolist() for clips in whole]
