"""Where a figure goes: its file, by the suffix of its name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hearsight.errors import UsageError, cannot_write, guess
from hearsight.files import check_output, write_bytes

SUFFIXES = ("png", "svg", "pdf")
"""What a figure can be written as."""


def check_out(out: Path, suffixes: tuple[str, ...] = SUFFIXES, option: str = "--out") -> str:
    """Return the kind of file that a name asks for by an option, before anything is computed for it.

    Raises
    ------
    UsageError
        When the suffix is none of a figure.
    MachineError
        When no file can be written there.
    """
    kind = out.suffix.lower().removeprefix(".")
    if kind not in suffixes:
        found = f"suffix {out.suffix!r}" if out.suffix else "no suffix"
        wanted = " or ".join(f".{suffix}" for suffix in suffixes)
        raise UsageError(f"{option} {out}", found, wanted, guess(kind, suffixes) if kind else "")
    check_output(out)
    return kind


def check_count(option: str, count: int) -> None:
    """Check a number of things that were asked for, before anything is computed.

    Raises
    ------
    UsageError
        When it is below 1.
    """
    if count < 1:
        raise UsageError(option, f"{count}", "at least 1")


def write_figure(figure: Any, out: Path, title: str) -> None:
    """Write a figure as its name asks.

    Parameters
    ----------
    figure
        A Matplotlib figure of :mod:`hearsight.drawing`.
    out
        ``.png``, ``.svg`` or ``.pdf``.
    title
        Metadata of the file.

    Raises
    ------
    UsageError
        When the suffix is another.
    MachineError
        When it cannot be written.
    """
    # the commands import this file for their help, which should not wait for Matplotlib
    from hearsight.console import print_message
    from hearsight.drawing.canvas import to_file

    content = to_file(figure, check_out(out), title)
    try:
        write_bytes(out, content)
    except OSError as error:
        raise cannot_write(out, error) from error
    print_message(f"{out}: {title}")
