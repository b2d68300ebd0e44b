"""Resuming within an epoch, the versions of the order of clips, and runs whose length is a number of steps."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsight.errors import RunError, TrainingError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training import epoch as epoch_module
from hearsight.training import loop
from hearsight.training.data.batches import ORDER, SHUFFLED, Batch
from hearsight.training.interruption import defer_signals
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from hearsight.training.step.student import Student
from tests.support.training import FakeDataset, make_config

DROPOUT: dict[str, Any] = {"model": "wu-mlp", "options": {"width": 0.05}, "log_every": 1, "epochs": 2}
"""Five steps an epoch, with masks that must continue too."""


class Killed(BaseException):
    """Raised where a real kill would strike."""


def assert_same_runs(one: Path, other: Path) -> None:
    logs = [[{k: v for k, v in line.items() if k != "seconds"} for line in read_runlog(run)] for run in (one, other)]
    assert logs[0] == logs[1]
    first, second = (load_checkpoint(run)[0].state_dict() for run in (one, other))
    assert all(torch.equal(first[name], second[name]) for name in first)


def list_checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir() if path.name != ".lock")


def kill_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> list[int]:
    """Let training die before its step number ``steps``; return a list of the steps that it takes."""
    taken: list[int] = []
    real = Student.train_step

    def train_step(self: Student, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        if len(taken) == steps:
            raise Killed
        taken.append(step)
        return real(self, batch, epoch, step)

    monkeypatch.setattr(Student, "train_step", train_step)
    return taken


def interrupt(data: FakeDataset, run: Path, monkeypatch: pytest.MonkeyPatch, steps: int, **values: Any) -> None:
    with monkeypatch.context() as context:
        kill_after(context, steps)
        with pytest.raises(Killed):
            train(data, run, make_config(**values))


@pytest.mark.parametrize("steps", [1, 3, 4, 8])
def test_a_run_killed_within_an_epoch_continues_from_its_last_checkpoint(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    values = {**DROPOUT, "checkpoint_steps": 2}
    train(data, tmp_path / "whole", make_config(**values))
    interrupt(data, tmp_path / "killed", monkeypatch, steps, **values)
    taken = kill_after(monkeypatch, 100)
    train(data, tmp_path / "killed", make_config(**DROPOUT))  # checkpoints may be written at other times
    saved = {1: 0, 3: 2, 4: 4, 8: 8}[steps]
    assert taken == list(range(saved + 1, 11))
    assert_same_runs(tmp_path / "whole", tmp_path / "killed")
    assert list_checkpoints(tmp_path / "killed") == list_checkpoints(tmp_path / "whole") == ["epoch-0002"]


def test_checkpoints_within_an_epoch_are_written_by_time(data: FakeDataset, tmp_path: Path, monkeypatch: Any) -> None:
    interrupt(data, tmp_path / "often", monkeypatch, 3, **DROPOUT, checkpoint_minutes=1e-9)
    assert list_checkpoints(tmp_path / "often") == ["step-00000003"]
    interrupt(data, tmp_path / "never", monkeypatch, 3, **DROPOUT, checkpoint_minutes=0.0)
    assert list_checkpoints(tmp_path / "never") == []


def test_a_damaged_checkpoint_within_an_epoch_is_named(data: FakeDataset, tmp_path: Path, monkeypatch: Any) -> None:
    interrupt(data, tmp_path, monkeypatch, 3, **DROPOUT, checkpoint_steps=1)
    progress = tmp_path / "checkpoints" / "step-00000003" / "progress.json"
    for text in ("[]", '{"epoch": 1, "step": 7}', '{"epoch": "a", "step": 3}'):
        progress.write_text(text)
        with pytest.raises(RunError, match=r"progress\.json"):
            train(data, tmp_path, make_config(**DROPOUT))


def test_a_run_of_the_version_before_continues_in_its_own_order(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        context.setattr(loop, "ORDER", SHUFFLED)
        train(data, tmp_path / "whole", make_config(**DROPOUT))
        interrupt(data, tmp_path / "killed", monkeypatch, 7, **DROPOUT)
    record = tmp_path / "killed" / "run.json"
    values = json.loads(record.read_text())
    assert values.pop("order") == ORDER
    record.write_text(json.dumps(values))
    train(data, tmp_path / "killed", make_config(**DROPOUT))
    assert_same_runs(tmp_path / "whole", tmp_path / "killed")
    train(data, tmp_path / "new", make_config(**DROPOUT))
    losses = [[line["loss"] for line in read_runlog(tmp_path / run)[1:]] for run in ("whole", "new")]
    assert losses[0] != losses[1]


def test_an_order_that_is_not_known_is_refused(data: FakeDataset, tmp_path: Path, monkeypatch: Any) -> None:
    interrupt(data, tmp_path, monkeypatch, 2, **DROPOUT)
    record = tmp_path / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "order": "permutation-9"}))
    with pytest.raises(RunError, match=r"the order of clips 'permutation-9', wanted shuffle-1 or permutation-2"):
        train(data, tmp_path, make_config(**DROPOUT))


def test_a_run_ends_after_its_number_of_steps(data: FakeDataset, tmp_path: Path, monkeypatch: Any) -> None:
    values = {**DROPOUT, "max_steps": 7, "checkpoint_steps": 3, "schedule": "one-cycle"}
    summary = train(data, tmp_path / "whole", make_config(**values))
    assert (summary.steps, summary.epochs) == (7, 2)
    interrupt(data, tmp_path / "killed", monkeypatch, 6, **values)
    train(data, tmp_path / "killed", make_config(**values))
    assert_same_runs(tmp_path / "whole", tmp_path / "killed")
    line = [line for line in read_runlog(tmp_path / "whole") if line["kind"] == "epoch"][-1]
    steps = [line["loss"] for line in read_runlog(tmp_path / "whole") if line["kind"] == "step"]
    assert line["loss"] == pytest.approx(np.mean(steps[5:]))  # of the clips that were trained on


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_takes_effect_after_the_step_was_saved(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    train(data, tmp_path / "whole", make_config(**DROPOUT))
    before = signal.signal(number, stop)
    real = Student.train_step

    def train_step(self: Student, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        if step == 3:
            os.kill(os.getpid(), number)
        return real(self, batch, epoch, step)

    try:
        with monkeypatch.context() as context:
            context.setattr(Student, "train_step", train_step)
            with pytest.raises(KeyboardInterrupt):
                train(data, tmp_path / "stopped", make_config(**DROPOUT))
        assert signal.getsignal(number) is stop
    finally:
        signal.signal(number, before)
    assert list_checkpoints(tmp_path / "stopped") == ["step-00000003"]
    train(data, tmp_path / "stopped", make_config(**DROPOUT))
    assert_same_runs(tmp_path / "whole", tmp_path / "stopped")


def test_an_interruption_of_validation_keeps_the_training_of_the_epoch(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    train(data, tmp_path / "whole", make_config(**DROPOUT))
    with monkeypatch.context() as context:
        context.setattr(epoch_module, "validate", interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(data, tmp_path / "stopped", make_config(**DROPOUT))
    assert list_checkpoints(tmp_path / "stopped") == ["step-00000005"]
    train(data, tmp_path / "stopped", make_config(**DROPOUT))
    assert_same_runs(tmp_path / "whole", tmp_path / "stopped")


def test_a_second_signal_is_not_deferred() -> None:
    found: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: found.append(number))
    try:
        with defer_signals() as deferred:
            signal.raise_signal(signal.SIGTERM)
            assert deferred.is_pending
            assert found == []
            signal.raise_signal(signal.SIGTERM)
            assert found == [signal.SIGTERM]
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not deferred.is_pending


def test_huge_weights_whose_outputs_are_not_finite_are_not_delivered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Student.train_step

    def spoil(self: Student, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        result = real(self, batch, epoch, step)
        if step == self.num_steps:
            self.network.output_layer.weight.data.fill_(3e38)  # finite, and no later loss shows what it does
        return result

    monkeypatch.setattr(Student, "train_step", spoil)
    with pytest.raises(TrainingError, match="epoch 1, step 3: the network's outputs are not finite"):
        train(FakeDataset(20, 0), tmp_path, make_config(epochs=1))
    assert not (tmp_path / "config.json").exists()


def test_gradients_are_clipped_to_their_largest_norm(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: list[tuple[float, float]] = []
    real = torch.nn.utils.clip_grad_norm_

    def clip(parameters: Any, most: float) -> torch.Tensor:
        every = list(parameters)
        before = real(every, most)
        after = torch.stack([one.grad.square().sum() for one in every if one.grad is not None]).sum().sqrt()
        norms.append((float(before), float(after)))
        return before

    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", clip)
    train(data, tmp_path / "clipped", make_config(epochs=1, clip_norm=1e-3))
    assert len(norms) == 5
    assert all(before > 1e-3 and after == pytest.approx(1e-3, rel=1e-2) for before, after in norms)
    train(data, tmp_path / "free", make_config(epochs=1))
    assert len(norms) == 5
