"""Large steps in parts: the losses of one large batch, with little memory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from hearsight.config import TrainConfig
from hearsight.errors import ConfigError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from hearsight.training.run.state import read_state
from tests.support.training import FakeDataset, make_config


def read_losses(run: Path) -> list[float]:
    return [line["loss"] for line in read_runlog(run)[1:]]


def test_a_step_in_parts_is_that_of_one_large_batch_without_batch_normalisation(
    data: FakeDataset, tmp_path: Path
) -> None:
    values: dict[str, Any] = {"model": "hershey-fc", "options": {"width": 0.01}, "epochs": 1, "log_every": 1}
    train(data, tmp_path / "large", make_config(**values, batch_size=20))
    train(data, tmp_path / "parts", make_config(**values, batch_size=6, global_batch_size=20))
    assert read_losses(tmp_path / "parts") == pytest.approx(read_losses(tmp_path / "large"), rel=1e-4)
    large, parts = (load_checkpoint(tmp_path / name)[0].state_dict() for name in ("large", "parts"))
    for name, value in large.items():
        torch.testing.assert_close(parts[name], value, rtol=0.02, atol=2e-3)


def test_batch_normalisation_has_the_statistics_of_each_part(data: FakeDataset, tmp_path: Path) -> None:
    train(data, tmp_path / "large", make_config(epochs=1, batch_size=20))
    train(data, tmp_path / "parts", make_config(epochs=1, batch_size=5, global_batch_size=20))
    assert read_losses(tmp_path / "parts") != pytest.approx(read_losses(tmp_path / "large"), rel=1e-4)
    assert read_losses(tmp_path / "parts") == pytest.approx(read_losses(tmp_path / "large"), rel=0.2)


def test_the_length_of_a_run_is_counted_in_large_steps(data: FakeDataset, tmp_path: Path) -> None:
    summary = train(data, tmp_path, make_config(epochs=2, batch_size=4, global_batch_size=16))
    assert summary.steps == 2 * 3
    assert summary.clips_per_second > 0
    assert read_state(tmp_path).planned_epochs == 2
    assert load_checkpoint(tmp_path)[1].training["batch_size"] == 16


def test_a_global_batch_smaller_than_a_batch_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="global_batch_size = 8 is less than batch_size = 64"):
        TrainConfig(global_batch_size=8)
