"""A CSV table of clips as a benchmark: columns ``path``, ``label`` and, where they are known, ``fold`` and ``source``.

Paths are relative to the table's own folder. Folds are whole numbers, each of which is scored once, or the words ``train`` and
``test``; if there is no such column, folds are assigned by content (:mod:`hearsight.evaluation.benchmarks.folds`).
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip, Split, list_some
from hearsight.evaluation.benchmarks.folds import CROSS_VALIDATION, FIXED_SPLIT, TEST, TRAIN, assign_folds
from hearsight.evaluation.benchmarks.metadata import read_records, require_files

_WORDS = {"train": TRAIN, "test": TEST}


@dataclasses.dataclass(frozen=True)
class TableRow:
    """One line of a table: a clip, its class, and its fold and source as written there."""

    where: str
    path: str
    label: str
    fold: str = ""
    source: str = ""


def read_labelled_table(table: Path, name: str = "csv", turns: Sequence[int] = CROSS_VALIDATION) -> Benchmark:
    """Read a benchmark from a CSV table.

    Parameters
    ----------
    table
        The CSV file.
    name
        What the benchmark is called.
    turns
        How folds are assigned where the table has none.

    Raises
    ------
    BenchmarkError
        When columns are missing, a row lacks its path, label or fold, a clip is absent or named twice, or ``train`` and ``test``
        are mixed with numbers.
    """
    rows = read_rows(table)
    folds, splits = read_folds(rows)
    names = tuple(sorted({row.label for row in rows}))
    labels = {name: index for index, name in enumerate(names)}
    numbers = folds if folds is not None else [TRAIN] * len(rows)
    clips = [
        BenchmarkClip(row.path, (labels[row.label],), fold, row.source) for row, fold in zip(rows, numbers, strict=True)
    ]
    ordered = tuple(sorted(clips, key=lambda clip: clip.path))
    benchmark = Benchmark(name, table.parent, names, ordered, given_splits=splits, missing=0)
    return benchmark if folds is not None else assign_folds(benchmark, turns)


def read_rows(table: Path, columns: Sequence[str] = ("path", "label"), *, within: bool = False) -> list[TableRow]:
    """Read the rows of a table and check that its clips are there, each once.

    Parameters
    ----------
    table
        The CSV file.
    columns
        What it must have.
    within
        Whether paths must stay within the table's folder.

    Raises
    ------
    BenchmarkError
        As :func:`read_labelled_table` raises it.
    """
    rows = [_read_row(where, row) for where, row in read_records(table, columns)]
    for row in rows:
        if within and (Path(row.path).is_absolute() or ".." in Path(row.path).parts):
            raise BenchmarkError(row.where, f"path {row.path!r}", "a path within the folder")
    if not rows:
        raise BenchmarkError(table, "no rows", "one row per clip")
    require_files(table, table.parent, [row.path for row in rows])
    repeated = [path for path, count in Counter(row.path for row in rows).items() if count > 1]
    if repeated:
        raise BenchmarkError(table, f"{len(repeated)} clips are named twice: {list_some(repeated)}", "one row per clip")
    return rows


def read_folds(rows: Sequence[TableRow]) -> tuple[list[int] | None, tuple[Split, ...]]:
    """Return the fold of every row and the splits that follow; None where no row has a fold.

    Raises
    ------
    BenchmarkError
        When only some rows have a fold, one is no whole number, or words and numbers are mixed.
    """
    if not any(row.fold for row in rows):
        return None, ()
    words = [row for row in rows if row.fold.lower() in _WORDS]
    if len(words) == len(rows):
        return [_WORDS[row.fold.lower()] for row in rows], FIXED_SPLIT
    folds: list[int] = []
    for row in rows:
        try:
            folds.append(int(row.fold))
        except ValueError as error:
            raise BenchmarkError(
                row.where, f"fold {row.fold!r}", "a whole number, or train or test in all rows"
            ) from error
    return folds, ()


def _read_row(where: str, row: dict[str, str]) -> TableRow:
    path, label = (row["path"] or "").strip(), (row["label"] or "").strip()
    if not path or not label:
        raise BenchmarkError(where, f"path {path!r} and label {label!r}", "both")
    return TableRow(where, path, label, (row.get("fold") or "").strip(), (row.get("source") or "").strip())
