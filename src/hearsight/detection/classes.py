"""Which classes are wanted, and the threshold of each: lists of names, and files of thresholds."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float64, Int64

from hearsight.detection.events import EventRule
from hearsight.detection.formats.cells import defuse, restore
from hearsight.documents import read_text
from hearsight.errors import TableError, UsageError, guess
from hearsight.files import write_text

COLUMNS = ("class", "threshold", "low")
LIST_SUFFIX = ".txt"
"""Marks a file of class names, one per line, where a class name is expected."""


@dataclasses.dataclass(frozen=True)
class ClassThreshold:
    """The thresholds of one class; ``low`` is None where it keeps its ratio to the upper one of the command."""

    threshold: float
    low: float | None = None


def read_names(given: Sequence[str]) -> list[str]:
    """Return class names; a value that ends in ``.txt`` is a file with one name per line, where lines with ``#`` are comments.

    Raises
    ------
    InputError
        When such a file cannot be read.
    """
    names: list[str] = []
    for value in given:
        if not value.endswith(LIST_SUFFIX):
            names.append(value)
            continue
        lines = read_text(Path(value), wanted="class names, one per line").splitlines()
        names += [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    return names


def select_classes(
    vocabulary: Sequence[str],
    chosen: Int64[np.ndarray, " chosen"],
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
) -> Int64[np.ndarray, " selected"]:
    """Return the classes that are on a list of wanted ones, where there is one, and on no list of unwanted ones.

    Parameters
    ----------
    vocabulary
        Names of all classes.
    chosen
        Indices of the classes to choose from.
    include, exclude
        Names in any case; those of another class are refused.

    Raises
    ------
    UsageError
        When a name is no class, or no class is left.
    """
    wanted = _find(vocabulary, include, "--include")
    unwanted = _find(vocabulary, exclude, "--exclude")
    left = [index for index in chosen.tolist() if (not include or index in wanted) and index not in unwanted]
    if not left:
        raise UsageError("--include, --exclude", f"none of the {len(chosen)} classes is left", "at least one")
    return np.array(left, dtype=np.int64)


def resolve_thresholds(
    vocabulary: Sequence[str], rule: EventRule, own: Mapping[str, ClassThreshold]
) -> tuple[Float64[np.ndarray, " classes"], Float64[np.ndarray, " classes"]]:
    """Return the upper and the lower threshold of each class.

    Parameters
    ----------
    vocabulary
        Names of the classes.
    rule
        Thresholds of the classes without their own.
    own
        Thresholds by class name, in any case. A name that is no class is ignored: one file serves several models.
    """
    ratio = rule.lower / rule.threshold if rule.threshold else 1.0
    known = {name.casefold(): value for name, value in own.items()}
    pairs: list[tuple[float, float]] = []
    for name in vocabulary:
        value = known.get(name.casefold(), ClassThreshold(rule.threshold, rule.lower))
        pairs.append((value.threshold, value.threshold * ratio if value.low is None else value.low))
    values = np.array(pairs, dtype=np.float64).reshape(-1, 2)
    return values[:, 0], values[:, 1]


def read_thresholds(path: Path) -> dict[str, ClassThreshold]:
    """Read a thresholds file: CSV with the columns ``class``, ``threshold`` and, optionally, ``low``; others are ignored.

    Raises
    ------
    TableError
        When it is not such a table, a value is no probability, or a class is in it twice.
    """
    text = read_text(path, TableError, wanted="a CSV table with the columns class and threshold")
    rows = csv.DictReader(io.StringIO(text))
    try:
        return _collect_thresholds(rows, path)
    except csv.Error as error:
        raise TableError(path, f"cannot be read ({error})", "a CSV table") from error


def _collect_thresholds(rows: csv.DictReader[str], path: Path) -> dict[str, ClassThreshold]:
    heads = list(rows.fieldnames or [])
    for head in COLUMNS[:2]:
        if head not in heads:
            raise TableError(path, f"columns {', '.join(heads) or 'none'}", "a column class and a column threshold")
    found: dict[str, ClassThreshold] = {}
    for row in rows:
        where = f"{path} line {rows.line_num}"
        name = restore(row["class"] or "")
        if name in found:
            raise TableError(where, f"class {name!r} for the second time", "each class once")
        high, low = (_read_probability(row.get(head), where, head) for head in COLUMNS[1:])
        if high is None:
            raise TableError(where, f"no threshold for {name!r}", "a probability, from 0 to 1")
        if low is not None and low > high:
            raise TableError(where, f"low {low:g} above threshold {high:g}", "at most the threshold")
        found[name] = ClassThreshold(high, low)
    return found


def write_thresholds(path: Path, thresholds: Mapping[str, ClassThreshold]) -> None:
    """Write a thresholds file, as :func:`read_thresholds` reads it."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, value in thresholds.items():
        table.writerow([defuse(name), repr(value.threshold), "" if value.low is None else repr(value.low)])
    write_text(path, buffer.getvalue())


def _find(vocabulary: Sequence[str], names: Sequence[str], option: str) -> set[int]:
    indices: dict[str, list[int]] = {}
    for index, name in enumerate(vocabulary):
        indices.setdefault(name.casefold(), []).append(index)
    found: set[int] = set()
    for name in names:
        if name.casefold() not in indices:
            hint = guess(name, vocabulary) if len(vocabulary) <= 60 else _suggest(name, vocabulary)
            raise UsageError(option, f"{name!r}", "a class of the model", hint)
        found.update(indices[name.casefold()])
    return found


def _suggest(name: str, vocabulary: Sequence[str]) -> str:
    """Return a hint for a long vocabulary: what looks alike, or contains the name."""
    alike = [known for known in vocabulary if name.casefold() in known.casefold()][:5]
    if alike:
        return "classes with this word: " + ", ".join(alike)
    hint = guess(name, vocabulary)
    return hint if hint.startswith("did") else "config.json of the model lists them"


def _read_probability(text: str | None, where: str, head: str) -> float | None:
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise TableError(where, f"{head} {text!r:.40}", "a probability, from 0 to 1") from error
    if not 0.0 <= value <= 1.0:
        raise TableError(where, f"{head} {value:g}", "a probability, from 0 to 1")
    return value
