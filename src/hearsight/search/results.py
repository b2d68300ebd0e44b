"""The segments that a search found: as objects, as a table, and in the formats of detections."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.detection.formats.catalogue import FORMATS, open_file, open_text
from hearsight.detection.formats.cells import defuse
from hearsight.detection.formats.writer import Context, DetectionWriter
from hearsight.errors import UsageError
from hearsight.files import check_output, write_atomically, write_text
from hearsight.records import Tag
from hearsight.search.index import Index
from hearsight.search.nearest import Matches
from hearsight.text import escape_controls, escape_json

OWN_FORMATS = ("json", "csv", "parquet")
"""Formats with all columns of a match; the others of :data:`~hearsight.detection.formats.catalogue.FORMATS` have those of a tag."""
DETECTION_FORMATS = ("audacity", "raven", "kaleidoscope", "srt", "vtt")
"""Those that are made of the name of the example and the similarity."""


@dataclasses.dataclass(frozen=True)
class Match:
    """A segment that was found.

    Attributes
    ----------
    rank
        1 for the nearest.
    similarity
        Cosine between its embedding and that of the example.
    row
        Its number in the index.
    source, start, duration
        The recording, and seconds.
    time
        The time of the clock at which it starts, in ISO 8601; None where the name of the recording has none.
    tags
        Its most probable classes.
    metadata
        Further columns of the index.
    """

    rank: int
    similarity: float
    row: int
    source: str
    start: float
    duration: float
    time: str | None
    tags: list[str]
    metadata: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight search --json`` prints."""
        values = dataclasses.asdict(self)
        return values | {key: _make_plain(value) for key, value in values.pop("metadata").items()}

    def list_cells(self) -> tuple[str, ...]:
        """Return the cells of its line in a table."""
        span = (f"{self.start:.2f}", f"{self.start + self.duration:.2f}")
        return (self.source, *span, f"{self.similarity:.3f}", ", ".join(self.tags))


def list_matches(index: Index, matches: Matches) -> list[Match]:
    """Return what was found, the nearest first."""
    names = list(index.manifest.metadata)
    rows = index.rows.take(pa.array(matches.rows)).to_pylist()
    return [
        Match(
            place + 1,
            similarity,
            number,
            row["source"],
            row["start"],
            row["duration"],
            None if row["time"] is None else row["time"].isoformat(),
            row["tags"] or [],
            {name: row[name] for name in names},
        )
        for place, (number, similarity, row) in enumerate(
            zip(matches.rows.tolist(), matches.similarities.tolist(), rows, strict=True)
        )
    ]


def write_matches(
    matches: Sequence[Match], index: Index, name: str, label: str, print_data: Callable[[str], None], out: Path | None
) -> None:
    """Write matches in a format, into a file or to standard output.

    Parameters
    ----------
    matches
        What was found.
    index
        Where.
    name
        A name of :data:`OWN_FORMATS` or :data:`DETECTION_FORMATS`.
    label
        The class of each row, in the latter.
    print_data
        Writes text to standard output.
    out
        The file; None for standard output.

    Raises
    ------
    UsageError
        When a format does not go to standard output, or cannot hold rows of several recordings.
    """
    if out is not None:
        check_output(out)
    if name in DETECTION_FORMATS:
        _write_detections(matches, index, name, label, print_data, out)
    elif name == "parquet":
        if out is None:
            raise UsageError("--format", "parquet on standard output", "a format of text", "name a file with --out")
        with write_atomically(out) as temporary:
            pq.write_table(_make_table(matches, index), temporary)
    else:
        text = format_json_list(matches) if name == "json" else format_csv(matches, index.manifest.metadata)
        print_data(text) if out is None else write_text(out, text)


def choose_format(name: str | None, out: Path | None) -> str:
    """Return the format of a file by its suffix where none is named; ``table`` without a file.

    Raises
    ------
    UsageError
        When the suffix is that of none.
    """
    if name is not None and (name != "table" or out is None):
        return name
    if out is None:
        return "table"
    suffixes = {FORMATS[one].suffix: one for one in (*DETECTION_FORMATS, *OWN_FORMATS)}
    known = next((one for suffix, one in suffixes.items() if out.name.endswith(suffix)), None)
    if name == "table" or known is None:
        found = "table in a file" if name == "table" else f"{out}"
        raise UsageError(
            "--format" if name else "--out", found, f"--format, or a name that ends in {', '.join(suffixes)}"
        )
    return known


def format_json_list(matches: Sequence[Match]) -> str:
    """Return a JSON array with a line per match."""
    lines = ",\n".join(json.dumps(one.as_json(), ensure_ascii=False, default=str) for one in matches)
    return escape_json(f"[\n{lines}\n]\n" if lines else "[]\n")


def format_csv(matches: Sequence[Match], metadata: Sequence[str]) -> str:
    """Return a CSV table; cells that a spreadsheet would take for a formula are defused."""
    buffer = io.StringIO()
    table = csv.writer(buffer, lineterminator="\n")
    head = ["rank", "similarity", "row", "source", "start", "duration", "time", "tags", *metadata]
    table.writerow([_clean(name) for name in head])
    for one in matches:
        values = one.as_json()
        cells = [values[name] for name in head]
        cells[7] = "; ".join(one.tags)
        table.writerow([_clean(cell) if isinstance(cell, str) else cell for cell in cells])
    return buffer.getvalue()


def _make_table(matches: Sequence[Match], index: Index) -> pa.Table:
    rows = index.rows.take(pa.array([one.row for one in matches], pa.int64())).drop_columns(["probabilities"])
    own = {
        "rank": pa.array([one.rank for one in matches], pa.int64()),
        "similarity": pa.array([one.similarity for one in matches], pa.float64()),
        "row": pa.array([one.row for one in matches], pa.int64()),
    }
    return pa.Table.from_arrays([*own.values(), *rows.columns], names=[*own, *rows.column_names])


def _write_detections(
    matches: Sequence[Match], index: Index, name: str, label: str, print_data: Callable[[str], None], out: Path | None
) -> None:
    sources = {one.source for one in matches}
    if len(sources) > 1 and not FORMATS[name].several:
        hint = "choose one: --where \"source = '...'\""
        raise UsageError("--format", f"{name} for {len(sources)} recordings", "one recording", hint)
    context = Context(highest=index.manifest.model.sample_rate / 2.0, root=index.manifest.root)
    if out is None:
        writer = open_text(name, print_data, context)
        _write_tags(writer, matches, label)
        writer.close()
        return
    with open_file(name, out, context) as writer:
        _write_tags(writer, matches, label)


def _write_tags(writer: DetectionWriter, matches: Sequence[Match], label: str) -> None:
    ordered = sorted(matches, key=lambda one: (one.source, one.start))
    for source, group in groupby(ordered, key=lambda one: one.source):
        found = list(group)
        writer.write([Tag(source, one.start, one.duration, label, max(0.0, one.similarity)) for one in found])
        writer.end_file(source, max(one.start + one.duration for one in found))


def _clean(text: str) -> str:
    return defuse(escape_controls(text))


def _make_plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
