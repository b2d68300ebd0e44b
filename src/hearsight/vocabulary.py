"""Class lists, and the file formats they come in.

The format is recognised by the contents of a file, not by its name:

=====================================  ==========================================================================
AudioSet, YAMNet, ESC-50 (AST's)       CSV ``index,mid,display_name``
FSD50K                                 CSV without a header, ``0,Name,/m/xxxx``; or the JSON below
ESC-50, UrbanSound8K metadata          CSV with one row per *clip*, ``target,category`` or ``classID,class``
VGGSound, FSD50K, UrbanSound8K, CLAP   JSON ``{"name": index}``
ImageNet (Keras), Hugging Face         JSON ``{"0": ["n01440764", "tench"]}``, ``{"0": "tench"}``, ``{"id2label": {...}}``
AudioSet ontology                      JSON list of objects with ``id`` and ``name``
ImageNet (TensorFlow, Coral, ONNX)     text, one class per line; a leading ``0 `` or ``n01440764 `` is not part of the name
ML-Images                              tab-separated ``category_index  category_id  index_of_parent_category  category name``
=====================================  ==========================================================================

Names are unique within a list. Where a file repeats a name (ImageNet has two cranes, ML-Images 250 such names), each occurrence
is followed by its id, or by its index if there are no ids: ``crane (135)``, ``hair (n01900150)``.

Class lists come from files of other people and end up on terminals, in tables and in file names. Names with control characters
are therefore refused, and the size of a file and the number and length of its names are bounded.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hearsight.documents import parse_json
from hearsight.errors import TableError
from hearsight.files import read_regular
from hearsight.text import find_control

MAX_BYTES = 64_000_000
"""Largest file that is read as a class list."""
MAX_CLASSES = 100_000
"""Most classes of one list, and of one teacher."""
MAX_NAME_LENGTH = 1_000
"""Most characters of a class name or id."""

_NAME_COLUMNS = ("display_name", "name", "label", "category name", "category", "class", "class_name", "display name")
_ID_COLUMNS = ("mid", "id", "category_id", "wnid")
_INDEX_COLUMNS = ("index", "category_index", "target", "classid", "class_id")
_WANTED = "a class list: one name per line, a CSV file with a column display_name or name, or JSON"

_Row = tuple[int | None, str, str | None]
"""One class as the file states it: its index and its id where it states them, and its name."""


class ControlCharacterError(TableError):
    """A class list whose names contain control characters: it is a class list, but not one to be shown to anybody."""


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The classes of a teacher or a dataset, in the order of its outputs.

    Attributes
    ----------
    names
        Names for people; unique.
    ids
        Identifiers of a public class list (AudioSet's ``/m/0bt9lr``, WordNet's ``n02084071``); None where the list has none.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)


def load_vocabulary(path: str | Path) -> Vocabulary:
    """Read a class list from a file.

    Raises
    ------
    TableError
        When the file is absent, not a regular file, larger than ``MAX_BYTES``, or not a class list. The error names the line or
        entry.
    """
    try:
        content = read_regular(Path(path).expanduser(), MAX_BYTES)
    except (OSError, ValueError, RuntimeError) as error:  # also a path with a zero byte, or of an unknown user
        reason = getattr(error, "strerror", None) or error
        raise TableError(path, f"cannot be read ({reason})", "a class list") from error
    return parse_vocabulary(content, str(path))


def parse_vocabulary(content: bytes, where: str) -> Vocabulary:
    """Read a class list from the bytes of a file.

    Parameters
    ----------
    content
        The bytes, in UTF-8 with or without a byte order mark.
    where
        The file's name, for errors and to recognise CSV files by their suffix.

    Raises
    ------
    TableError
        When it is not a class list. The error names the line or entry.
    ControlCharacterError
        When a name or id contains a control character.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        hint = "save the file as UTF-8"
        if content.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise TableError(where, f"UTF-16 text (it begins with {content[:2].hex()})", "UTF-8 text", hint) from error
        found = f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8"
        raise TableError(where, found, _WANTED, hint) from error
    if not text.strip():
        raise TableError(where, "empty", _WANTED)
    try:
        return _assemble(_read_rows(text, where), where)
    except csv.Error as error:
        raise TableError(where, f"not a CSV file ({error})", _WANTED) from error


