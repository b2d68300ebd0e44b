"""A dataset and a run of the version before load, and score what they scored."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from hearsight.config import TrainConfig
from hearsight.dataset.layout import FORMAT_VERSION
from hearsight.dataset.reader import Dataset
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.run.log import read_runlog
from hearsight.training.step.device import Device
from hearsight.training.step.objectives import make_objective
from hearsight.training.step.student import Student
from hearsight.training.validation import validate
from tests.golden.write_old_datasets import FOLDER


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a copy of the folder of format 1, since an index is written into a dataset that has none."""
    return shutil.copytree(FOLDER / "format-1", tmp_path / "old")


def test_a_dataset_of_the_version_before_has_the_same_sounds_and_labels(old: Path) -> None:
    assert json.loads((old / "dataset" / "dataset.json").read_text())["format_version"] == FORMAT_VERSION - 1
    dataset = Dataset(old / "dataset")
    found = [
        {
            "visual": dataset.labels(clip).visual.tolist(),
            "audio": dataset.labels(clip).audio.tolist(),
            "sound": hashlib.sha256(dataset.read(clip).tobytes()).hexdigest(),
        }
        for clip in range(len(dataset))
    ]
    assert found == json.loads((old / "labels.json").read_text())


def test_a_run_of_the_version_before_scores_the_same_on_its_dataset(old: Path) -> None:
    record = json.loads((old / "run" / "run.json").read_text())
    config, dataset = TrainConfig(**record["config"]), Dataset(old / "dataset")
    assert record["dataset"]["digest"] == dataset.digest
    student = Student.prepare(dataset, config, Device.resolve(config))
    network, _ = load_checkpoint(old / "run")
    scores = validate(network, student.validation_batches, student.device, make_objective(config, network), old)
    before = read_runlog(old / "run")[-1]
    assert scores.num_clips == before["validation_num_clips"] == 3
    assert scores.loss == pytest.approx(before["validation_loss"], rel=1e-4)
    assert scores.accuracy == before["validation_accuracy"]
    assert scores.mean_average_precision == pytest.approx(before["validation_mean_average_precision"], rel=1e-6)
