"""The papers' tables with our figures next to theirs: counted or measured, otherwise blank, with differences in footnotes.

Nothing here is estimated: a number of ours is counted from a network as built, or comes from a recorded measurement.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hearsight.evaluation.paper_tables.measurements import Count, Measurement, read_measurements, read_own_measurements
from hearsight.evaluation.paper_tables.published import PublishedCell, PublishedColumn, PublishedTable, find_tables

_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclasses.dataclass(frozen=True)
class FilledCell:
    """A published cell, and ours.

    Attributes
    ----------
    published
        The cell as printed.
    measurements
        All that were recorded, in the order of recording; the last one is shown.
    count
        What the code counts, where the cell is of that kind.
    """

    published: PublishedCell
    measurements: tuple[Measurement, ...]
    count: Count | None

    @property
    def ours(self) -> str:
        """What we counted or measured, as shown; empty where nothing was."""
        if self.count is not None:
            return self.count.shown
        if not self.measurements:
            return ""
        last = self.measurements[-1]
        decimals = max(1, len(self.published.printed.partition(".")[2]))
        if last.interval is None:
            return f"{last.value:.{decimals}f}"
        low, high = last.interval
        return f"{last.value:.{decimals}f} ({low:.{decimals}f} to {high:.{decimals}f})"

    @property
    def notes(self) -> list[str]:
        """Footnotes of ours: what the paper's cell is about, and where our protocol differs."""
        found = [note for key, note in self.published.row.notes.items() if key == self.published.column.key]
        if self.measurements:
            differences = self.measurements[-1].list_differences(self.published)
            found += [f"ours: {', '.join(differences)}"] if differences else []
        return found

    @property
    def provenance(self) -> list[str]:
        """Where ours comes from: one line each."""
        if self.count is not None:
            return [f"{self.count.shown}: counted, {self.count.source}"]
        return [one.describe() for one in self.measurements]

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        last = self.measurements[-1] if self.measurements else None
        value = self.count.value if self.count else last.value if last else None
        return {
            "column": self.published.column.key,
            "unit": self.published.column.unit,
            "published": self.published.printed,
            "published_value": self.published.value,
            "measured": self.ours,
            "measured_value": value,
            "interval": list(last.interval) if last and last.interval else None,
            "notes": self.notes,
            "provenance": [one.model_dump(mode="json") for one in self.measurements]
            if self.count is None
            else [{"counted": self.count.source}],
        }


@dataclasses.dataclass(frozen=True)
class FilledTable:
    """A published table with ours next to it; ``cells`` has a row per row and a cell per column."""

    table: PublishedTable
    cells: tuple[tuple[FilledCell, ...], ...]

    @property
    def columns(self) -> list[str]:
        """Heads: the row's, and of each column of results two, the paper's and ours."""
        heads = [self.table.head]
        for column in self.table.columns:
            heads.append(f"{column.title}, {column.unit}" if column.unit else column.title)
            if not column.setting:
                heads.append("ours")
        return heads

    @property
    def numbers(self) -> list[str]:
        """Heads of the columns that are set flush right."""
        return [head for head, column in zip(self.columns[1:], self._twice(), strict=True) if not column.setting]

    def _twice(self) -> list[PublishedColumn]:
        return [column for column in self.table.columns for _ in range(1 if column.setting else 2)]

    @property
    def notes(self) -> list[str]:
        """Footnotes of the cells, each once; what is numbered from 1."""
        return list(dict.fromkeys(note for row in self.cells for cell in row for note in cell.notes))

    def list_rows(self) -> list[list[str]]:
        """Return the cells under :attr:`columns`, with the numbers of their footnotes."""
        rows: list[list[str]] = []
        for row in self.cells:
            shown = [row[0].published.row.title]
            for cell in row:
                marks = ",".join(str(1 + self.notes.index(note)) for note in cell.notes)
                marked = f" {marks}".translate(_SUPERSCRIPTS).replace(",", "˒") if marks else ""
                shown.append(f"{cell.published.printed}{marked}")
                if not cell.published.column.setting:
                    shown.append(cell.ours)
            rows.append(shown)
        return rows

    def leave_out_blank(self) -> tuple[list[str], list[list[str]], list[str]]:
        """Return heads and rows without our blank columns, and lines that name these columns.

        A terminal has no room for blank columns.
        """
        heads, rows = self.columns, self.list_rows()
        blank = [place for place, head in enumerate(heads) if head == "ours" and not any(row[place] for row in rows)]
        kept = [place for place in range(len(heads)) if place not in blank]
        named = ", ".join(heads[place - 1].partition(",")[0] for place in blank)
        said = [f"Not measured yet: {named}."] if blank else []
        return [heads[place] for place in kept], [[row[place] for place in kept] for row in rows], said

    def list_notes(self) -> list[str]:
        """Return the notes on the whole table, then the footnotes with their numbers."""
        numbered = [f"{str(number).translate(_SUPERSCRIPTS)} {note}" for number, note in enumerate(self.notes, start=1)]
        return [*self.table.notes, *numbered]

    def list_provenance(self) -> list[str]:
        """Return where each cell of ours comes from."""
        return [f"{cell.published.name} = {line}" for row in self.cells for cell in row for line in cell.provenance]

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        table = self.table
        return {
            "name": table.name,
            "paper": table.paper,
            "number": table.number,
            "page": table.page,
            "caption": table.caption,
            "notes": list(table.notes),
            "rows": [
                {"row": row[0].published.row.key, "title": row[0].published.row.title}
                | {"cells": [cell.as_json() for cell in row]}
                for row in self.cells
            ],
        }


