from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from hearsight.errors import TrainingError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.data.batches import Batch
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from hearsight.training.step.accumulation import Accumulator
from hearsight.training.step.watch import LEAST_STEPS, MOST_IN_A_ROW, StepWatch
from tests.support.training import FakeDataset, make_config

CONFIG: dict[str, Any] = {"model": "hearsight-conv-4", "options": {"width": 0.1}, "epochs": 2, "batch_size": 4}
"""Ten steps in each epoch, with batch normalisation."""


def spoil(monkeypatch: pytest.MonkeyPatch, factors: dict[int, float]) -> None:
    """Multiply the losses of some steps, and their gradients."""
    real = Accumulator.compute

    def compute(self: Accumulator, batch: Batch, objective: Any, epoch: int, step: int) -> float:
        return real(self, batch, dataclasses.replace(objective, weight=factors.get(step, 1.0)), epoch, step)

    monkeypatch.setattr(Accumulator, "compute", compute)


def read_log(run: Path) -> list[dict[str, Any]]:
    return [{key: value for key, value in line.items() if key != "seconds"} for line in read_runlog(run)]


def test_a_bad_step_changes_neither_weights_nor_statistics_and_is_named_with_its_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(monkeypatch, {3: math.nan, 17: 1e4})
    config = make_config(**CONFIG, bad_steps="skip", spike=5.0)
    train(FakeDataset(), tmp_path, config)
    lines = read_log(tmp_path)
    found = [line for line in lines if line["kind"] == "left out"]
    assert [(line["epoch"], line["step"], len(line["clips"])) for line in found] == [(1, 3, 4), (2, 17, 4)]
    assert found[0]["loss"] is None
    assert [line["left_out_steps"] for line in lines if line["kind"] == "epoch"] == [1, 1]
    assert all(0.1 < line["loss"] < 1.0 for line in lines if line["kind"] == "epoch")
    printed = capsys.readouterr().err
    assert "epoch 1, step 3 is left out: the loss is nan; the batch has the clips " in printed
    assert "epoch 2, step 17 is left out: the loss is " in printed
    assert all(torch.isfinite(value).all() for value in load_checkpoint(tmp_path)[0].state_dict().values())


def test_a_run_that_left_out_steps_continues_to_the_same_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, {3: math.inf, 14: 50.0})
    config = make_config(**CONFIG, bad_steps="skip", spike=5.0, checkpoint_steps=1)
    train(FakeDataset(), tmp_path / "whole", config)
    for step in (4, 15):  # right after each bad step
        with monkeypatch.context() as context:
            spoil(context, {3: math.inf, 14: 50.0})
            real = Accumulator.compute

            def stop(
                self: Accumulator, batch: Batch, objective: Any, epoch: int, at: int, real=real, step=step
            ) -> float:
                if at == step:
                    raise KeyboardInterrupt
                return real(self, batch, objective, epoch, at)

            context.setattr(Accumulator, "compute", stop)
            with pytest.raises(KeyboardInterrupt):
                train(FakeDataset(), tmp_path / "broken", config)
    train(FakeDataset(), tmp_path / "broken", config)
    assert read_log(tmp_path / "broken") == read_log(tmp_path / "whole")


def test_a_run_that_ended_at_a_bad_step_goes_on_without_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, {13: math.nan})
    with pytest.raises(TrainingError, match=r"epoch 2, step 13: the loss is nan, wanted a number") as caught:
        train(FakeDataset(), tmp_path, make_config(**CONFIG))
    assert "leave out such steps (bad_steps=skip)" in caught.value.hint
    assert "the checkpoint of epoch 1 is kept; the batch has the clips " in caught.value.hint
    train(FakeDataset(), tmp_path, make_config(**CONFIG, bad_steps="skip"))
    assert [line["step"] for line in read_log(tmp_path) if line["kind"] == "left out"] == [13]


def test_ruined_weights_end_the_run_even_where_bad_steps_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, dict.fromkeys(range(4, 40), math.nan))
    with pytest.raises(TrainingError, match=f"step {4 + MOST_IN_A_ROW - 1}: the loss is nan"):
        train(FakeDataset(), tmp_path, make_config(**{**CONFIG, "batch_size": 2}, bad_steps="skip"))


def test_spikes_are_measured_by_the_epoch_so_far_and_at_its_start_by_the_one_before() -> None:
    watch = StepWatch(torch.nn.Linear(1, 1), 3.0, skip=True)
    watch.begin_epoch(None, 0.0, 0, 0)
    assert watch.judge(100.0, 2) is None  # there is nothing to compare the first epoch with
    watch.begin_epoch(1.0, 0.0, 0, 0)
    assert watch.judge(3.5, 2) == "the loss is 3.5, a spike: it was 1 before"
    for _ in range(LEAST_STEPS):
        assert watch.judge(2.0, 2) is None
    assert watch.judge(5.0, 2) is None
    watch.begin_epoch(1.0, 40.0, 20, LEAST_STEPS)  # as a run does that continues here
    assert watch.judge(5.0, 2) is None
    assert watch.judge(8.0, 2) is not None
