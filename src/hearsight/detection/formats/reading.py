"""Reading detections back: the tables that ``hearsight tag`` writes, and tables of other programs with the same columns."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.json as pa_json
import pyarrow.parquet as pq

from hearsight.detection.formats.cells import restore
from hearsight.detection.formats.tables import SCHEMA
from hearsight.errors import InputError, TableError
from hearsight.files import describe_path, open_regular
from hearsight.text import describe_table_fault

SUFFIXES = (".csv", ".jsonl", ".parquet")
"""Suffixes of tables that can be read."""
MOST_BYTES = 8 * 2**30
"""The largest table that is read."""
MOST_LINE = 2**20
"""The longest head that is read."""
OTHER_NAMES = {"path": ("file",), "class": ("label",), "probability": ("score",)}
"""What tables of other programs call our columns."""


def find_tables(paths: Sequence[Path]) -> list[Path]:
    """Return tables, and the tables below folders, in the order of their paths.

    Raises
    ------
    InputError
        When there is none in a folder, or a file has another suffix.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if path.suffix not in SUFFIXES:
                fault = f"suffix {path.suffix!r}" if path.exists() else "no such file or folder"
                raise InputError(
                    path, fault, f"a table of detections, one of {' '.join(SUFFIXES)}, or a folder of them"
                )
            found.append(path)
            continue
        inside = [one for one in sorted(path.rglob("*")) if one.suffix in SUFFIXES and not _is_ours(one)]
        if not inside:
            hint = "hearsight tag RECORDINGS --out FOLDER --format csv writes some"
            raise InputError(path, f"no table of detections in it: {describe_path(path)}", "at least one", hint)
        found += inside
    return found


def read_detections(path: Path, extra: Sequence[pa.Field] = ()) -> Iterator[pa.Table]:
    """Read a table of detections in parts.

    Parameters
    ----------
    path
        A file with a suffix of :data:`SUFFIXES`.
    extra
        Further columns to read; one that the file lacks is null. A file may also lack columns of :data:`SCHEMA` that are
        optional.

    Yields
    ------
    pyarrow.Table
        The columns of :data:`SCHEMA` and ``extra``, without the rows of recordings that failed.

    Raises
    ------
    TableError
        When it cannot be read, or has no columns ``path`` and ``class``.
    """
    schema = pa.schema([*SCHEMA, *extra])
    try:
        with open_regular(path, MOST_BYTES) as file:
            fault = describe_table_fault(file.readline(MOST_LINE)) if path.suffix == ".csv" else ""
        if fault:
            raise TableError(path, fault, "a CSV table in UTF-8, separated by commas")
        for part in _read_parts(path, schema):
            yield _conform(path, part, schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowKeyError, UnicodeDecodeError) as error:
        raise TableError(
            path, f"cannot be read ({' '.join(str(error).split()):.200})", "a table of detections"
        ) from error
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror or error})", "a table of detections") from error


def list_columns(path: Path) -> list[str]:
    """Return the columns that a table of detections really has; of JSON lines, the keys of the first one.

    Raises
    ------
    TableError
        When it cannot be read.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            first = b"" if path.suffix == ".parquet" else file.readline(MOST_LINE)
        if path.suffix == ".csv" and (fault := describe_table_fault(first)):
            raise TableError(path, fault, "a CSV table in UTF-8, separated by commas")
        if path.suffix == ".parquet":
            return list(pq.read_schema(path).names)
        if path.suffix == ".jsonl":
            return list(json.loads(first)) if first.strip() else []
        return next(csv.reader([first.decode("utf-8-sig")]), [])
    except (pa.ArrowInvalid, ValueError, TypeError) as error:
        found = f"cannot be read ({' '.join(str(error).split()):.200})"
        raise TableError(path, found, "a table of detections") from error
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror or error})", "a table of detections") from error


def _is_ours(path: Path) -> bool:
    """Return whether a file is no table of detections although its suffix is that of one."""
    return path.name.startswith(".") or path.name == "journal.jsonl" or path.name.endswith(".kaleidoscope.csv")


def _read_parts(path: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    if path.suffix == ".parquet":
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield pa.Table.from_batches([batch])
        return
    if not path.stat().st_size:
        return
    if path.suffix == ".jsonl":
        yield pa_json.read_json(path, parse_options=pa_json.ParseOptions(explicit_schema=schema))
        return
    types = {field.name: field.type for field in schema}
    options = pa_csv.ConvertOptions(column_types=types, strings_can_be_null=True)
    with pa_csv.open_csv(path, convert_options=options) as reader:
        for batch in reader:
            yield _restore(pa.Table.from_batches([batch]))


def _restore(table: pa.Table) -> pa.Table:
    for place, field in enumerate(table.schema):
        if pa.types.is_string(field.type):
            cells = [None if cell is None else restore(cell) for cell in table.column(place).to_pylist()]
            table = table.set_column(place, field, pa.array(cells, pa.string()))
    return table


def _conform(path: Path, table: pa.Table, schema: pa.Schema) -> pa.Table:
    names = [_find_own_name(name, table.column_names) for name in table.column_names]
    table = table.rename_columns(names)
    for name in ("path", "class"):
        if name not in table.column_names:
            found = f"columns {', '.join(table.column_names)}"
            raise TableError(path, f"{found:.200}", f"a column {name!r}")
    columns = [
        table[field.name].cast(field.type) if field.name in table.column_names else pa.nulls(len(table), field.type)
        for field in schema
    ]
    whole = pa.Table.from_arrays(columns, schema=schema)
    return whole.filter(whole["class"].is_valid())


def _find_own_name(name: str, present: Sequence[str]) -> str:
    """Return our name of a column; a name of others stays if ours is there as well."""
    ours = next((own for own, others in OTHER_NAMES.items() if name in others and own not in present), None)
    return name if ours is None else ours
