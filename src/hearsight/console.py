"""What is shown in a terminal: messages, tables and progress. The only file that imports rich.

Data go to stdout, everything else to stderr: the tables and JSON that answer a command are data; progress and messages are not.

Invariant: text from outside (names of files and classes, messages of libraries) reaches a terminal only with its control characters
escaped, and is never read as markup.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import sys
import time
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from hearsight.documents import format_json
from hearsight.errors import HearsightError, MachineError, cannot_write
from hearsight.text import escape_controls, escape_json

PIPE_WIDTH = 1000
"""Columns of a table that is not written to a terminal: it takes what it needs, and no path is broken over two lines."""
LINE_SECONDS = (10.0, 30.0)
"""Seconds between two lines of progress where stderr is no terminal: in the first minute, and later."""

_FIRST_LINES = 60.0
_STDERR = Console(stderr=True, highlight=False, soft_wrap=True, emoji=False)


@dataclasses.dataclass(frozen=True)
class ProgressEvent:
    """How far a stage has come.

    Attributes
    ----------
    stage
        What is being done, such as ``"train"``.
    done, total
        Units that are done, and all there are; ``total`` is None where it is unknown.
    unit
        What is counted, such as ``"clips"``.
    seconds
        Since the stage began.
    note
        A few words on the latest unit, such as the loss; may be empty.
    is_last
        Whether the stage is over; it ends early when it fails.

    Examples
    --------
    >>> seen: list[hearsight.ProgressEvent] = []
    >>> summary = hearsight.build_dataset(["videos/"], "watched", workers=1, progress=seen.append)
    >>> [(event.stage, event.done, event.unit) for event in seen if event.is_last]
    [('labelling', 3, 'files'), ('writing shards', 1, 'shards'), ('indexing', 6, 'clips')]
    """

    stage: str
    done: int
    total: int | None
    unit: str
    seconds: float
    note: str = ""
    is_last: bool = False


@runtime_checkable
class ProgressCallback(Protocol):
    """What the long functions take as ``progress=``: it is called with an event at the start, at every unit, and at the end.

    It is called in the process and thread that called the function. What it raises ends the function.

    Examples
    --------
    >>> def show(event: ProgressEvent) -> None:
    ...     print(f"{event.stage}: {event.done}")
    """

    def __call__(self, event: ProgressEvent, /) -> None:
        """Take note of how far a stage has come."""
        ...


_callback: contextvars.ContextVar[ProgressCallback | None] = contextvars.ContextVar("progress", default=None)


@contextmanager
def redirect_progress(callback: ProgressCallback | None) -> Generator[None]:
    """Send the progress of every stage within the block to a callback, in place of the bars on stderr.

    Parameters
    ----------
    callback
        The callback; None changes nothing.
    """
    token = None if callback is None else _callback.set(callback)
    try:
        yield
    finally:
        if token is not None:
            _callback.reset(token)


class Bar:
    """The progress of one stage; :meth:`advance` moves it, :meth:`note` sets the words next to it."""

    def __init__(self, stage: str, total: int | None, unit: str) -> None:
        self._stage = stage
        self._total = total
        self._unit = unit
        self._started = time.monotonic()
        self._words = ""
        self.done = 0

    def advance(self, count: int = 1) -> None:
        """Count ``count`` more units as done."""
        self.done += count
        self._show()

    def note(self, text: str) -> None:
        """Replace the words next to the bar."""
        self._words = text
        self._show()

    @property
    def seconds(self) -> float:
        """Seconds since the stage began."""
        return time.monotonic() - self._started

    def start(self) -> None:
        """Show that the stage begins."""

    def end(self) -> None:
        """Show that the stage is over."""

    def _show(self) -> None:
        """Show the present state."""

    def _describe_rate(self) -> str:
        return f"{self.done / max(self.seconds, 1e-9):.1f} {self._unit}/s"


class _TerminalBar(Bar):
    """A bar that moves, with rate and time left."""

    def __init__(self, stage: str, total: int | None, unit: str) -> None:
        super().__init__(stage, total, unit)
        columns = [
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}", markup=False),
        ]
        self._progress = Progress(*columns, console=_STDERR)
        self._task: TaskID = self._progress.add_task(escape_controls(stage), total=total, rate="", note="")

    def start(self) -> None:
        self._progress.start()

    def end(self) -> None:
        self._progress.stop()

    def _show(self) -> None:
        note = escape_controls(self._words)
        self._progress.update(self._task, completed=self.done, rate=self._describe_rate(), note=note)


class _LineBar(Bar):
    """Lines at a steady rate, for a file or a pipe, and one at the end."""

    def __init__(self, stage: str, total: int | None, unit: str) -> None:
        super().__init__(stage, total, unit)
        self._shown = 0.0

    def end(self) -> None:
        print_message(f"{self._stage}: {self.done} {self._unit} in {self.seconds:.1f} s")

    def _show(self) -> None:
        seconds = self.seconds
        early, late = LINE_SECONDS
        if seconds - self._shown < (early if seconds <= _FIRST_LINES else late):
            return
        self._shown = seconds
        parts = [f"{self.done} {self._unit}", self._describe_rate()]
        if self._total:
            left = seconds * (self._total - self.done) / max(self.done, 1)
            parts = [f"{self.done} of {self._total} {self._unit}", self._describe_rate()]
            parts += [f"{_describe_seconds(left)} left"] if self.done else []
        print_message(f"{self._stage}: {', '.join(parts)}{f', {self._words}' if self._words else ''}")


class _CallbackBar(Bar):
    """Events for a function of the caller's."""

    def __init__(self, stage: str, total: int | None, unit: str, callback: ProgressCallback) -> None:
        super().__init__(stage, total, unit)
        self._callback = callback

    def start(self) -> None:
        self._show()

    def end(self) -> None:
        self._send(is_last=True)

    def _show(self) -> None:
        self._send()

    def _send(self, *, is_last: bool = False) -> None:
        event = ProgressEvent(self._stage, self.done, self._total, self._unit, self.seconds, self._words, is_last)
        self._callback(event)


