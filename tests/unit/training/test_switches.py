"""The switches of training that papers do without: off by default, and exact over an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsight.config import RECIPES, TrainConfig
from hearsight.errors import UsageError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from hearsight.training.step.student import Student
from tests.support.training import FakeDataset, make_config

SWITCHES: dict[str, Any] = {
    "average": 0.9,
    "label_smoothing": 0.1,
    "shift": 0.3,
    "time_mask": 20,
    "mel_mask": 10,
    "sampling": "class-balanced",
    "warmup_steps": 3,
    "drop_at": 0.5,
    "schedule": "cosine",
    "global_batch_size": 16,
}


class Killed(BaseException):
    """Raised where a real kill would strike."""


def test_the_switches_are_off_in_the_recipes_of_papers() -> None:
    off = TrainConfig().model_dump()
    for recipe in ("jia2019", "soundnet2016"):
        assert not set(SWITCHES) & set(RECIPES[recipe]), recipe
    for key in ("average", "label_smoothing", "shift", "time_mask", "mel_mask", "warmup_steps", "drop_at", "clip_norm"):
        assert not off[key], key
    assert off["sampling"] == "uniform"


def test_a_run_with_every_switch_continues_within_an_epoch(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(**SWITCHES, epochs=2, log_every=1, checkpoint_steps=1)
    train(data, tmp_path / "whole", config)
    real = Student.train_step
    taken: list[int] = []

    def train_step(self: Student, batch: Any, epoch: int, step: int) -> tuple[float, float]:
        if len(taken) in (2, 4):
            taken.append(0)
            raise Killed
        taken.append(step)
        return real(self, batch, epoch, step)

    monkeypatch.setattr(Student, "train_step", train_step)
    for _ in range(2):
        with pytest.raises(Killed):
            train(data, tmp_path / "killed", config)
    train(data, tmp_path / "killed", config)
    runs = (tmp_path / "whole", tmp_path / "killed")
    logs = [[{k: v for k, v in line.items() if k != "seconds"} for line in read_runlog(run)] for run in runs]
    assert logs[0] == logs[1]
    one, other = (load_checkpoint(run)[0].state_dict() for run in runs)
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("key", ["label_smoothing", "shift", "time_mask", "sampling", "warmup_steps"])
def test_each_switch_changes_the_training(data: FakeDataset, tmp_path: Path, key: str) -> None:
    values: dict[str, Any] = {"model": "hershey-fc", "options": {"width": 0.01}, "epochs": 1, "log_every": 1}
    train(data, tmp_path / "plain", make_config(**values))
    train(data, tmp_path / "switched", make_config(**values, **{key: SWITCHES[key]}))
    losses = [[line["loss"] for line in read_runlog(tmp_path / run)[1:]] for run in ("plain", "switched")]
    assert not np.allclose(losses[0], losses[1], rtol=1e-6)


def test_the_delivered_network_is_the_average_and_the_weights_stay_resumable(data: FakeDataset, tmp_path: Path) -> None:
    train(data, tmp_path / "plain", make_config(epochs=1, log_every=1))
    train(data, tmp_path / "average", make_config(epochs=1, log_every=1, average=0.5))
    losses = [
        [line["loss"] for line in read_runlog(tmp_path / run) if line["kind"] == "step"] for run in ("plain", "average")
    ]
    assert losses[0] == losses[1]  # the average does not change the training
    plain, average = (load_checkpoint(tmp_path / run)[0].state_dict() for run in ("plain", "average"))
    assert any(not torch.equal(plain[name], average[name]) for name in plain)


def test_networks_without_log_mel_are_not_masked(data: FakeDataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="soundnet-5, which computes no log-mel"):
        train(data, tmp_path, make_config(model="soundnet-5", options={}, time_mask=5))
