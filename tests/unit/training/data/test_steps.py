from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.dataset.reader import Dataset
from hearsight.errors import ConfigError, DatasetError, UsageError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.zoo import build_network
from hearsight.training.data.dataset import take_all_classes
from hearsight.training.data.sounds import add_segment
from hearsight.training.data.steps import StepTargets
from hearsight.training.loop import train
from hearsight.training.step.objectives import compute_outputs_over_time, count_outputs
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.training import SoftDataset, make_config

PICTURES = [{0: 0.8, 1: 0.2}, {0: 0.6, 1: 0.4}, {1: 1.0}, {1: 0.5, 0: 0.5}]
"""What a teacher of three classes sees in four pictures; it never sees the last class."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    clips = [
        InventedClip(f"{number}.mp4", {"eye": {0: 0.5, 1: 0.5}, "ear": {0: 0.9}}, {"eye": PICTURES})
        for number in range(24)
    ]
    clips.append(InventedClip("none.mp4", {"ear": {0: 0.9}}, {"eye": []}))
    teachers = [InventedTeacher("eye", "vision", ["a", "b", "c"]), InventedTeacher("ear", "audio", ["hum", "a"])]
    return write_dataset(tmp_path_factory.mktemp("steps") / "dataset", teachers, clips, seconds=4.0)


def find(dataset: Dataset, source: str) -> int:
    return dataset.clips().column("source").to_pylist().index(source)


def test_pictures_are_read_by_clip_from_arrays_that_are_written_once(folder: Path) -> None:
    dataset = Dataset(folder)
    found = dataset.picture_distributions(find(dataset, "7.mp4"))
    np.testing.assert_allclose(found[:, :2], [[0.8, 0.2], [0.6, 0.4], [0.0, 1.0], [0.5, 0.5]], atol=1e-6)
    assert not found[:, 2:].any()
    assert dataset.picture_distributions(find(dataset, "none.mp4")).shape == (0, len(dataset.names))
    written = {path: path.stat().st_mtime_ns for path in (folder / "index" / "items").iterdir()}
    np.testing.assert_array_equal(Dataset(folder).picture_distributions(find(dataset, "7.mp4")), found)
    assert written == {path: path.stat().st_mtime_ns for path in (folder / "index" / "items").iterdir()}
    (folder / "index" / "items" / "00.json").write_text("{}")
    np.testing.assert_array_equal(Dataset(folder).picture_distributions(0)[:, 2:].sum(), 0.0)


def test_all_classes_of_the_teachers_can_be_learned(folder: Path) -> None:
    dataset = Dataset(folder)
    assert "c" not in [name.split(" ")[0] for name in dataset.names]
    every = take_all_classes(dataset)
    assert len(every.names) == 5 == len(set(every.names))
    assert [record.class_index for record in every.classes] == [0, 1, 2, 0, 1]
    clip = find(dataset, "7.mp4")
    np.testing.assert_allclose(every.distribution(clip)[:3], [0.5, 0.5, 0.0])
    assert every.picture_distributions(clip).shape == (4, 5)
    only = take_all_classes(dataset.with_teachers(["eye"]))
    assert len(only.names) == 3
    np.testing.assert_allclose(only.picture_distributions(clip)[0], [0.8, 0.2, 0.0], atol=1e-6)
    with pytest.raises(UsageError, match="all_classes: a SoftDataset"):
        take_all_classes(SoftDataset(8, 2))


def test_each_step_has_the_pictures_of_its_own_time_and_a_short_clip_is_repeated(folder: Path) -> None:
    dataset = take_all_classes(Dataset(folder))
    clip = find(Dataset(folder), "7.mp4")
    halves = StepTargets(dataset, 4.0, 2).draw_span(clip, 0.0)
    np.testing.assert_allclose(halves, [[0.7, 0.3, 0.0], [0.25, 0.75, 0.0]], atol=1e-6)
    np.testing.assert_allclose(StepTargets(dataset, 2.0, 2).draw_span(clip, 1.0), [[0.6, 0.4, 0], [0, 1, 0]], atol=1e-6)
    twice = StepTargets(dataset, 8.0, 4).draw_span(clip, 0.0)
    np.testing.assert_allclose(twice, np.tile(halves, (2, 1)), atol=1e-6)
    assert not StepTargets(dataset, 4.0, 2).draw_span(find(Dataset(folder), "none.mp4"), 0.0).any()
    with pytest.raises(DatasetError, match="no soft labels of single pictures"):
        StepTargets(SoftDataset(8, 2), 4.0, 2)


def test_a_short_clip_is_repeated_from_where_it_starts() -> None:
    data = SoftDataset(2, 1, seconds=1.0)
    waveform = np.zeros(40_000, np.float32)
    add_segment(data, 0, 0, waveform, repeat=True)
    np.testing.assert_array_equal(waveform[:16_000], waveform[16_000:32_000])
    np.testing.assert_array_equal(waveform[32_000:], waveform[:8_000])
    assert waveform[:16_000].any()


@pytest.mark.parametrize("name", ["soundnet-5", "hearsight-conv-4"])
def test_outputs_over_time_are_as_many_as_counted(name: str) -> None:
    options = {"heads": [1, 2]} if name == "soundnet-5" else {}
    network = build_network(name, 3, width=0.05, **options).eval()
    length = 10 * network.sample_rate
    with torch.inference_mode():
        found = compute_outputs_over_time(network, torch.zeros(2, length))
    assert found.shape == (2, count_outputs(network, length), 3)
    assert found.shape[1] > 1


def test_a_network_learns_the_pictures_of_each_step(folder: Path, tmp_path: Path) -> None:
    config = make_config(
        model="soundnet-5",
        options={"width": 0.04},
        loss="kl",
        excerpt=8.0,
        all_classes=True,
        max_steps=4,
        batch_size=6,
        segments="anywhere",
        mix=0.5,
    )
    summary = train(folder, tmp_path / "run", config)
    assert summary.steps == 4
    assert summary.validation_loss is None or np.isfinite(summary.validation_loss)
    network, info = load_checkpoint(tmp_path / "run")
    assert network.heads == (3,)
    assert len(info.vocabulary) == 3


def test_excerpts_need_a_loss_of_distributions() -> None:
    with pytest.raises(ConfigError, match="excerpt = 20 is for the losses kl and l2; the loss is cross-entropy"):
        make_config(excerpt=20.0)
