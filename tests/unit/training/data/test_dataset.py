from __future__ import annotations

import numpy as np
import pytest

from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError
from hearsight.training.data.dataset import choose_media
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.training import FakeDataset


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    teacher = InventedTeacher("ear", "audio", ("dog", "rain"))
    # two clips of each video
    clips = [InventedClip(f"{number // 2}.mp4", soft={"ear": {0: 0.9}}) for number in range(400)]
    return Dataset(write_dataset(tmp_path_factory.mktemp("dataset") / "dataset", [teacher], clips))


def test_a_share_of_the_videos_is_a_part_of_a_larger_share(dataset):
    clips = dataset.indices("train")
    parts = [choose_media(dataset, clips, share) for share in (0.1, 0.3, 1.0)]
    assert parts[2] is clips
    assert set(parts[0]) < set(parts[1]) < set(parts[2])
    for part, share in zip(parts, (0.1, 0.3, 1.0), strict=True):
        assert len(part) / len(clips) == pytest.approx(share, abs=0.1)


def test_the_clips_of_a_video_stay_together(dataset):
    chosen = choose_media(dataset, dataset.indices("train"), 0.5)
    rest = np.setdiff1d(dataset.indices("train"), chosen)
    assert len(chosen)
    assert not set(dataset.folds[chosen]) & set(dataset.folds[rest])


def test_data_without_folds_have_no_shares():
    with pytest.raises(DatasetError, match=r"media_share = 0\.5, and no folds"):
        choose_media(FakeDataset(), np.arange(4), 0.5)
