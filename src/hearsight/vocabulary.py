"""Class lists, and the files they come in.

A class list is read by what the file contains, not by what it is called:

=====================================  ==========================================================================
AudioSet, YAMNet, ESC-50 (AST's)       CSV ``index,mid,display_name``
FSD50K                                 CSV without a header, ``0,Name,/m/xxxx``; or the JSON below
ESC-50, UrbanSound8K metadata          CSV with one row per *clip*, ``target,category`` or ``classID,class``
VGGSound, FSD50K, UrbanSound8K, CLAP   JSON ``{"name": index}``
ImageNet (Keras), Hugging Face         JSON ``{"0": ["n01440764", "tench"]}``, ``{"0": "tench"}``, ``{"id2label": {...}}``
AudioSet ontology                      JSON list of objects with ``id`` and ``name``
ImageNet (TensorFlow, Coral, ONNX)     text, one class a line; ``0 name`` and ``n01440764 name`` lose their prefix
ML-Images                              tab-separated ``category_index  category_id  index_of_parent_category  category name``
=====================================  ==========================================================================

Names are unique within a list. Where a file says one name twice (ImageNet has two cranes, ML-Images 250 such names), each of
them is given its id, or its number where there are no ids: ``crane (135)``, ``hair (n01900150)``.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hearsight.errors import TableError

_NAME_COLUMNS = ("display_name", "name", "label", "category name", "category", "class", "class_name", "display name")
_ID_COLUMNS = ("mid", "id", "category_id", "wnid")
_INDEX_COLUMNS = ("index", "category_index", "target", "classid", "class_id")
_WANTED = "a class list: one name a line, a CSV with a column display_name or name, or JSON"

_Row = tuple[int | None, str, str | None]
"""One class as a file says it: its index where it says one, its name, its id where it says one."""


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """The classes of a teacher or a dataset, in the order of its outputs.

    Attributes
    ----------
    names
        What a person reads; unique.
    ids
        What a machine reads (AudioSet's ``/m/0bt9lr``, WordNet's ``n02084071``), where the list has them.
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
        When the file is absent or no class list; names the line or entry.
    """
    try:
        content = Path(path).expanduser().read_bytes()
    except OSError as error:
        raise TableError(path, f"cannot be read ({error.strerror or error})", "a class list") from error
    return parse_vocabulary(content, str(path))


def parse_vocabulary(content: bytes, where: str) -> Vocabulary:
    """Read a class list from the bytes of a file; ``where`` is how errors call it.

    Raises
    ------
    TableError
        When it is no class list; names the line or entry.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(where, f"byte {error.start} is not UTF-8", _WANTED) from error
    if not text.strip():
        raise TableError(where, "empty", _WANTED)
    if text.lstrip()[0] in "[{":
        return _assemble(_read_json(text, where), where)
    header = text.lstrip().splitlines()[0]
    delimiter = "\t" if "\t" in header else ","
    columns = [cell.strip().casefold() for cell in next(csv.reader([header], delimiter=delimiter))]
    if any(column in _NAME_COLUMNS for column in columns) and (len(columns) > 1 or where.lower().endswith(".csv")):
        return _assemble(_read_table(text, columns, delimiter, where), where)
    if len(columns) > 1 and columns[0] == "0" and delimiter == ",":
        return _assemble(_read_bare_table(text, where), where)
    separator = "," if where.lower().endswith(".csv") else "\t"
    if any(separator in line for line in text.splitlines()[:10]):
        raise TableError(f"{where} line 1", f"no column of names in {header:.60}", _WANTED)
    return _assemble(_read_lines(text, where), where)


def number_vocabulary(num_classes: int) -> Vocabulary:
    """Make the vocabulary of a model that does not say what its classes are: ``class 0`` and so on."""
    return Vocabulary(tuple(f"class {index}" for index in range(num_classes)))


def make_unique(names: Sequence[str], ids: Sequence[str] | None = None) -> tuple[str, ...]:
    """Tell equal names apart: each of them gets its id, or its number where there are no (different) ids."""
    counts = Counter(names)
    marks = ids if ids is not None and len(set(ids)) == len(names) else [str(index) for index in range(len(names))]
    return tuple(f"{name} ({mark})" if counts[name] > 1 else name for name, mark in zip(names, marks, strict=True))


def _assemble(rows: Iterable[tuple[str, _Row]], where: str) -> Vocabulary:
    """Put rows (each with the place it comes from) in order: each index once, none left out, each with a name."""
    found: dict[int, tuple[str, str | None]] = {}
    for place, (given, name, identity) in rows:
        index = len(found) if given is None else given
        if not name:
            raise TableError(place, f"class {index} has no name", "a name")
        if found.get(index, (name, identity)) != (name, identity):
            raise TableError(place, f"class {index} is {name!r} and {found[index][0]!r}", "one name for each class")
        found[index] = (name, identity)
    if not found:
        raise TableError(where, "no classes", _WANTED)
    missing = next((index for index in range(len(found)) if index not in found), None)
    if missing is not None:
        raise TableError(where, f"{len(found)} classes, and none has number {missing}", "classes numbered from 0")
    ordered = [found[index] for index in range(len(found))]
    ids = [identity for _, identity in ordered if identity is not None]
    whole = tuple(ids) if len(ids) == len(ordered) else None
    return Vocabulary(make_unique([name for name, _ in ordered], whole), whole)


def _read_table(text: str, columns: list[str], delimiter: str, where: str) -> Iterable[tuple[str, _Row]]:
    """Read a table with a header; several rows may say the same class (one row per clip)."""
    name = next(columns.index(column) for column in _NAME_COLUMNS if column in columns)
    identity = next((columns.index(column) for column in _ID_COLUMNS if column in columns), None)
    index = next((columns.index(column) for column in _INDEX_COLUMNS if column in columns), None)
    reader = csv.reader(text.splitlines(), delimiter=delimiter, skipinitialspace=True)
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
    reader = csv.reader(text.splitlines())
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
            raise TableError(place, "an empty line", "a class name")
        identity, name = None, line
        if numbered:
            name = re.split(r":\s*|\s+", line, maxsplit=1)[1]
        elif synsets:
            identity, name = line.split(maxsplit=1)
        yield place, (None, name, identity)


def _read_json(text: str, where: str) -> Iterable[tuple[str, _Row]]:
    try:
        values: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise TableError(f"{where} line {error.lineno}", f"not JSON ({error.msg})", _WANTED) from error
    while isinstance(values, list) and len(values) == 1 and isinstance(values[0], list):
        values = values[0]
    if isinstance(values, Mapping) and isinstance(values.get("id2label"), Mapping):
        values = values["id2label"]
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield f"{where} entry {key!r}", _read_pair(str(key), value, f"{where} entry {key!r}")
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
    """Read one entry of a JSON object: a name and its number, a number and its name, or a number and id with name."""
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
        raise TableError(place, f"{text!r} is no class number", "0, 1, 2, …") from error