def fill_tables(name: str | None = None, results: Path | None = None) -> list[FilledTable]:
    """Fill the tables of the papers with our counts and measurements.

    Parameters
    ----------
    name
        A table, a paper, or None for all seventeen tables.
    results
        A file of measurements to show in addition to those that come with hearsight; for a cell in both, the file's is shown.

    Raises
    ------
    UsageError
        When there is no such table.
    TableError
        When the file of measurements cannot be read.
    """
    tables = find_tables(name)
    measured: dict[str, list[Measurement]] = {}
    for one in [*read_own_measurements(), *(read_measurements(results) if results is not None else [])]:
        measured.setdefault(one.cell, []).append(one)
    return [FilledTable(table, _fill(table, measured)) for table in tables]


def _fill(table: PublishedTable, measured: dict[str, list[Measurement]]) -> tuple[tuple[FilledCell, ...], ...]:
    rows: list[tuple[FilledCell, ...]] = []
    for row in table.rows:
        cells = [PublishedCell(table, row, column) for column in table.columns]
        rows.append(tuple(FilledCell(cell, tuple(measured.get(cell.name, ())), _count(cell)) for cell in cells))
    return tuple(rows)


def _count(cell: PublishedCell) -> Count | None:
    if not cell.column.counted:
        return None
    from hearsight.evaluation.paper_tables.counts import count_cell  # brings torch, which most tables need not wait for

    return count_cell(cell)


def spell_markdown(tables: Sequence[FilledTable], heading: str = "##") -> str:
    """Spell tables as Markdown, each under a heading of its name."""
    parts: list[str] = []
    for filled in tables:
        table = filled.table
        parts.append(f"{heading} {table.paper}, Table {table.number}\n\n`{table.name}`: {table.caption}\n\n")
        parts.append(_spell_row(filled.columns))
        rules = ["---", *("---:" if head in filled.numbers else "---" for head in filled.columns[1:])]
        parts.append(f"|{'|'.join(rules)}|\n")
        parts.extend(_spell_row(row) for row in filled.list_rows())
        parts.append("".join(f"\n{note}\n" for note in filled.list_notes()))
        parts.append("\n")
    return "".join(part if part.endswith("\n") else part + "\n" for part in parts if part).rstrip("\n") + "\n"


def spell_csv(tables: Iterable[FilledTable]) -> str:
    """Spell tables as one CSV table with a line per cell, so that all of them fit under the same heads."""
    stream = io.StringIO()
    heads = ("table", "row", "column", "unit", "published", "measured", "low", "high", "notes")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(heads)
    for filled in tables:
        for row in filled.cells:
            for cell in row:
                told = cell.as_json()
                low, high = told["interval"] or ("", "")
                value = told["measured_value"] if told["measured_value"] is not None else told["measured"]
                place = (filled.table.name, cell.published.row.key, told["column"], told["unit"])
                writer.writerow((*place, told["published"], value, low, high, "; ".join(cell.notes)))
    return stream.getvalue()


def _spell_row(cells: Iterable[str]) -> str:
    escaped = (cell.replace("|", "\\|").replace("*", "\\*") for cell in cells)
    return "| " + " | ".join(escaped) + " |\n"
