from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hearsight.training.data.batches import SamplingConfig, TrainBatches
from hearsight.training.data.parts import Division
from hearsight.training.data.targets import LabelTargets
from tests.support.training import RATE, FakeDataset


@given(num_clips=st.integers(2, 500), largest=st.integers(2, 64), least=st.integers(1, 8), size=st.integers(1, 8))
def test_the_parts_of_all_processes_are_the_clips_of_the_step(
    num_clips: int, largest: int, least: int, size: int
) -> None:
    parts = Division(largest, least).divide(num_clips)
    rows = [row for part in parts for row in range(num_clips)[part.rows]]
    assert rows == list(range(num_clips))
    sizes = [part.stop - part.first for part in parts]
    assert min(sizes) >= 2
    assert max(sizes) <= max(largest, 3)
    assert abs(sum(part.share for part in parts) - 1.0) < 1e-9
    assert [part.number for part in parts] == list(range(len(parts)))
    chosen = [part for rank in range(size) for part in Division(largest, least, rank, size).choose(parts)]
    assert tuple(chosen) == parts


def make_batches(data: FakeDataset, rank: int = 0, size: int = 1) -> TrainBatches:
    sampling = SamplingConfig(RATE, 4, global_batch_size=16, least_parts=2, rank=rank, size=size, mix=0.5, gain=6.0)
    return TrainBatches(data, LabelTargets(data, 0.5), data.indices("train"), sampling)


def test_processes_have_the_examples_of_one_process_without_overlap(data: FakeDataset) -> None:
    whole = list(make_batches(data).batches(2))
    assert [batch.num_clips for batch in whole] == [14, 13, 13]
    for size in (2, 3, 5):
        shares = [list(make_batches(data, rank, size).batches(2)) for rank in range(size)]
        for step, batch in enumerate(whole):
            mine = [share[step] for share in shares]
            assert {one.num_clips for one in mine} == {batch.num_clips}
            assert np.array_equal(np.concatenate([one.clips for one in mine]), batch.clips)
            assert np.array_equal(np.concatenate([one.waveform for one in mine]), batch.waveform)
            assert np.array_equal(np.concatenate([one.targets for one in mine]), batch.targets)
            assert [part.number for one in mine for part in one.parts] == [part.number for part in batch.parts]
            for one in mine:
                assert [row for part in one.parts for row in range(len(one.clips))[part.rows]] == list(
                    range(len(one.clips))
                )
