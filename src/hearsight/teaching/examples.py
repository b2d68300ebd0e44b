"""What a network is taught from: a folder per class, or tables of spans with a class and, if there is one, a judgement."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from hearsight.detection.formats.reading import list_columns, read_detections
from hearsight.detection.formats.tracks import TRACK_SUFFIX, read_track
from hearsight.detection.judgements import JUDGEMENT, RIGHT, SKIP, WRONG, read_judgement
from hearsight.errors import InputError, TableError
from hearsight.files import describe_path, hash_file
from hearsight.listening.files import find_media
from hearsight.text import find_control

BACKGROUND = "background"
"""The class of what is none of the others."""
EXTRA = (pa.field("end", pa.float64()), pa.field(JUDGEMENT, pa.string()), pa.field("source", pa.string()))
"""Columns of a table of examples in addition to those of detections; each may be missing."""


@dataclasses.dataclass(frozen=True)
class Example:
    """A sound with a class.

    Attributes
    ----------
    path
        The file.
    name
        The class; of a judgement that was wrong, the class that it is not.
    start, end
        Seconds of the file; infinity as end for the end of the file.
    is_wrong
        Whether somebody has judged that the class is not there.
    source
        What it was cut from, where that is known: examples of one source are never on both sides of a fold.
    """

    path: str
    name: str
    start: float = 0.0
    end: float = math.inf
    is_wrong: bool = False
    source: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether it is a whole file."""
        return self.start == 0.0 and math.isinf(self.end)


def find_examples(places: Sequence[Path]) -> list[Example]:
    """Return the examples in folders and tables, each once, in the order of the places.

    Parameters
    ----------
    places
        Folders with a folder per class, and tables: what ``hearsight tag`` writes as CSV, JSON lines or Parquet, Raven's selection
        tables, Audacity's label tracks, and other tables with a file (``path`` or ``file``), ``start``, ``end`` or ``duration``,
        and ``class``.

    Raises
    ------
    InputError
        When a place has no example, or a name cannot be that of a class.
    """
    found: dict[tuple[Any, ...], Example] = {}
    for place in places:
        if not place.exists():
            hint = "for example examples/dog/*.wav, examples/rooster/*.wav, examples/background/*.wav"
            raise InputError(
                place, "no such file or folder", "a folder of sounds for each class, or a table of spans", hint
            )
        for one in _search_folder(place) if place.is_dir() else _read_table(place):
            if control := find_control(one.name):
                raise InputError(one.path, f"class {one.name!r} with the control character {control}", "printable text")
            found.setdefault((one.path, one.name, one.start, one.end, one.is_wrong), one)
    return list(found.values())


def check_classes(examples: Iterable[Example]) -> list[str]:
    """Return the names of the classes, sorted, without the background.

    Raises
    ------
    InputError
        When there is only one kind of sound, or the same file is an example of two classes.
    """
    kinds = {one.name for one in examples if not one.is_wrong}
    names = sorted(kinds - {BACKGROUND})
    if not names or len(kinds) < 2:
        found = f"examples of {', '.join(sorted(kinds)) or 'nothing'} only"
        hint = f"add a folder {BACKGROUND}/ with sounds that are none of it"
        raise InputError("examples", found, "two classes, or one and a background", hint)
    _refuse_contradictions(examples)
    return names


def name_sources(examples: Sequence[Example]) -> list[str]:
    """Return the source of each example: as given, else the content of its file, so that copies of a file are one source.

    Raises
    ------
    OSError
        When a file cannot be read.
    """
    digests: dict[str, str] = {}
    for path in {one.path for one in examples if not one.source}:
        digests[path] = hash_file(Path(path))
    return [one.source or digests[one.path] for one in examples]


def _refuse_contradictions(examples: Iterable[Example]) -> None:
    """Refuse a whole file, or a copy of it, that is an example of two classes."""
    named: dict[str, dict[str, str]] = defaultdict(dict)
    whole = [one for one in examples if one.is_whole and not one.is_wrong]
    sizes: dict[int, list[Example]] = defaultdict(list)
    for one in whole:
        sizes[Path(one.path).stat().st_size if Path(one.path).is_file() else -1].append(one)
    for size, group in sizes.items():
        for one in group if size > 0 and len({each.name for each in group}) > 1 else ():
            named[hash_file(Path(one.path))].setdefault(one.name, one.path)
    for places in named.values():
        if len(places) > 1:
            (first, one), (second, other) = sorted(places.items())[:2]
            found = f"the same sound as {one}, as an example of {second!r} and of {first!r}"
            hint = "name spans in a table if both are in it"
            raise InputError(other, found, "one class for each file", hint)


def _search_folder(place: Path) -> list[Example]:
    folders = sorted(one for one in place.iterdir() if one.is_dir() and not one.name.startswith("."))
    if not folders:
        hint = "for example examples/dog/*.wav, examples/rooster/*.wav, examples/background/*.wav"
        raise InputError(place, f"no folders in it: {describe_path(place)}", "a folder of sounds for each class", hint)
    return [Example(str(path), folder.name) for folder in folders for path in find_media([folder])]


def _read_table(path: Path) -> list[Example]:
    rows: Iterable[dict[str, Any]]
    is_judged = False
    if path.suffix == TRACK_SUFFIX:
        rows = [one.as_json() for one in read_track(path)]
    else:
        rows = (row for table in read_detections(path, EXTRA) for row in table.to_pylist())
        is_judged = JUDGEMENT in list_columns(path)
    examples = [one for row in rows if (one := _make_example(path, row, is_judged)) is not None]
    if not examples:
        raise TableError(path, "no row with an example in it", f"a class, and right or wrong in a column {JUDGEMENT}")
    return examples


def _make_example(table: Path, row: dict[str, Any], is_judged: bool) -> Example | None:
    """Return a row as an example; None for one that has not been judged in a table for judgements."""
    judgement = read_judgement(row[JUDGEMENT], table) if is_judged else RIGHT
    if judgement == SKIP or row["class"] == "":
        return None
    start = row["start"] or 0.0
    end = row.get("end")
    if end is None:
        end = math.inf if row.get("duration") is None else start + row["duration"]
    if not 0.0 <= start < end:
        raise TableError(table, f"a span from {start:g} s to {end:g} s of {row['path']}", "a start before the end")
    return Example(
        locate_recording(row["path"], table), row["class"], start, end, judgement == WRONG, row.get("source") or ""
    )


def locate_recording(path: str, table: Path) -> str:
    """Return where a recording of a table is: as named there, or else below the folder of the table."""
    beside = table.parent / path
    return str(beside) if not Path(path).exists() and beside.exists() else path
