"""Lists of our own kind: CSV or Parquet with named columns, of paths or of ids and addresses."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.errors import TableError, guess
from hearsight.media.lists.entry import ListEntry, check_id, find_column, make_url_entry, parse_span

PATH_COLUMNS = ("path", "start", "end")
_ENTRY_COLUMNS = frozenset({"id", "url"})


def read_table(path: Path) -> Iterator[tuple[str, int, Mapping[str, Any]]]:
    """Read the rows of a CSV, TSV or Parquet list with named columns.

    Yields
    ------
    where, number, row
        The row's place for errors, its number (of a CSV list as an editor counts, with the header as row 1; of a Parquet list from
        0) and its values by column.

    Raises
    ------
    TableError
        When the list cannot be read, or a row has more fields than there are columns.
    """
    is_parquet = path.suffix.lower() == ".parquet"
    rows = _read_parquet(path) if is_parquet else _read_csv(path)
    for number, row in enumerate(rows, start=0 if is_parquet else 2):
        where = f"{path}, row {number}"
        if None in row:
            found, wanted = "more fields than columns", f"{len(row) - 1} fields"
            raise TableError(where, found, wanted, "quote a field that contains a comma")
        yield where, number, row


def has_entry_columns(names: Iterable[str]) -> bool:
    """Whether a table with these columns names videos by ids or addresses, and not by paths."""
    found = set(names)
    return "path" not in found and bool(found & _ENTRY_COLUMNS)


def read_column_names(path: Path) -> list[str]:
    """Return the names of a list's columns.

    Raises
    ------
    TableError
        When it cannot be read.
    """
    if path.suffix.lower() == ".parquet":
        try:
            return pq.read_schema(path).names
        except (OSError, pa.ArrowException) as error:
            raise _cannot_read(path, "Parquet", error) from error
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [name.strip() for name in next(csv.reader(file, delimiter=_delimiter(path), strict=True), [])]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _cannot_read(path, "CSV", error) from error


def read_entries(path: Path) -> Iterator[ListEntry]:
    """Read a list with the columns ``id`` or ``url`` or both and, optionally, ``start``, ``end`` and ``labels``.

    Raises
    ------
    TableError
        When a row has neither id nor address, or its span has no length.
    """
    for where, number, row in read_table(path):
        id, url = find_column(row, "id"), find_column(row, "url")
        start, end = parse_span(where, row.get("start"), row.get("end"))
        labels = find_column(row, "labels")
        if url:
            entry = make_url_entry(where, number, url, labels)
            id, other = (check_id(where, id), "") if id else (entry.id, entry.other_name)
            yield ListEntry(id, number, start, end, entry.url, labels, other)
        else:
            yield ListEntry(check_id(where, id), number, start, end, "", labels)


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _read_csv(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=_delimiter(path), skipinitialspace=True, strict=True)
            _check_columns(path, reader.fieldnames or ())
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _cannot_read(path, "CSV", error) from error


def _read_parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _check_columns(path, names)
            columns = [name for name in (*PATH_COLUMNS, "id", "url", "labels") if name in names]
            for batch in file.iter_batches(columns=columns):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise _cannot_read(path, "Parquet", error) from error


def _cannot_read(path: Path, kind: str, error: Exception) -> TableError:
    wanted = f"a {kind} list in UTF-8 with a column 'path'" if kind == "CSV" else f"a {kind} list with a column 'path'"
    return TableError(path, f"cannot be read ({error})", wanted)


def _check_columns(path: Path, names: Iterable[str]) -> None:
    found = list(names)
    if "path" not in found and not has_entry_columns(found):
        hint = guess("path", found) if found else "the first line names the columns"
        hint = hint if hint.startswith(("did", "the")) else "or a list of a known shape; see hearsight build --help"
        raise TableError(
            path, f"columns {', '.join(found) or 'none'}", "a column 'path', and optionally start and end", hint
        )
