"""However a command ends, it ends with one sentence and its exit code, and never with a traceback."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hearsight.cli import main
from hearsight.cli.process import explain_continuation, open_closed_streams
from hearsight.errors import EXIT_CODES, TrainingError

RunDemo = Callable[[Callable[[], Any]], tuple[int, str]]


@pytest.fixture
def run_demo(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> RunDemo:
    """A function that runs the command ``demo`` with other work in it, and returns its exit code and stderr."""
    import hearsight.demo.run

    def run(work: Callable[[], Any]) -> tuple[int, str]:
        monkeypatch.setattr(hearsight.demo.run, "run_demo", lambda *_, **__: work())
        with pytest.raises(SystemExit) as ended:
            main(["demo"])
        streams = capsys.readouterr()
        assert streams.out == ""
        assert isinstance(ended.value.code, int)
        assert ended.value.code in EXIT_CODES
        return ended.value.code, streams.err

    return run


def fail_with(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def signal_itself(number: int) -> Callable[[], None]:
    def send() -> None:
        os.kill(os.getpid(), number)
        time.sleep(30.0)

    return send


@pytest.mark.parametrize(
    ("number", "code", "ended"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_signal_ends_a_command_with_a_sentence_that_names_how_to_go_on(
    number: int, code: int, ended: str, run_demo: RunDemo
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert run_demo(signal_itself(number)) == (
        code,
        f"{ended}; run the same command again to continue where it stopped\n",
    )
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    "command",
    ["build x", "mix x", "train x", "learn x", "demo x", "study x", "tag x --out y", "evaluate x --probe=finetune"],
)
def test_what_goes_on_by_itself_is_run_again(command: str) -> None:
    assert explain_continuation(command.split()) == "run the same command again to continue where it stopped"


def test_a_server_has_nothing_to_go_on_with() -> None:
    assert explain_continuation(["serve", "--model", "run"]) == ""


def test_what_keeps_nothing_starts_anew() -> None:
    assert explain_continuation(["tag", "a.wav"]).endswith("start over")


@pytest.mark.parametrize(
    ("error", "code", "shown"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "demo/x"), 7, "demo/x: No space left on device"),
        (OSError(errno.EROFS, "Read-only file system", "demo/x"), 7, "demo/x: Read-only file system"),
        (OSError(errno.EMFILE, "Too many open files", "demo/x"), 7, "demo/x: Too many open files"),
        (PermissionError(errno.EACCES, "Permission denied", b"demo/x"), 7, "demo/x: Permission denied"),
        (OSError(errno.ENOSPC, "Error writing bytes"), 7, "hearsight demo: No space left on device"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "x"), 3, "x: No such file or directory"),
        (MemoryError(), 7, "memory: there is not enough of it"),
        (TrainingError("epoch 3", "the loss is nan"), 6, "epoch 3: the loss is nan"),
    ],
)
def test_an_error_is_one_sentence_and_its_code(error: BaseException, code: int, shown: str, run_demo: RunDemo) -> None:
    ended, stderr = run_demo(fail_with(error))
    assert ended == code
    assert stderr.splitlines()[0] == f"error: {shown}"
    assert len(stderr.splitlines()) <= 2


def test_a_reader_that_goes_away_is_no_error(run_demo: RunDemo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.close", lambda: None)
    assert run_demo(fail_with(BrokenPipeError())) == (0, "")


def test_an_unknown_option_is_named_with_the_help_that_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["demo", "--seeed", "\x1b[2J[/nope]"])
    assert ended.value.code == 2
    lines = capsys.readouterr().err.splitlines()
    assert "--seeed" in lines[0]
    assert lines[1:] == ["hint: see hearsight demo --help"]
    assert "\x1b" not in lines[0]


def test_streams_that_are_closed_are_the_null_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stderr"):
        monkeypatch.setattr(sys, name, None)
    open_closed_streams()
    with sys.stdin as read, sys.stderr as written:
        assert (read.read(), written.write("lost")) == ("", 4)


def test_no_file_gets_the_number_of_a_stream_that_is_closed(tmp_path: Path) -> None:
    """What a library prints would be written into it."""
    code = (
        "from hearsight.cli.process import open_closed_streams; open_closed_streams(); "
        f"file = open({str(tmp_path / 'x')!r}, 'w'); file.write(str(file.fileno())); file.close()"
    )
    subprocess.run(["/bin/sh", "-c", 'exec "$0" -c "$1" <&- >&- 2>&-', sys.executable, code], check=True)
    assert int((tmp_path / "x").read_text()) > 2
