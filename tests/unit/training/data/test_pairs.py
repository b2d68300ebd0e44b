from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset.index.derive import derive_index
from hearsight.dataset.reader import Dataset
from hearsight.training.data import pairs
from hearsight.training.data.statistics import compute_statistics
from hearsight.training.data.targets import LabelTargets
from hearsight.training.data.weighting import compute_weights
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.training import FakeDataset, make_config

CLIPS = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    random = np.random.default_rng(3)

    def draw(count: int) -> dict[int, float]:
        kept = random.permutation(8)[: random.integers(0, count)]
        return {int(index): float(np.float32(random.uniform(0, 1))) for index in kept}

    clips = [InventedClip(f"{number}.mp4", {"eye": draw(7), "ear": draw(4)}) for number in range(CLIPS)]
    teachers = [
        InventedTeacher("eye", "vision", [f"seen {k}" for k in range(8)], top=4, threshold=0.2),
        InventedTeacher("ear", "audio", [f"heard {k}" for k in range(8)], top=2, threshold=0.5),
    ]
    return write_dataset(tmp_path_factory.mktemp("pairs") / "dataset", teachers, clips, num_shards=3)


@pytest.fixture(params=["tables", "index", "one by one"])
def data(request: pytest.FixtureRequest, folder: Path):
    if request.param == "index":
        derive_index(folder)
    return FakeDataset() if request.param == "one by one" else Dataset(folder)


def test_the_labels_of_many_clips_are_those_of_each(data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pairs, "BLOCK", 7)
    clips = np.arange(len(data.num_samples), dtype=np.int64)[1::2]
    first = 0
    for block in pairs.iterate_labels(data, clips):
        for row in range(block.num_clips):
            labels = data.labels(int(clips[first + row]))
            for (rows, classes), wanted in ((block.visual, labels.visual), (block.audio, labels.audio)):
                np.testing.assert_array_equal(np.sort(classes[rows == row]), np.sort(wanted))
        first += block.num_clips
    assert first == len(clips)


def test_statistics_and_weights_are_those_of_a_loop_over_clips(data) -> None:
    clips, config = np.arange(40, dtype=np.int64), make_config(sampling="class-balanced")
    targets = LabelTargets(data, 0.5)
    total, marked = np.zeros(len(data.names)), np.stack([targets.labels(int(clip)) for clip in clips])
    for clip in clips:
        targets.add_expected(int(clip), total)
    found = compute_statistics(targets, clips)
    np.testing.assert_array_equal(found.clips, clips[marked.any(axis=1)])
    np.testing.assert_array_equal(found.frequencies, total / marked.any(axis=1).sum())
    assert found.num_unlabelled == int((~marked.any(axis=1)).sum())
    rarity = 1.0 / np.maximum(marked.sum(axis=0), 1)
    np.testing.assert_allclose(compute_weights(data, targets, clips, config), marked @ rarity)


def test_no_clip_of_a_dataset_is_asked_on_its_own(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    derive_index(folder)
    data = Dataset(folder)
    monkeypatch.setattr(Dataset, "labels", lambda *_: pytest.fail("a clip was asked on its own"))
    targets = LabelTargets(data, 0.5)
    clips = data.indices("train")
    assert len(compute_statistics(targets, clips).clips) > 10
    assert compute_weights(data, targets, clips, make_config(sampling="class-balanced")).any()
