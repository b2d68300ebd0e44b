"""What a person sees: progress bars and tables. The only file that imports rich.

stdout is data, stderr is talk: tables that answer a command go to stdout, progress and summaries to stderr. Where stderr is no
terminal, a progress bar becomes one line at its end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager

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

_talk = Console(stderr=True, highlight=False, soft_wrap=True)
_PIPE_WIDTH = 1000
# A pipe has no width: there a table takes what it needs, and no path is broken over two lines.
_data = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PIPE_WIDTH)


class Bar:
    """One running progress bar; :meth:`advance` moves it, :meth:`note` writes beside it."""

    def __init__(self, progress: Progress | None, task: TaskID | None, unit: str) -> None:
        self._progress = progress
        self._task = task
        self._unit = unit
        self._started = time.monotonic()
        self.done = 0

    def advance(self, count: int = 1) -> None:
        """Say that ``count`` more are done."""
        self.done += count
        if self._progress is not None and self._task is not None:
            rate = self.done / max(time.monotonic() - self._started, 1e-9)
            self._progress.update(self._task, advance=count, rate=f"{rate:.1f} {self._unit}/s")

    def note(self, text: str) -> None:
        """Write a few words at the end of the bar, in place of the last ones."""
        if self._progress is not None and self._task is not None:
            self._progress.update(self._task, note=text)

    @property
    def seconds(self) -> float:
        """Seconds since the bar appeared."""
        return time.monotonic() - self._started


@contextmanager
def track(description: str, total: int | None, unit: str = "items") -> Generator[Bar]:
    """Show a progress bar with rate and time left on stderr while the block runs."""
    if not _talk.is_terminal:
        bar = Bar(None, None, unit)
        yield bar
        _talk.print(f"{description}: {bar.done} {unit} in {bar.seconds:.1f} s", markup=False)
        return
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    ]
    with Progress(*columns, console=_talk) as progress:
        yield Bar(progress, progress.add_task(description, total=total, rate="", note=""), unit)


def print_message(text: str) -> None:
    """Say one thing to the person on stderr; nothing in it is read as markup."""
    _talk.print(text, markup=False)


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table on stdout.

    Parameters
    ----------
    title
        Shown above it; may be empty.
    columns
        Column heads.
    rows
        Cells, shown by ``str``; nothing in them is read as markup.
    right
        Heads of the columns that are set flush right (numbers).
    """
    table = Table(title=title or None, title_justify="left")
    for place, column in enumerate(columns):
        # Names stand whole, whatever else must be folded to the terminal's width.
        table.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=place == 0)
    for row in rows:
        table.add_row(*(_escape(str(cell)) for cell in row))
    _data.print(table)


def _escape(text: str) -> str:
    return text.replace("[", "\\[")
