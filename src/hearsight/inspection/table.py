"""Tables that are printed on a terminal, written into a page, and returned as JSON, from the same values."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

from hearsight.pages.embed import escape

Kind = Literal["text", "count", "number", "share"]
"""How the values of a column are shown: unchanged, as whole numbers, with two digits, as percentages."""


@dataclasses.dataclass(frozen=True)
class Column:
    """A column: its key in JSON, its head, and the kind of its values."""

    key: str
    head: str
    kind: Kind = "text"


@dataclasses.dataclass(frozen=True)
class Table:
    """A table.

    Attributes
    ----------
    key, title
        Its key in JSON, and its heading.
    columns
        Its columns.
    rows
        Values, in the order of the columns; None is shown as nothing.
    note
        A sentence below it; may be empty.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: list[tuple[Any, ...]]
    note: str = ""

    def format_rows(self) -> list[tuple[str, ...]]:
        """Return the cells as text."""
        return [
            tuple(format_value(value, column.kind) for value, column in zip(row, self.columns, strict=True))
            for row in self.rows
        ]

    def as_json(self) -> list[dict[str, Any]]:
        """Return an object for each row."""
        keys = [column.key for column in self.columns]
        return [dict(zip(keys, row, strict=True)) for row in self.rows]

    def as_html(self) -> str:
        """Return a ``<table>``, with its note below."""
        classes = ["" if column.kind == "text" else ' class="number"' for column in self.columns]
        head = "".join(f"<th{c}>{escape(one.head)}</th>" for c, one in zip(classes, self.columns, strict=True))
        body = "\n".join(
            "<tr>" + "".join(f"<td{c}>{escape(cell)}</td>" for c, cell in zip(classes, row, strict=True)) + "</tr>"
            for row in self.format_rows()
        )
        note = f'\n<p class="note">{escape(self.note)}</p>' if self.note else ""
        return (
            f"<h3>{escape(self.title)}</h3>\n"
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>{note}'
        )


def format_value(value: Any, kind: Kind) -> str:
    """Return a value as it is shown."""
    if value is None:
        return ""
    if kind == "count":
        return f"{value:,}"
    if kind == "number":
        return f"{value:.2f}"
    return f"{100.0 * value:.1f} %" if kind == "share" else str(value)


def print_tables(tables: Sequence[Table]) -> None:
    """Print tables on stdout, each with its title and note."""
    from hearsight.console import print_lines, print_table

    for table in tables:
        heads = [column.head for column in table.columns]
        right = [column.head for column in table.columns if column.kind != "text"]
        print_table(table.title, heads, table.format_rows(), right=right)
        print_lines([table.note, ""] if table.note else [""])
