"""Reading what Raven and Audacity write: selection tables and label tracks, as the rows that ``hearsight tag`` writes.

A selection table names its recordings (``Begin Path`` or ``Begin File``); a relative path starts from the folder of the table. A
label track does not: it belongs to the recording whose name it has, ``night.wav.labels.txt`` or ``night.txt`` next to
``night.wav``.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from pathlib import Path

from hearsight.detection.formats.annotations import RAVEN_COLUMNS
from hearsight.documents import read_text
from hearsight.errors import TableError
from hearsight.records import Tag

TRACK_SUFFIX = ".txt"
"""Of selection tables and label tracks."""
BEGIN, END, OFFSET = RAVEN_COLUMNS[3], RAVEN_COLUMNS[4], RAVEN_COLUMNS[10]
PATHS = ("Begin Path", "Begin File")
CLASSES = ("Class", "Species", "Common Name", "Annotation", "Label", "Tag", "Type")
"""Columns that a class is read from, the first one that is there: Raven itself writes none."""
SCORES = ("Probability", "Score", "Confidence")
SIDE = r"\.(labels|selections|Table\.1\.selections)$"
"""What stands between the name of a recording and the suffix."""

_LABEL = re.compile(r"(?P<name>.+) (?P<probability>[01]\.\d+)")


def read_track(path: Path) -> list[Tag]:
    """Read a selection table or a label track; a probability that is not stated is NaN.

    Raises
    ------
    TableError
        When it is neither, a number is none, or the recording is not known.
    """
    text = read_text(path, TableError, wanted="a selection table of Raven, or a label track of Audacity")
    head = text.partition("\n")[0].split("\t")
    if BEGIN in head:
        return _read_selections(path, text)
    return _read_labels(path, text)


def _read_selections(path: Path, text: str) -> list[Tag]:
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    heads = list(rows.fieldnames or [])
    name = next((one for one in CLASSES if one in heads), None)
    if name is None or END not in heads:
        found = f"columns {', '.join(heads)}"
        raise TableError(path, f"{found:.200}", f"{END}, and a class in one of {', '.join(CLASSES)}")
    tags: list[Tag] = []
    for row in rows:
        where = f"{path} line {rows.line_num}"
        if (row.get("View") or "").startswith("Waveform"):
            continue  # Raven writes each selection once per view
        begin, end = _read_number(row[BEGIN], where), _read_number(row[END], where)
        start = _read_number(row[OFFSET], where) if row.get(OFFSET) else begin
        named = next((str(row[one]) for one in PATHS if row.get(one)), None)
        file = str(path.parent / named) if named else _find_recording(path)
        tags.append(Tag(file, start, end - begin, row[name] or "", _read_score(row, where)))
    return tags


def _read_labels(path: Path, text: str) -> list[Tag]:
    recording = ""
    tags: list[Tag] = []
    for number, line in enumerate(text.splitlines(), 1):
        cells = line.split("\t")
        where = f"{path} line {number}"
        if not line.strip() or cells[0] == "\\":
            continue  # the frequencies of a label, on a separate line
        if len(cells) != 3:
            raise TableError(where, f"{len(cells)} cells", "start, end and label, separated by tabs")
        recording = recording or _find_recording(path)
        start, end = (_read_number(cell, where) for cell in cells[:2])
        label = _LABEL.fullmatch(cells[2])
        name, probability = (label["name"], float(label["probability"])) if label else (cells[2], math.nan)
        tags.append(Tag(recording, start, end - start, name, probability))
    return tags


def _find_recording(path: Path) -> str:
    """Return the recording that a table without one belongs to, by its name."""
    stem = re.sub(SIDE, "", path.stem)
    for other in sorted(path.parent.iterdir()):
        if other.is_file() and other.suffix != TRACK_SUFFIX and stem in (other.name, other.stem):
            return str(other)
    hint = f"a label track of night.wav is called night.wav.labels{TRACK_SUFFIX} or night{TRACK_SUFFIX}"
    raise TableError(path, f"no recording called {stem} next to it", "the recording that it belongs to", hint)


def _read_score(row: Mapping[str, str | None], where: str) -> float:
    cell = next((row[one] for one in SCORES if row.get(one)), None)
    return math.nan if cell is None else _read_number(cell, where)


def _read_number(cell: str | None, where: str) -> float:
    try:
        value = float(cell or "")
    except ValueError as error:
        raise TableError(where, f"{cell!r:.40}", "a number of seconds") from error
    if not math.isfinite(value):
        raise TableError(where, f"{cell!r:.40}", "a finite number")
    return value
