from __future__ import annotations

import dataclasses
import errno
import json
import math
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsight.config import TrainConfig
from hearsight.console import ProgressEvent
from hearsight.errors import (
    CheckpointError,
    DatasetError,
    MachineError,
    RunError,
    TrainingError,
    UsageError,
)
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training import epoch as epoch_module
from hearsight.training.data.batches import Batch
from hearsight.training.loop import train
from hearsight.training.run import folder as run_module
from hearsight.training.run.log import read_runlog
from hearsight.training.step import student
from hearsight.training.step.device import Device
from hearsight.training.step.student import Student
from tests.support.training import FakeDataset, make_config

SAMPLES = 16_000


def read_losses(run: Path) -> list[dict[str, Any]]:
    """The log without the clock."""
    return [{key: value for key, value in line.items() if key != "seconds"} for line in read_runlog(run)]


def read_weights(run: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run)[0].state_dict()


def assert_same_runs(one: Path, other: Path) -> None:
    assert read_losses(one) == read_losses(other)
    first, second = read_weights(one), read_weights(other)
    assert all(torch.equal(first[name], second[name]) for name in first)


class Killed(BaseException):
    """What a test raises in the place of a kill -9; nothing in the package catches it."""


def kill_after(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    """Let training die at its ``steps``-th step from now."""
    done = 0
    whole = student.Student.train_step

    def train_step(self: student.Student, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        nonlocal done
        done += 1
        if done > steps:
            raise Killed
        return whole(self, batch, epoch, step)

    monkeypatch.setattr(student.Student, "train_step", train_step)


def test_training_learns_what_can_be_heard(tmp_path: Path) -> None:
    data = FakeDataset(96, 24)
    config = make_config(recipe="quick", options={"width": 0.04}, epochs=12, batch_size=16, precision="float32")
    summary = train(data, tmp_path / "run", config)
    history = [line for line in read_runlog(tmp_path / "run") if line["kind"] == "epoch"]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    assert summary.mean_average_precision is not None
    assert summary.mean_average_precision > history[0]["validation_mean_average_precision"] + 0.1
    assert (summary.epochs, summary.steps, summary.num_clips, summary.num_classes) == (12, 72, 96, 14)

    network, info = load_checkpoint(tmp_path / "run")
    assert info.vocabulary == data.names
    assert info.training["epochs"] == 12
    assert info.scores["validation_mean_average_precision"] == summary.mean_average_precision
    clips = [int(clip) for clip in data.indices("validation")]
    heard = torch.from_numpy(np.stack([data.read(clip, 0, SAMPLES) for clip in clips]) / np.float32(32768))
    with torch.no_grad():
        loudest = network(heard).clip_probabilities[:, 10:].argmax(1).numpy()
    assert (loudest == data.tones[clips]).mean() > 0.7


def test_the_run_folder_holds_what_the_docs_say(data: FakeDataset, tmp_path: Path) -> None:
    train(data, tmp_path, make_config(keep=2))
    assert {path.name for path in tmp_path.iterdir()} == {
        "README.md", "checkpoints", "config.json", "runlog.jsonl", "model.safetensors", "run.json",
    }  # fmt: skip
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["config"]["seed"] == 0
    assert record["dataset"]["digest"] == data.digest
    assert record["machine"]["threads"] == 1
    kinds = [line["kind"] for line in read_runlog(tmp_path)]
    assert kinds == ["start", *["step"] * 2, "epoch", *["step"] * 3, "epoch", *["step"] * 2, "epoch"]


def test_the_same_seed_gives_the_same_run_and_another_does_not(data: FakeDataset, tmp_path: Path) -> None:
    for name, seed in (("one", 0), ("two", 0), ("other", 1)):
        train(data, tmp_path / name, make_config(epochs=2, seed=seed))
    assert_same_runs(tmp_path / "one", tmp_path / "two")
    assert read_losses(tmp_path / "one") != read_losses(tmp_path / "other")


@pytest.mark.parametrize(
    "values",
    [
        {},
        {
            "recipe": "quick",
            "precision": "bfloat16",
            "optimizer": "adamw",
            "schedule": "one-cycle",
            "mix": 0.3,
            "gain": 6.0,
        },
        {"fast": False, "keep": 2, "deliver": "best"},
    ],
    ids=["paper", "quick", "plain"],
)
@pytest.mark.parametrize("steps", [3, 5, 9])
def test_an_interrupted_run_goes_on_to_the_same_losses(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any], steps: int
) -> None:
    config = make_config(**values)
    train(data, tmp_path / "whole", config)
    with monkeypatch.context() as context:
        kill_after(context, steps)
        with pytest.raises(Killed):
            train(data, tmp_path / "killed", config)
    summary = train(data, tmp_path / "killed", config)
    assert_same_runs(tmp_path / "whole", tmp_path / "killed")
    assert summary.epochs == config.epochs


def test_an_interrupted_mobilenet_goes_on_to_the_same_losses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = FakeDataset(8, 2)
    config = make_config(model="jia-mobilenet-v2", options={"width": 0.05}, epochs=2, batch_size=4)
    train(data, tmp_path / "whole", config)
    with monkeypatch.context() as context:
        kill_after(context, 3)
        with pytest.raises(Killed):
            train(data, tmp_path / "killed", config)
    train(data, tmp_path / "killed", config)
    assert_same_runs(tmp_path / "whole", tmp_path / "killed")


def test_a_run_killed_between_any_two_writes_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die at each rename in turn: a file or folder is either not there yet or whole."""
    data, config = FakeDataset(8, 2), make_config(epochs=2, options={"width": 0.02})
    train(data, tmp_path / "whole", config)
    rename, replace = Path.rename, Path.replace
    for fatal in range(1, 100):
        count = 0

        def die(whole: Any) -> Any:
            def move(self: Path, target: Any) -> Any:
                nonlocal count
                count += 1
                if count == fatal:  # noqa: B023
                    raise Killed
                return whole(self, target)

            return move

        run = tmp_path / f"killed-{fatal}"
        with monkeypatch.context() as context:
            context.setattr(Path, "rename", die(rename))
            context.setattr(Path, "replace", die(replace))
            try:
                train(data, run, config)
                break
            except Killed:
                pass
        train(data, run, config)
        assert_same_runs(tmp_path / "whole", run)
        leftovers = [path.name for path in run.rglob(".*")]
        assert not leftovers
        shutil.rmtree(run)
    assert fatal > 10


def test_the_last_and_the_best_checkpoint_are_kept(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = iter([0.2, 0.6, 0.4, 0.6, 0.1])
    real = epoch_module.validate

    def fake(*arguments: Any) -> Any:
        return type(real(*arguments))(0.5, 0.5, next(scores), 10)

    monkeypatch.setattr(epoch_module, "validate", fake)
    summary = train(data, tmp_path / "run", make_config(epochs=5, keep=2, deliver="best"))
    folders = {
        path.name: {file.name for file in path.iterdir()} for path in (tmp_path / "run" / "checkpoints").iterdir()
    }
    checkpoint = {"config.json", "model.safetensors", "README.md", "history.json"}
    assert folders == {"epoch-0002": checkpoint, "epoch-0005": checkpoint}
    assert summary.best_epoch == 2
    assert load_checkpoint(tmp_path / "run")[1].training["epochs"] == 2
    delivered = read_weights(tmp_path / "run")
    best = read_weights(tmp_path / "run" / "checkpoints" / "epoch-0002")
    assert all(torch.equal(delivered[name], best[name]) for name in best)


def test_unfinished_checkpoints_can_be_listened_with(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill_after(monkeypatch, 7)
    with pytest.raises(Killed):
        train(data, tmp_path / "run", make_config())
    with pytest.raises(CheckpointError, match=r"an unfinished run.*\n.*epoch-0001"):
        load_checkpoint(tmp_path / "run")
    assert load_checkpoint(tmp_path / "run" / "checkpoints" / "epoch-0001")[1].training["epochs"] == 1


def test_the_same_call_goes_on_and_another_configuration_is_refused(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run, config = tmp_path / "run", make_config()
    with monkeypatch.context() as context:
        kill_after(context, 7)
        with pytest.raises(Killed):
            train(data, run, config)
    with pytest.raises(RunError, match=r"an unfinished run, wanted a new folder"):
        train(data, run, config, resume=False)
    with pytest.raises(RunError, match=r"learning_rate is 0\.001 there and 0\.5 now; seed is 0 there and 3 now\nhint"):
        train(data, run, make_config(learning_rate=0.5, seed=3))
    with pytest.raises(RunError, match="the dataset is 'fake-40-10-0' there and 'fake-20-10-0' now"):
        train(FakeDataset(20), run, config)
    finished = train(data, run, config.model_copy(update={"keep": 3}))
    with pytest.raises(RunError, match="a finished run"):
        train(data, run, config, resume=False)
    before = (run / "runlog.jsonl").read_bytes()
    capsys.readouterr()
    assert train(data, run, config) == finished
    assert "this run is finished" in capsys.readouterr().err
    assert (run / "runlog.jsonl").read_bytes() == before


def test_a_run_of_an_older_version_goes_on_though_keys_were_added_since(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(data, tmp_path / "whole", make_config())
    with monkeypatch.context() as context:
        kill_after(context, 7)
        with pytest.raises(Killed):
            train(data, tmp_path / "old", make_config())
    record = json.loads((tmp_path / "old" / "run.json").read_text())
    del record["config"]["targets"], record["config"]["loss_weight"]
    (tmp_path / "old" / "run.json").write_text(json.dumps(record))
    (tmp_path / "old" / "checkpoints" / "epoch-0001" / "history.json").unlink()
    train(data, tmp_path / "old", make_config())
    assert_same_runs(tmp_path / "whole", tmp_path / "old")


DAMAGES: dict[str, Callable[[Path], object]] = {
    "emptied": lambda log: log.write_text(""),
    "deleted": lambda log: log.unlink(),
    "cut": lambda log: log.write_bytes(log.read_bytes()[:300]),
    "without its epochs": lambda log: log.write_text(log.read_text().replace('"kind": "epoch"', '"kind": "step"')),
    "one byte damaged": lambda log: log.write_bytes(log.read_bytes().replace(b"start", b"st\xffrt")),
    "of another run": lambda log: log.write_text(log.read_text().replace('"loss": 0.', '"loss": 1.')),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_lost_or_damaged_log_does_not_keep_a_run_from_its_end(
    damage: str, data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = train(data, tmp_path / "whole", make_config())
    with monkeypatch.context() as context:
        kill_after(context, 12)
        with pytest.raises(Killed):
            train(data, tmp_path / "run", make_config())
    DAMAGES[damage](tmp_path / "run" / "runlog.jsonl")
    capsys.readouterr()
    summary = train(data, tmp_path / "run", make_config())
    assert "rewritten from the checkpoint" in capsys.readouterr().err
    assert (summary.epochs, summary.steps, summary.loss) == (whole.epochs, whole.steps, whole.loss)
    epochs = [
        [line for line in read_losses(tmp_path / name) if line["kind"] != "step" or line["epoch"] == 3]
        for name in ("whole", "run")
    ]
    assert epochs[0] == epochs[1]
    DAMAGES[damage](tmp_path / "run" / "runlog.jsonl")
    assert train(data, tmp_path / "run", make_config()) == summary


def test_a_log_that_an_older_version_left_incomplete_is_named(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as context:
        kill_after(context, 12)
        with pytest.raises(Killed):
            train(data, tmp_path, make_config())
    (tmp_path / "checkpoints" / "epoch-0002" / "history.json").unlink()
    (tmp_path / "runlog.jsonl").write_text("")
    with pytest.raises(RunError, match=r"runlog\.jsonl: lines of epochs \[.*\], wanted a line for each of 2 epochs"):
        train(data, tmp_path, make_config())


def test_a_new_run_begins_where_there_is_none(data: FakeDataset, tmp_path: Path) -> None:
    assert train(data, tmp_path / "new", make_config(epochs=1), resume=False).epochs == 1


def test_a_disk_that_is_full_ends_in_one_sentence_and_keeps_the_last_checkpoint(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(data, tmp_path / "whole", make_config())
    real = run_module.write_tensors
    saved: list[Path] = []

    def fill(path: Path, tensors: dict[str, torch.Tensor]) -> None:
        saved.append(path)
        if len(saved) == 2:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        real(path, tensors)

    with monkeypatch.context() as context:
        context.setattr(run_module, "write_tensors", fill)
        with pytest.raises(
            MachineError, match=r"No space left on device\nhint: .*; the checkpoint of epoch 1 is kept"
        ) as raised:
            train(data, tmp_path / "run", make_config())
    assert raised.value.exit_code == 7
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["epoch-0001"]
    train(data, tmp_path / "run", make_config())
    assert_same_runs(tmp_path / "whole", tmp_path / "run")


def test_progress_is_reported_to_a_callback(data: FakeDataset, tmp_path: Path) -> None:
    events: list[ProgressEvent] = []
    train(data, tmp_path, make_config(epochs=2), progress=events.append)
    assert {event.stage for event in events} == {"train"}
    assert [event.done for event in events] == sorted(event.done for event in events)
    assert (events[-1].done, events[-1].total, events[-1].unit, events[-1].is_last) == (80, 80, "clips", True)
    assert any("epoch 2/2, loss" in event.note for event in events)


def test_a_recipe_that_cannot_work_names_one_that_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, options = FakeDataset(27, 3), {"width": 0.02}
    train(data, tmp_path / "paper", TrainConfig(model="jia-vggish-fcn", options=options, device="cpu", threads=1))
    assert "warning: 30 steps over 27 clips at learning rates up to 0.0001 are too few to learn from" in (
        warned := capsys.readouterr().err
    )
    assert "use recipe=quick" in warned
    student_of = partial(Student.prepare, data, device=Device("cpu", 1, "float32", fast=True))
    student_of(config=TrainConfig(recipe="quick", model="jia-vggish-fcn", options=options)).warn_if_too_short()
    assert capsys.readouterr().err == ""
    student_of(
        config=TrainConfig(recipe="quick", model="jia-vggish-fcn", options=options, epochs=1)
    ).warn_if_too_short()
    assert "set more epochs" in capsys.readouterr().err


def test_two_processes_do_not_train_into_one_folder(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_again(*_: Any) -> None:
        with pytest.raises(RunError, match="another process is training here"):
            train(data, tmp_path, make_config())
        raise Killed

    monkeypatch.setattr(student.Student, "train_step", train_again)
    with pytest.raises(Killed):
        train(data, tmp_path, make_config())


def test_a_folder_that_cannot_be_a_run_is_refused(data: FakeDataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match=r"file/checkpoints: cannot be written \(.*file is not a folder\)"):
        train(data, tmp_path / "file", make_config())
    (tmp_path / "checkpoint").mkdir()
    (tmp_path / "checkpoint" / "config.json").write_text("{}")
    with pytest.raises(RunError, match="not a run of ours"):
        train(data, tmp_path / "checkpoint", make_config())
    (tmp_path / "broken").mkdir()
    for record, message in [
        ('{"format_version": 1}', "no config, wanted the record of a run"),
        ('{"format_version": 7, "config": {}, "dataset": {"digest": ""}}', "format version 7"),
        ("[]", "format version None"),
        ("{", "not JSON"),
        (
            '{"format_version": 1, "config": {"seed": []}, "dataset": {}, "machine": {}}',
            "a configuration of another version",
        ),
    ]:
        (tmp_path / "broken" / "run.json").write_text(record)
        with pytest.raises(RunError, match=message):
            train(data, tmp_path / "broken", make_config())


def test_a_damaged_checkpoint_is_named(data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as context:
        kill_after(context, 7)
        with pytest.raises(Killed):
            train(data, tmp_path, make_config())
    optimizer = tmp_path / "checkpoints" / "epoch-0001" / "optimizer.safetensors"
    optimizer.write_bytes(optimizer.read_bytes()[:-10])
    with pytest.raises(CheckpointError, match=r"optimizer\.safetensors"):
        train(data, tmp_path, make_config())


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_checkpoint(data: FakeDataset, tmp_path: Path) -> None:
    config = make_config(epochs=3, schedule="exponential", decay=1.0)
    config = config.model_copy(update={"learning_rate": 1e30})  # more than a configuration accepts
    with pytest.raises(
        TrainingError, match=r"epoch 1, step \d: the loss is (nan|inf), wanted a number\nhint: lower the learning"
    ):
        train(data, tmp_path / "first", config)
    assert not (tmp_path / "first" / "config.json").exists()


def make_student(data: FakeDataset, **values: Any) -> Student:
    return Student.prepare(data, make_config(**values), Device("cpu", 1, "float32", fast=True))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_step_whose_loss_is_no_number_changes_no_weight(
    data: FakeDataset, monkeypatch: pytest.MonkeyPatch, bad: float
) -> None:
    pupil = make_student(data)
    batch = next(pupil.train_batches.batches(1))
    pupil.objective = dataclasses.replace(pupil.objective, weight=bad)
    before = {name: value.clone() for name, value in pupil.network.named_parameters()}
    with pytest.raises(TrainingError, match="epoch 2, step 9: the loss is"):
        pupil.train_step(batch, 2, 9)
    assert all(torch.equal(before[name], value) for name, value in pupil.network.named_parameters())
    assert not pupil.optimizer.state


def test_weights_that_are_no_numbers_end_an_epoch_without_validation_clips(tmp_path: Path) -> None:
    pupil = make_student(FakeDataset(8, 0))
    pupil.check(1, 1, None)
    with torch.no_grad():
        next(pupil.network.parameters()).view(-1)[0] = math.nan
    with pytest.raises(TrainingError, match="no epoch was finished"):
        pupil.check(1, 1, None)


@pytest.mark.parametrize("num_validation", [10, 0])
def test_an_epoch_whose_last_step_ruined_the_weights_is_not_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, num_validation: int
) -> None:
    """Each epoch has five steps; the tenth is the last of the second, and no later loss shows what it did."""
    real = student.schedule_rate
    monkeypatch.setattr(
        student, "schedule_rate", lambda config, step, per: 1e39 if step == 9 else real(config, step, per)
    )
    with pytest.raises(
        TrainingError,
        match=r"epoch 2, step 10: (the loss is nan|weights of .* are not finite).*\n.*the checkpoint of epoch 1 is kept",
    ):
        train(FakeDataset(40, num_validation), tmp_path, make_config(epochs=2))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["epoch-0001"]


def test_divergence_in_a_later_epoch_keeps_the_epoch_before(
    data: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = student.schedule_rate

    def explode(config: Any, step: int, steps_per_epoch: int) -> float:
        return 1e30 if step >= 6 else real(config, step, steps_per_epoch)

    monkeypatch.setattr(student, "schedule_rate", explode)
    with pytest.raises(TrainingError, match="the checkpoint of epoch 1 is kept"):
        train(data, tmp_path, make_config())
    assert load_checkpoint(tmp_path / "checkpoints" / "epoch-0001")[1].training["epochs"] == 1


def test_weights_that_are_no_numbers_stop_a_run_without_validation_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Student.train_step

    def spoil(self: Student, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        result = real(self, batch, epoch, step)
        if step == self.train_batches.num_batches:  # after the loss of the epoch's last step was seen to be finite
            next(self.network.parameters()).data.view(-1)[0] = torch.nan
        return result

    monkeypatch.setattr(Student, "train_step", spoil)
    with pytest.raises(TrainingError, match=r"epoch 1, step \d+: weights of trunk.* are not finite"):
        train(FakeDataset(20, 0), tmp_path, make_config(epochs=1))
    assert not (tmp_path / "config.json").exists()


def test_training_without_validation_clips_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = train(FakeDataset(20, 0), tmp_path / "run", make_config(epochs=2))
    assert "there are no validation clips" in capsys.readouterr().err
    assert summary.accuracy is None
    assert summary.mean_average_precision is None
    assert summary.best_epoch == 2
    assert not any("validation" in line for line in summary.describe())
    assert [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()] == ["epoch-0002"]


@pytest.mark.parametrize("num_train", [2, 3, 9, 17])
def test_few_clips_and_odd_numbers_of_them_are_enough(tmp_path: Path, num_train: int) -> None:
    summary = train(FakeDataset(num_train, 1), tmp_path / "run", make_config(epochs=1, batch_size=8))
    assert summary.num_clips == num_train


@pytest.mark.parametrize("num_train", [0, 1])
def test_less_than_two_clips_are_not(tmp_path: Path, num_train: int) -> None:
    with pytest.raises(DatasetError, match="at least 2"):
        train(FakeDataset(num_train, 4), tmp_path / "run", make_config())
    assert not (tmp_path / "run" / "run.json").exists()


def test_a_dataset_without_labels_is_refused_and_one_of_a_single_class_is_learned(tmp_path: Path) -> None:
    data, config = FakeDataset(12, 4), make_config(model="wu-mlp", options={"width": 0.05}, epochs=1)
    for index in range(16):
        data.set_labels(index, [], [])
    with pytest.raises(DatasetError, match="at least 2"):
        train(data, tmp_path / "none", config)
    data.names = ("hum",)
    for index in range(16):
        data.set_labels(index, [], [0])
    summary = train(data, tmp_path / "one", config)
    assert (summary.num_classes, summary.accuracy, summary.mean_average_precision) == (1, 1.0, 1.0)


def test_clips_shorter_than_a_second_and_clips_without_labels_are_borne(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = FakeDataset(20, 4)
    data.set_sound(0, np.zeros(300, dtype=np.int16))
    data.set_sound(21, np.zeros(300, dtype=np.int16))
    data.set_labels(1, [], [])
    data.set_labels(22, [], [])
    summary = train(data, tmp_path / "run", make_config(epochs=1))
    assert summary.num_clips == 19
    assert "2 clips have no label and are left out" in capsys.readouterr().err


def test_a_dataset_of_another_sample_rate_is_resampled(data: FakeDataset, tmp_path: Path) -> None:
    same = train(data, tmp_path / "same", make_config(epochs=1))
    data.sample_rate = 22_050
    other = train(data, tmp_path / "other", make_config(epochs=1))
    assert same.loss != other.loss
    assert other.num_clips == same.num_clips


def test_an_unknown_network_leaves_no_run_behind(data: FakeDataset, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean 'jia-vggish-fcn'"):
        train(data, tmp_path / "run", make_config(model="jia-vgish-fcn"))
    assert not (tmp_path / "run" / "run.json").exists()
    assert not (tmp_path / "run").exists()
    (tmp_path / "own").mkdir()
    with pytest.raises(UsageError):
        train(data, tmp_path / "own", TrainConfig(model="nothing"))
    assert list((tmp_path / "own").iterdir()) == []  # a folder that was there stays


def test_waiting_for_data_is_measured(data: FakeDataset, tmp_path: Path) -> None:
    summary = train(data, tmp_path, make_config(epochs=1, log_every=1))
    steps = [line for line in read_runlog(tmp_path) if line["kind"] == "step"]
    assert len(steps) == 5
    assert all(0 <= step["seconds"]["data"] < step["seconds"]["step"] for step in steps)
    assert 0 < summary.data_share < 1
    assert summary.clips_per_second > 0
