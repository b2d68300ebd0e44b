from __future__ import annotations

import builtins
import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsight.errors import InputError, MissingExtraError
from hearsight.training.run.log import RunLog, read_runlog
from tests.support.disk import identify, record_syncs


def write_epochs(folder: Path, epochs: int) -> list[dict[str, Any]]:
    with RunLog(folder, {"model": "m"}) as log:
        for epoch in range(1, epochs + 1):
            log.write("step", epoch, {"loss": 1 / epoch, "seconds": {"step": 0.123456789}}, step=epoch)
            log.write("epoch", epoch, {"loss": 1 / epoch}, step=epoch)
        return log.history


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_epochs(tmp_path, 2)
    lines = read_runlog(tmp_path)
    assert [line["kind"] for line in lines] == ["start", "step", "epoch", "step", "epoch"]
    assert lines[1] == {"kind": "step", "epoch": 1, "step": 1, "loss": 1.0, "seconds": {"step": 0.123457}}
    assert lines[3]["loss"] == 0.5


def test_going_on_after_an_epoch_forgets_what_came_later(tmp_path: Path) -> None:
    history = write_epochs(tmp_path, 3)
    with (tmp_path / "runlog.jsonl").open("a") as file:
        file.write('{"kind": "step", "epoch": 4, "lo')
    with RunLog(tmp_path, {"model": "m"}, history[:2]) as log:
        assert [line["epoch"] for line in log.history] == [1, 2]
        log.write("epoch", 3, {"loss": 9.0}, step=3)
        assert len(log.history) == 3
    assert [line["epoch"] for line in read_runlog(tmp_path)] == [0, 1, 1, 2, 2, 3]


def test_losses_that_are_not_finite_are_null_and_those_of_older_logs_are_read_as_null(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunLog(tmp_path, {"model": "m"}) as log:
        line = log.write("epoch", 1, {"loss": 1.0, "validation_loss": math.nan}, step=1)
    assert line["validation_loss"] is None
    text = (tmp_path / "runlog.jsonl").read_text()
    assert '"validation_loss": null' in text
    (tmp_path / "runlog.jsonl").write_text(text.replace("null", "NaN"))
    assert read_runlog(tmp_path)[1] == line
    with RunLog(tmp_path, {"model": "m"}, [line]):
        assert capsys.readouterr().err == ""  # the old log is no damaged one


def test_a_line_cut_short_is_left_out_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    write_epochs(tmp_path, 1)
    with (tmp_path / "runlog.jsonl").open("a") as file:
        file.write('{"kind": "epo')
    assert len(read_runlog(tmp_path)) == 3
    for damaged in (
        b'{"kind": "epo\n',
        b"\xff\n",
        b"[]\n",
        b'{"kind": "epoch"}\n',
        b'{"kind": "epoch", "epoch": "x"}\n',
    ):
        (tmp_path / "runlog.jsonl").write_bytes(b'{"kind": "start", "epoch": 0}\n' + damaged)
        with pytest.raises(InputError, match="line 2"):
            read_runlog(tmp_path)


@pytest.mark.parametrize("line", ["[" * 100_000, "9" * 10_000, "\xff"])
def test_a_line_that_no_parser_takes_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "runlog.jsonl").write_bytes(line.encode("latin-1") + b"\n")
    with pytest.raises(InputError, match="line 1"):
        read_runlog(tmp_path)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_log_that_is_no_file_is_refused_without_waiting(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "runlog.jsonl")
    with pytest.raises(InputError, match="not a regular file"):
        read_runlog(tmp_path)


def test_a_folder_without_a_log_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_runlog(tmp_path)


def test_tensorboard_without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("tensorboard"):
            raise ModuleNotFoundError("No module named 'tensorboard'", name="tensorboard")
        return real_import(name, *rest)

    for name in [name for name in sys.modules if name.split(".")[0] == "tensorboard" or "utils.tensorboard" in name]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"the package 'tensorboard' cannot be imported.*\n.*\[tensorboard\]"):
        RunLog(tmp_path, {}, tensorboard=True)
    assert not (tmp_path / "runlog.jsonl").exists()


def test_tensorboard_is_shown_what_is_logged(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    with RunLog(tmp_path, {}, tensorboard=True) as log:
        log.write("epoch", 1, {"loss": 0.5, "validation_accuracy": None}, step=10)
        log.show({"epoch/clips_per_second": 3.0}, np.zeros((8, 8), np.uint8), 10)
    (events,) = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
    assert all(tag in content for tag in (b"epoch/loss", b"epoch/clips_per_second", b"conv1", b"PNG"))


def test_a_settled_log_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = record_syncs(monkeypatch)
    with RunLog(tmp_path, {"model": "m"}) as log:
        log.write("epoch", 1, {"loss": 1.0})
        log.settle()
        assert synced[-1] == identify(tmp_path / "runlog.jsonl")
