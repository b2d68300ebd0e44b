"""The table of tags that a person reads in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from hearsight.console import print_table
from hearsight.records import Tag

ROWS_AT_A_TIME = 1000
"""Rows after which a table ends and the next one begins: its widths are known only when it ends."""


class ScreenWriter:
    """Prints rows as tables on standard output; the column of senses is there if a row has one."""

    def __init__(self) -> None:
        self._rows: list[Tag] = []
        self._printed = self._failed = False

    def write(self, rows: Sequence[Tag]) -> None:
        """Keep rows until there are enough for a table."""
        self._rows += rows
        while len(self._rows) >= ROWS_AT_A_TIME:
            self._print(self._rows[:ROWS_AT_A_TIME])
            self._rows = self._rows[ROWS_AT_A_TIME:]

    def end_file(self, path: str, duration: float) -> None:
        """Do nothing: recordings share a table."""

    def fail(self, path: str, reason: str) -> None:  # noqa: ARG002 (as of every writer)
        """Note that a recording failed: without any rows, no empty table is printed then. The reason goes to stderr."""
        self._failed = True

    def close(self) -> None:
        """Print what is left."""
        if self._rows or not (self._printed or self._failed):
            self._print(self._rows)
            self._rows = []

    def _print(self, rows: Sequence[Tag]) -> None:
        self._printed = True
        senses = any(row.sense for row in rows)
        heads = ("file", "from s", "to s", "class", *(["sense"] if senses else []), "probability")
        cells = [
            (
                row.path,
                f"{row.start:.2f}",
                f"{row.start + row.duration:.2f}",
                row.name,
                *([row.sense or ""] if senses else []),
                f"{row.probability:.3f}",
            )
            for row in rows
        ]
        print_table("", heads, cells, right=("from s", "to s", "probability"))