@contextmanager
def track(description: str, total: int | None, unit: str = "items") -> Generator[Bar]:
    """Show the progress of a block: a bar with rate and time left on a terminal, otherwise a line now and then.

    Within :func:`redirect_progress` nothing is shown, and the callback is called.

    Parameters
    ----------
    description
        What is being done.
    total
        How many units there are; None where it is unknown.
    unit
        What is counted, in the plural.
    """
    callback = _callback.get()
    if callback is not None:
        bar: Bar = _CallbackBar(description, total, unit, callback)
    elif _STDERR.is_terminal:
        bar = _TerminalBar(description, total, unit)
    else:
        bar = _LineBar(description, total, unit)
    bar.start()
    try:
        yield bar
    finally:
        bar.end()


def print_message(text: str) -> None:
    """Print one line on stderr; control characters in it, line breaks too, are escaped."""
    _STDERR.print(Text(escape_controls(text)))


def describe_count(count: int, unit: str) -> str:
    """Return a count with its unit, which is given in the singular: ``1 file``, ``1,200 files``."""
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"


def describe_retry(count: int, unit: str) -> str:
    """Return in words that units of work which failed in an earlier run are tried again.

    Parameters
    ----------
    count
        How many.
    unit
        What one of them is called.
    """
    return f"{describe_count(count, unit)} failed before; {'it is' if count == 1 else 'they are'} tried again"


def print_error(error: HearsightError) -> None:
    """Print an error on stderr: its summary, and its hint on a second line."""
    print_message(f"error: {error.summary}")
    if error.hint:
        print_message(f"hint: {error.hint}")


def print_lines(lines: Iterable[str]) -> None:
    """Print lines on stdout; control characters in them are escaped."""
    print_data("".join(f"{escape_controls(line)}\n" for line in lines))


def print_json(value: Any) -> None:
    """Print one JSON document on stdout: an object on one line, a list with a line per element."""
    if isinstance(value, list):
        lines = ",\n".join(format_json(element, default=str) for element in value)
        document = f"[\n{lines}\n]\n" if lines else "[]\n"
    else:
        document = format_json(value, default=str) + "\n"
    print_data(escape_json(document))


def print_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()
) -> None:
    """Print a table on stdout.

    Parameters
    ----------
    title
        Shown above it; may be empty.
    columns
        Column heads.
    rows
        Cells, shown by ``str``.
    right
        Heads of the columns that are set flush right (numbers).
    """
    table = Table(title=_make_text(title) if title else None, title_justify="left")
    for place, column in enumerate(columns):
        # Names stand whole, whatever else must be folded to the terminal's width.
        justify = "right" if column in right else "left"
        table.add_column(_make_text(column), justify=justify, overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_make_text(str(cell)) for cell in row))
    with _name_stdout():
        width = None if sys.stdout.isatty() else PIPE_WIDTH
        console = Console(file=sys.stdout, highlight=False, soft_wrap=True, emoji=False, width=width)
        console.print(table)


def print_data(document: str) -> None:
    """Write a document on stdout, unchanged.

    Raises
    ------
    MachineError
        When stdout cannot be written, as on a full disk.
    BrokenPipeError
        When its reader has gone away.
    """
    with _name_stdout():
        sys.stdout.write(document)


def flush_data() -> None:
    """Flush stdout; errors as :func:`print_data`. If it is closed, nothing was written."""
    if getattr(sys, "stdout", None) is None:
        return
    with _name_stdout():
        sys.stdout.flush()


@contextmanager
def _name_stdout() -> Generator[None]:
    """Name stdout in the errors of the operating system, which do not."""
    if getattr(sys, "stdout", None) is None:  # the process was started without one (`>&-`)
        raise MachineError("standard output", "it is closed", "a file, a pipe or a terminal")
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        # what is left in the buffer would fail again when the process ends
        with contextlib.suppress(OSError):
            sys.stdout.close()
        raise cannot_write("standard output", error) from error


def _make_text(text: str) -> Text:
    return Text(escape_controls(text))


def _describe_seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100.0 else f"{seconds / 60.0:.0f} min"
