"""What is printed: text from outside as it is, without markup and without control characters; progress at a bearable rate."""

from __future__ import annotations

import io
import json

import pytest

from hearsight import console
from hearsight.errors import BrokenMediaError, CheckpointError, MachineError

HOSTILE = [
    "\x1b]0;pwned\x07\x1b[2J",
    "[/nope]",
    "\\[/nope]",
    "\\[link=https://example.org]x",
    "[red]",
    ":smile:",
    "a\nerror: forged",
    "caf\udce9",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_table_shows_every_name_as_it_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    console.print_table(f"of {name}", ("name", name), [(name, 1), ("Dog", name)])
    shown = console.escape_controls(name)
    out = capsys.readouterr().out
    assert out.count(shown) == 4
    assert "\x1b" not in out


@pytest.mark.parametrize("name", HOSTILE)
def test_messages_errors_and_lines_show_every_name_as_it_is_on_one_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_message(f"{name}: read")
    console.print_error(CheckpointError(name, "no checkpoint", hint=f"look at {name}"))
    console.print_lines([f"classes: {name}"])
    shown = console.escape_controls(name)
    streams = capsys.readouterr()
    assert streams.err == f"{shown}: read\nerror: {shown}: no checkpoint\nhint: look at {shown}\n"
    assert streams.out == f"classes: {shown}\n"


@pytest.mark.parametrize("name", HOSTILE)
def test_json_is_read_back_as_it_was_and_holds_no_control_character(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    console.print_json([{"class": name}])
    out = capsys.readouterr().out
    assert json.loads(out) == [{"class": name}]
    assert "\x1b" not in out
    out.encode()


def test_an_error_in_a_message_has_no_control_characters_either() -> None:
    error = BrokenMediaError("a\x1b[2J.mp4", "ends\nhere", hint="x\x07")
    assert str(error) == "a\\x1b[2J.mp4: ends\\nhere\nhint: x\\x07"


def test_a_full_stdout_is_one_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    for write in (lambda: console.print_lines(["x"]), lambda: console.print_table("", ("x",), [("y",)])):
        monkeypatch.setattr("sys.stdout", Full())
        with pytest.raises(MachineError, match="standard output: cannot be written"):
            write()


def test_progress_without_a_terminal_is_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 0.0
    monkeypatch.setattr(console.time, "monotonic", lambda: now)
    with console.track("build", 400, "files") as bar:
        for _ in range(400):
            now += 1.0
            bar.advance()
        bar.note("at the end")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "build: 10 of 400 files, 1.0 files/s, 7 min left" or lines[0].startswith(
        "build: 10 of 400 files"
    )
    assert 6 + 11 <= len(lines) - 1 <= 6 + 12
    assert lines[-1] == "build: 400 files in 400.0 s"


def test_short_work_without_a_terminal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with console.track("read", None, "files") as bar:
        bar.advance(3)
    assert [line.partition(" in ")[0] for line in capsys.readouterr().err.splitlines()] == ["read: 3 files"]


def test_a_callback_gets_every_step_and_the_end_even_of_what_fails(capsys: pytest.CaptureFixture[str]) -> None:
    events: list[console.ProgressEvent] = []

    def fail() -> None:
        with console.redirect_progress(events.append), console.track("read", 2, "files") as bar:
            bar.advance()
            bar.note("a.wav")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [(e.done, e.note, e.is_last) for e in events] == [
        (0, "", False),
        (1, "", False),
        (1, "a.wav", False),
        (1, "a.wav", True),
    ]
    assert {(e.stage, e.total, e.unit) for e in events} == {("read", 2, "files")}
    assert capsys.readouterr().err == ""
    with console.track("read", 1):
        pass
    assert "read" in capsys.readouterr().err


def test_one_and_several_are_told_apart() -> None:
    assert console.describe_retry(1, "file") == "1 file failed before; it is tried again"
    assert console.describe_retry(1_200, "file") == "1,200 files failed before; they are tried again"


def test_a_closed_stdout_is_an_error_only_for_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    console.flush_data()
    for call in (lambda: console.print_lines(["x"]), lambda: console.print_table("", ["a"], [["b"]])):
        with pytest.raises(MachineError, match="standard output: it is closed"):
            call()
