"""Tables of detections: JSON, JSON lines, CSV and Parquet, with the same columns. A recording that failed is a row with the reason.

Times and probabilities are written with all their digits, so that the same values are read back.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.detection.formats.cells import defuse
from hearsight.detection.formats.writer import Context, TextWriter
from hearsight.records import Tag
from hearsight.text import escape_json, make_encodable

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("start", pa.float64()),
        ("duration", pa.float64()),
        ("class", pa.string()),
        ("probability", pa.float64()),
        ("sense", pa.string()),
        ("teacher", pa.string()),
        ("error", pa.string()),
        ("note", pa.string()),
    ]
)
"""The columns of every table."""
ROWS_AT_A_TIME = 4096
"""Rows of a row group of Parquet."""


class JsonLinesWriter(TextWriter):
    """One JSON object per line; a failed recording has only ``path`` and ``error``."""

    def write(self, rows: Sequence[Tag]) -> None:
        """Add a line per row."""
        for row in rows:
            self._add(row.as_json())

    def fail(self, path: str, reason: str) -> None:
        """Add a line with the reason."""
        self._add({"path": path, "error": reason})

    def _add(self, values: dict[str, Any]) -> None:
        self._sink(escape_json(json.dumps(values, ensure_ascii=False) + "\n"))


class JsonWriter(JsonLinesWriter):
    """One JSON array with an object per line."""

    def _start(self) -> None:
        self._count = 0

    def fail(self, path: str, reason: str) -> None:
        """Leave out a recording that failed: every object of the array is a tag."""

    def close(self) -> None:
        """End the array."""
        self._sink("\n]\n" if self._count else "[]\n")

    def _add(self, values: dict[str, Any]) -> None:
        self._sink(",\n" if self._count else "[\n")
        self._sink(escape_json(json.dumps(values, ensure_ascii=False)))
        self._count += 1


class CsvWriter(TextWriter):
    """Comma-separated values with a head; cells that a spreadsheet would take for a formula are defused."""

    def _start(self) -> None:
        self._buffer = io.StringIO()
        self._table = csv.writer(self._buffer, lineterminator="\n")
        self._add(SCHEMA.names)

    def write(self, rows: Sequence[Tag]) -> None:
        """Add a line per row."""
        for row in rows:
            texts = (row.name, row.sense or "", row.teacher or "")
            name, sense, teacher = (_clean(text) for text in texts)
            numbers = (repr(float(row.start)), repr(float(row.duration)))
            probability, note = repr(float(row.probability)), _clean(row.note or "")
            self._add([_clean(row.path), *numbers, name, probability, sense, teacher, "", note])

    def fail(self, path: str, reason: str) -> None:
        """Add a line with the reason."""
        self._add([_clean(path), "", "", "", "", "", "", _clean(reason), ""])

    def _add(self, cells: Sequence[str]) -> None:
        self._table.writerow(cells)
        self._sink(self._buffer.getvalue())
        self._buffer.seek(0)
        self._buffer.truncate()


class ParquetWriter:
    """A Parquet file, written in row groups."""

    def __init__(self, out: Path, context: Context) -> None:  # noqa: ARG002 (as of every writer)
        self._writer = pq.ParquetWriter(out, SCHEMA)
        self._rows: list[dict[str, Any]] = []

    def write(self, rows: Sequence[Tag]) -> None:
        """Keep rows until there are enough for a row group."""
        for row in rows:
            self._add(row.as_json())

    def end_file(self, path: str, duration: float) -> None:
        """Do nothing: rows of several recordings share a row group."""

    def fail(self, path: str, reason: str) -> None:
        """Keep a row with the reason."""
        self._add({"path": path, "error": reason})

    def close(self) -> None:
        """Write the last row group and the footer."""
        self._flush()
        self._writer.close()

    def _add(self, values: dict[str, Any]) -> None:
        texts = {name: make_encodable(value) for name, value in values.items() if isinstance(value, str)}
        self._rows.append(values | texts)
        if len(self._rows) >= ROWS_AT_A_TIME:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=SCHEMA))
            self._rows = []


def _clean(text: str) -> str:
    return defuse(make_encodable(text))
