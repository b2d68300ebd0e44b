"""The tables of benchmarks: read line by line, and checked against the files that are there."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hearsight.documents import read_text
from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import list_some


def read_records(table: Path, columns: Sequence[str], *, delimiter: str = ",") -> list[tuple[str, dict[str, str]]]:
    """Read a table with a header.

    Parameters
    ----------
    table
        The file.
    columns
        What it must have; further columns are kept.
    delimiter
        What separates them.

    Returns
    -------
    list
        Where each row stands, for messages, and its cells by column; a cell that is not there is empty.

    Raises
    ------
    BenchmarkError
        When the file cannot be read or a column is missing.
    """
    text = read_text(table, BenchmarkError, wanted="a table of clips")
    try:
        # blanks behind a comma are no part of a cell, and a quotation mark behind them opens one
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restval="", skipinitialspace=True)
        lacking = [column for column in columns if column not in (reader.fieldnames or ())]
        if lacking:
            wanted = f"the columns {', '.join(columns[:-1])} and {columns[-1]}"
            raise BenchmarkError(table, f"no column {', '.join(lacking)}", wanted)
        return [(f"{table} line {reader.line_num}", row) for row in reader]
    except csv.Error as error:
        raise BenchmarkError(table, f"cannot be read ({error})", "a table of clips") from error


def read_lines(table: Path, num_columns: int) -> list[tuple[str, list[str]]]:
    """Read a tab-separated table without a header, as the DCASE challenges use; further columns are kept.

    Raises
    ------
    BenchmarkError
        When the file cannot be read, or a line has fewer than ``num_columns`` columns.
    """
    rows: list[tuple[str, list[str]]] = []
    lines = read_text(table, BenchmarkError, wanted="a list of clips").splitlines()
    for number, line in enumerate(lines, start=1):
        cells = [cell.strip() for cell in line.split("\t")]
        if not any(cells):
            continue
        if len(cells) < num_columns:
            raise BenchmarkError(f"{table} line {number}", f"{line!r:.80}", f"{num_columns} columns, tab-separated")
        rows.append((f"{table} line {number}", cells))
    return rows


def require_files(table: Path, folder: Path, paths: Sequence[str]) -> None:
    """Refuse a table that names absent files.

    Raises
    ------
    BenchmarkError
        Saying how many are missing, and some of them.
    """
    missing = [path for path in paths if not (folder / path).is_file()]
    if missing:
        raise BenchmarkError(
            table, f"{len(missing)} of {len(paths)} clips are missing: {list_some(missing)}", "all of them"
        )


def find_files(folder: Path, suffixes: Iterable[str]) -> Iterator[Path]:
    """Find the files below a folder whose names end as given, in order; hidden ones are not seen."""
    wanted = set(suffixes)
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in wanted and not path.name.startswith(".") and path.is_file():
            yield path


def note_extra(folder: Path, found: Iterable[Path], listed: Iterable[str]) -> tuple[str, ...]:
    """Note the sounds below a folder that its tables do not name, if there are any."""
    known = set(listed)
    extra = [path.relative_to(folder).as_posix() for path in found]
    extra = [path for path in extra if path not in known]
    return (f"{len(extra)} sounds that its tables do not name left out: {list_some(extra)}",) if extra else ()


def note_count(num_clips: int, published: int, what: str = "clips") -> tuple[str, ...]:
    """Note a number of clips that is not the published one, since no published score compares then."""
    if num_clips == published:
        return ()
    return (f"{num_clips:,} {what} listed, {published:,} published: not comparable with published scores",)