def number_vocabulary(num_classes: int) -> Vocabulary:
    """Return the vocabulary of a model whose classes have no names: ``class 0``, ``class 1`` and so on."""
    return Vocabulary(tuple(f"class {index}" for index in range(num_classes)))


def check_names(names: Iterable[str], where: object) -> None:
    """Check that names are fit to be shown: not too long, and without control characters.

    Parameters
    ----------
    names
        Class names or ids.
    where
        The file they come from, for the error.

    Raises
    ------
    ControlCharacterError
        When a name contains a control character, a line separator, a lone surrogate or a bidirectional control.
    TableError
        When a name has more than ``MAX_NAME_LENGTH`` characters.
    """
    for index, name in enumerate(names):
        _check_name(name, f"{where} class {index}")


def _check_name(name: str, place: str) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise TableError(place, f"a name of {len(name):,} characters", f"at most {MAX_NAME_LENGTH:,}")
    control = find_control(name)
    if control is not None:
        raise ControlCharacterError(
            place, f"the control character {control} in {ascii(name)[:60]}", "a name of printable characters"
        )


def make_unique(names: Sequence[str], ids: Sequence[str] | None = None) -> tuple[str, ...]:
    """Make names unique: each name that is repeated is followed by its id, or by its index where the ids are not unique."""
    marks = ids if ids is not None and len(set(ids)) == len(names) else [str(index) for index in range(len(names))]
    unique = list(names)
    while len(set(unique)) < len(unique):  # again where a marked name is the name of another class
        counts = Counter(unique)
        unique = [f"{name} ({mark})" if counts[name] > 1 else name for name, mark in zip(unique, marks, strict=True)]
    return tuple(unique)


def _read_rows(text: str, where: str) -> Iterable[tuple[str, _Row]]:
    """Recognise the format of a class list, and read its rows, each with its place in the file."""
    if text.lstrip()[0] in "[{":
        return _read_json(text, where)
    header = text.lstrip().splitlines()[0]
    delimiter = "\t" if "\t" in header else ","
    columns = [cell.strip().casefold() for cell in next(_read_cells([header], delimiter))]
    is_csv = where.lower().endswith(".csv")
    if any(column in _NAME_COLUMNS for column in columns) and (len(columns) > 1 or is_csv):
        return _read_table(text, columns, delimiter, where)
    if len(columns) > 1 and columns[0] == "0" and delimiter == ",":
        return _read_bare_table(text, where)
    if any(("," if is_csv else "\t") in line for line in text.splitlines()[:10]):
        raise TableError(f"{where} line 1", f"no column of names in {header!r:.60}", _WANTED)
    return _read_lines(text, where)


def _read_cells(lines: Iterable[str], delimiter: str = ",") -> Any:
    """Return a CSV reader; a blank after a comma is part of neither cell, so that a quotation mark may follow it."""
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True)


def _assemble(rows: Iterable[tuple[str, _Row]], where: str) -> Vocabulary:
    """Sort rows by index, and check that each index has one name and none is missing."""
    found: dict[int, tuple[str, str | None]] = {}
    for place, (given, name, identity) in rows:
        index = len(found) if given is None else given
        if not name:
            raise TableError(place, f"class {index} has no name", "a name")
        if len(found) == MAX_CLASSES and index not in found:
            raise TableError(place, f"more than {MAX_CLASSES:,} classes", f"at most {MAX_CLASSES:,}")
        for text in (name, identity or ""):
            _check_name(text, place)
        if found.get(index, (name, identity)) != (name, identity):
            raise TableError(
                place, f"class {index} is {name!r:.60}, and {found[index][0]!r:.60} before", "one name per class"
            )
        found[index] = (name, identity)
    if not found:
        raise TableError(where, "no classes", _WANTED)
    missing = next((index for index in range(len(found)) if index not in found), None)
    if missing is not None:
        raise TableError(where, f"{len(found)} classes, but none with index {missing}", "indices from 0 without a gap")
    ordered = [found[index] for index in range(len(found))]
    ids = [identity for _, identity in ordered if identity is not None]
    whole = tuple(ids) if len(ids) == len(ordered) else None
    return Vocabulary(make_unique([name for name, _ in ordered], whole), whole)


