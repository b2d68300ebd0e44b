"""The tables of the four papers as they are printed: read from ``papers/*.toml``, found by name, cell by cell.

A cell is spoken of as ``TABLE:ROW:COLUMN``, for example ``jia2019-3:vggish-fcn:top1``.
"""

from __future__ import annotations

import functools
import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hearsight.errors import UsageError, guess

PAPERS = ("jia2019", "hershey2017", "soundnet2016", "wu2018")
"""The papers, in the order of :data:`hearsight.models.zoo.PAPERS`."""

_FOLDER = Path(__file__).parent / "papers"
_CELL = re.compile(r"([^:]+):([^:]+):([^:]+)")


class _Printed(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PublishedColumn(_Printed):
    """A column.

    Attributes
    ----------
    key, title, unit
        Its name, its head, and the unit of its cells; no unit where they are plain numbers.
    setting
        Whether it describes the row, instead of holding a result.
    counted
        What of the row's network the code counts, a key of
        :data:`hearsight.evaluation.paper_tables.counts.COUNTS`; empty where it must be measured.
    metric
        The attribute of an evaluation that belongs here.
    benchmark, protocol
        As those of the table, and before them.
    """

    key: str
    title: str
    unit: str = ""
    setting: bool = False
    counted: str = ""
    metric: str = ""
    benchmark: str = ""
    protocol: dict[str, str | int] = Field(default_factory=dict)


class PublishedRow(_Printed):
    """A row: the network that it is of, where it is one of the zoo, a printed cell per column, and what goes before the table's."""

    key: str
    title: str
    cells: tuple[str, ...]
    network: str = ""
    benchmark: str = ""
    protocol: dict[str, str | int] = Field(default_factory=dict)
    notes: dict[str, str] = Field(default_factory=dict)
    """Footnotes, by the key of the column."""


class PublishedTable(_Printed):
    """A table as printed.

    Attributes
    ----------
    paper, number, page
        Where it is printed; no page if our text of the paper has none.
    caption
        What it shows, in our words.
    head
        Probe of the column of row titles.
    benchmark, protocol
        What the paper measured on, and how, in the words of :class:`~hearsight.evaluation.result.Evaluation`.
    notes
        Footnotes of the whole table.
    """

    name: str
    paper: str
    number: int
    page: int | None = None
    caption: str
    head: str
    columns: tuple[PublishedColumn, ...]
    rows: tuple[PublishedRow, ...]
    benchmark: str = ""
    protocol: dict[str, str | int] = Field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The paper, the number, and what it shows."""
        page = f", page {self.page}" if self.page else ""
        return f"{self.name} ({self.paper}, Table {self.number}{page}): {self.caption}"

    @model_validator(mode="after")
    def _check_cells(self) -> PublishedTable:
        columns = [column.key for column in self.columns]
        for row in self.rows:
            if len(row.cells) != len(columns) or not set(row.notes) <= set(columns):
                raise ValueError(f"{self.name}, row {row.key}: not a cell, or a note, for columns {', '.join(columns)}")
        if len({row.key for row in self.rows}) < len(self.rows) or len(set(columns)) < len(columns):
            raise ValueError(f"{self.name}: two rows or columns of one key")
        return self


class PublishedCell(NamedTuple):
    """One cell, with its table, row and column."""

    table: PublishedTable
    row: PublishedRow
    column: PublishedColumn

    @property
    def name(self) -> str:
        """``TABLE:ROW:COLUMN``."""
        return f"{self.table.name}:{self.row.key}:{self.column.key}"

    @property
    def printed(self) -> str:
        """What the paper prints."""
        return self.row.cells[self.table.columns.index(self.column)]

    @property
    def value(self) -> float | None:
        """The printed number; None where none is printed."""
        match = re.fullmatch(r"([\d,]+(?:\.\d+)?)([MB]?)", self.printed)
        if match is None or self.column.setting:
            return None
        return float(match[1].replace(",", "")) * {"": 1.0, "M": 1e6, "B": 1e9}[match[2]]

    @property
    def benchmark(self) -> str:
        """What it was measured on."""
        return self.column.benchmark or self.row.benchmark or self.table.benchmark

    @property
    def protocol(self) -> dict[str, str | int]:
        """How it was measured, as far as the paper says; the network among it where it is one of the zoo."""
        told = {**self.table.protocol, **self.column.protocol, **self.row.protocol}
        if self.row.network:
            told.setdefault("model", self.row.network)
        return told


@functools.cache
def read_tables() -> dict[str, PublishedTable]:
    """Read the seventeen tables, by name, paper by paper."""
    tables: dict[str, PublishedTable] = {}
    for paper in PAPERS:
        values: dict[str, Any] = tomllib.loads((_FOLDER / f"{paper}.toml").read_text(encoding="utf-8"))
        for one in values["tables"]:
            table = PublishedTable.model_validate({**one, "paper": values["paper"]})
            tables[table.name] = table
    return tables


def find_tables(name: str | None) -> list[PublishedTable]:
    """Find the tables of a name: one table's, a paper's, or all where none is given.

    Raises
    ------
    UsageError
        When there is no such table or paper (the hint guesses the meant one).
    """
    tables = read_tables()
    found = [table for key, table in tables.items() if name in (None, key, key.partition("-")[0])]
    if not found:
        raise UsageError("table", f"{name!r}", "a table or a paper", guess(str(name), [*tables, *PAPERS]))
    return found


def find_cell(name: str) -> PublishedCell:
    """Find the cell that ``TABLE:ROW:COLUMN`` names.

    Raises
    ------
    UsageError
        When it has another form, there is no such table, row or column (the hint guesses the meant one), or nothing is measured in
        that column.
    """
    match = _CELL.fullmatch(name)
    if match is None:
        raise UsageError(
            f"cell {name}",
            f"not three parts but {name.count(':') + 1}",
            "TABLE:ROW:COLUMN",
            "for example jia2019-3:vggish-fcn:top1",
        )
    tables = read_tables()
    if match[1] not in tables:
        raise UsageError(f"cell {name}", f"no table {match[1]!r}", hint=guess(match[1], tables))
    table = tables[match[1]]
    rows = {row.key: row for row in table.rows}
    columns = {column.key: column for column in table.columns if not column.setting}
    if match[2] not in rows:
        raise UsageError(f"cell {name}", f"no row {match[2]!r} in {table.name}", hint=guess(match[2], rows))
    if match[3] not in columns:
        raise UsageError(
            f"cell {name}", f"no column {match[3]!r} of results in {table.name}", hint=guess(match[3], columns)
        )
    return PublishedCell(table, rows[match[2]], columns[match[3]])
