from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from hearsight.errors import CONTINUE, InputError, RunError
from hearsight.training.loop import train
from hearsight.training.run.describe import describe_folder
from hearsight.training.run.folder import lock_run
from hearsight.training.run.state import read_state
from tests.support.training import FakeDataset, make_config

from ..test_loop import Killed, kill_after


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with monkeypatch.context() as context:
        kill_after(context, 12)
        with pytest.raises(Killed):
            train(FakeDataset(), tmp_path / "run", make_config())
    return tmp_path / "run"


def test_a_run_is_described_in_every_state(interrupted: Path) -> None:
    state = read_state(interrupted)
    assert (state.progress, state.recipe, state.model) == ("interrupted", "jia2019", "jia-vggish-fcn")
    assert (state.epochs, state.planned_epochs, state.num_clips, state.num_classes) == (2, 3, 40, 14)
    assert state.describe()[-1] == CONTINUE
    with lock_run(interrupted):
        assert (
            describe_folder(interrupted)
            .lines[0]
            .startswith("run of recipe jia2019, training: jia-vggish-fcn, 2 of 3 epochs")
        )
    summary = train(FakeDataset(), interrupted, make_config())
    description = describe_folder(interrupted)
    assert description.as_json()["kind"] == "run"
    assert description.facts["run"]["progress"] == "finished"
    assert description.facts["run"]["mean_average_precision"] == summary.mean_average_precision
    assert description.facts["vocabulary"] == list(FakeDataset().names)
    assert f"mAP {summary.mean_average_precision:.3f}" in description.lines[1]


def test_a_run_before_its_first_checkpoint_has_no_scores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: FakeDataset
) -> None:
    kill_after(monkeypatch, 2)
    with pytest.raises(Killed):
        train(data, tmp_path, make_config())
    state = read_state(tmp_path)
    assert (state.epochs, state.loss, state.best_epoch) == (0, None, None)
    assert "0 of 3 epochs" in state.describe()[0]


def test_a_finished_run_without_its_log_or_its_checkpoints_is_described(data: FakeDataset, tmp_path: Path) -> None:
    train(data, tmp_path, make_config(epochs=2))
    whole = read_state(tmp_path)
    (tmp_path / "runlog.jsonl").rename(tmp_path / "log")
    assert read_state(tmp_path) == whole
    shutil.rmtree(tmp_path / "checkpoints")
    with pytest.raises(InputError, match="no such file"):
        read_state(tmp_path)
    (tmp_path / "log").rename(tmp_path / "runlog.jsonl")
    assert read_state(tmp_path) == whole
    (tmp_path / "runlog.jsonl").write_text("")
    with pytest.raises(RunError, match="neither checkpoints nor epochs in its log"):
        read_state(tmp_path)


def test_damaged_records_are_named(interrupted: Path) -> None:
    record = json.loads((interrupted / "run.json").read_text())
    for damaged in (
        {**record, "config": {"seed": "x"}},
        {**record, "dataset": {}},
        {**record, "dataset": {"num_clips": None}},
    ):
        (interrupted / "run.json").write_text(json.dumps(damaged))
        with pytest.raises(RunError, match=r"a configuration of another version|no sizes of the dataset"):
            read_state(interrupted)
    (interrupted / "run.json").write_text(json.dumps(record))
    (interrupted / "checkpoints" / "epoch-0002" / "history.json").write_text('[{"epoch": 7}]')
    with pytest.raises(RunError, match=r"lines of epochs \[.*\], wanted a line for each"):
        read_state(interrupted)


def test_any_other_folder_is_neither_dataset_nor_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither a dataset nor a run"):
        describe_folder(tmp_path)