def _read_table(text: str, columns: list[str], delimiter: str, where: str) -> Iterable[tuple[str, _Row]]:
    """Read a table with a header. Several rows may state the same class (one row per clip)."""
    name = next(columns.index(column) for column in _NAME_COLUMNS if column in columns)
    identity = next((columns.index(column) for column in _ID_COLUMNS if column in columns), None)
    index = next((columns.index(column) for column in _INDEX_COLUMNS if column in columns), None)
    reader = _read_cells(text.splitlines(), delimiter)
    next(row for row in reader if row)
    for cells in reader:
        place = f"{where} line {reader.line_num}"
        if not cells:
            continue
        if len(cells) != len(columns):
            raise TableError(place, f"{len(cells)} columns", f"{len(columns)}, as in the header")
        number = None if index is None else _to_index(cells[index], place)
        yield place, (number, cells[name].strip(), None if identity is None else cells[identity].strip())


def _read_bare_table(text: str, where: str) -> Iterable[tuple[str, _Row]]:
    reader = _read_cells(text.splitlines())
    for cells in reader:
        place = f"{where} line {reader.line_num}"
        if cells:
            identity = cells[2].strip() if len(cells) > 2 else None
            yield place, (_to_index(cells[0], place), cells[1].strip() if len(cells) > 1 else "", identity)


def _read_lines(text: str, where: str) -> Iterable[tuple[str, _Row]]:
    lines = [line.strip() for line in text.rstrip().splitlines()]
    numbered = all(re.match(rf"{index}(:|\s)\s*\S", line) for index, line in enumerate(lines))
    synsets = all(re.match(r"n\d{8}\s+\S", line) for line in lines)
    for index, line in enumerate(lines):
        place = f"{where} line {index + 1}"
        if not line:
            raise TableError(place, f"an empty line after {lines[index - 1]!r:.60}", "a class name")
        identity, name = None, line
        if numbered:
            name = re.split(r":\s*|\s+", line, maxsplit=1)[1]
        elif synsets:
            identity, name = line.split(maxsplit=1)
        yield place, (None, name, identity)


def _read_json(text: str, where: str) -> Iterable[tuple[str, _Row]]:
    values: Any = parse_json(text, where, TableError, wanted=_WANTED)
    while isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if isinstance(values, Mapping) and isinstance(values.get("id2label"), Mapping):
        values = values["id2label"]
    if isinstance(values, Mapping):
        for key, value in values.items():
            place = f"{where} entry {key!r:.60}"
            yield place, _read_pair(str(key), value, place)
        return
    for number, value in enumerate(values):
        place = f"{where} entry {number}"
        if isinstance(value, str):
            yield place, (None, value.strip(), None)
        elif isinstance(value, Mapping) and isinstance(value.get("name"), str):
            identity = value.get("id")
            yield place, (None, value["name"].strip(), identity if isinstance(identity, str) else None)
        else:
            raise TableError(place, f"{value!r:.60}", "a name, or an object with a name")


def _read_pair(key: str, value: Any, place: str) -> _Row:
    """Read one entry of a JSON object: a name with its index, an index with its name, or an index with id and name."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value, key.strip(), None
    if isinstance(value, str):
        return _to_index(key, place), value.strip(), None
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, str) for part in value):
        return _to_index(key, place), value[1].strip(), value[0].strip()
    raise TableError(place, f"{value!r:.60}", "a number, or a name")


def _to_index(text: str, place: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise TableError(place, f"{text!r:.60} is not a class index", "0, 1, 2, …") from error
