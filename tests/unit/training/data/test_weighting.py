from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import DatasetError
from hearsight.training.data.batches import SamplingConfig, TrainBatches
from hearsight.training.data.targets import LabelTargets
from hearsight.training.data.weighting import WeightedDrawing, compute_weights
from tests.support.training import RATE, FakeDataset, make_config


def test_clips_are_drawn_in_proportion_to_their_weights() -> None:
    weights = np.array([0.0, 1.0, 2.0, 0.5, 6.0, 0.0])
    drawing = WeightedDrawing(weights, 0)
    counts = np.zeros(6)
    for epoch in range(500):
        drawn = np.bincount(drawing.choose(epoch, np.arange(6)), minlength=6)
        wanted = weights / weights.sum() * 6
        assert (drawn >= np.floor(wanted)).all()
        assert (drawn <= np.ceil(wanted)).all()
        counts += drawn
    np.testing.assert_allclose(counts / 500, weights / weights.sum() * 6, atol=0.1)


def test_equal_weights_draw_every_clip_once() -> None:
    assert sorted(WeightedDrawing(np.full(101, 0.3), 1).choose(4, np.arange(101))) == list(range(101))


def test_clips_with_rare_labels_are_drawn_more_often_and_each_time_anew() -> None:
    data = FakeDataset(20, 0)
    for clip in range(19):
        data.set_labels(clip, [0], [10])
    data.set_labels(19, [1], [11])
    targets, clips = LabelTargets(data, 0.5), data.indices("train")
    weights = compute_weights(data, targets, clips, make_config(sampling="class-balanced"))
    assert weights is not None
    assert weights[19] == pytest.approx(19 * weights[0])
    epochs = TrainBatches(data, targets, clips, SamplingConfig(RATE, 5, segments="anywhere"), weights)
    batches = list(epochs.batches(1))
    drawn = np.concatenate([batch.clips for batch in batches])
    assert len(drawn) == 20
    assert 9 <= (drawn == 19).sum() <= 11
    sounds = [
        row.tobytes() for batch in batches for clip, row in zip(batch.clips, batch.waveform, strict=True) if clip == 19
    ]
    assert len(set(sounds)) == len(sounds)
    again = np.concatenate([batch.clips for batch in epochs.batches(1, 2)])
    assert np.array_equal(again, np.concatenate([batch.clips for batch in batches[2:]]))


def test_sampling_by_agreement_needs_the_agreement() -> None:
    data = FakeDataset(4, 0)
    with pytest.raises(DatasetError, match="no agreement"):
        compute_weights(data, LabelTargets(data, 0.5), data.indices("train"), make_config(sampling="agreement"))
