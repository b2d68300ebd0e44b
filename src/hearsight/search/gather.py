"""Gathering an index: the rows of the finished one and those of recordings that were done since, in the order of their names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float32

from hearsight.search.index import Index
from hearsight.search.manifest import RECORDINGS, ROWS, ModelIdentity
from hearsight.search.metadata import Metadata, parse_times
from hearsight.search.parts import ROWS_AT_A_TIME, read_part
from hearsight.search.writer import write_index


@dataclasses.dataclass(frozen=True)
class Source:
    """A recording of an index.

    Attributes
    ----------
    source
        Its name.
    size, mtime_ns, parameters
        The state of the file, and digest of what else its rows depend on.
    rows, duration
        Segments, and seconds of sound.
    error
        Why it could not be read to its end; None if it could.
    first
        Number of its first row in the finished index.
    part
        The file of its rows; None where they are in the finished index, or where there are none.
    """

    source: str
    size: int
    mtime_ns: int
    parameters: str
    rows: int
    duration: float
    error: str | None
    first: int = 0
    part: Path | None = None


def list_finished(index: Index) -> dict[str, Source]:
    """Return the recordings of a finished index by name; its rows are in the order of these."""
    found: dict[str, Source] = {}
    first = 0
    names = ("source", "size", "mtime_ns", "parameters", "rows", "duration", "error")
    for values in index.recordings.select(list(names)).to_pylist():
        found[values["source"]] = Source(**values, first=first)
        first += values["rows"]
    return found


def gather(
    out: Path,
    old: Index | None,
    sources: Sequence[Source],
    head: tuple[ModelIdentity, int, str],
    metadata: Metadata | None,
) -> Index:
    """Write an index of recordings in place of the finished one.

    Parameters
    ----------
    out
        The folder.
    old
        The finished index; None if there is none.
    sources
        The recordings, in the order in which their rows are written.
    head
        Which network made the embeddings, the length of one, and the folder that relative sources start from.
    metadata
        Columns in place of those of the finished index; None keeps these.
    """
    names = [one.source for one in sources]
    columns = _align(names, old, metadata)
    times = parse_times(names)
    with write_index(out, *head, columns.schema) as writer:
        for place, source in enumerate(sources):
            fixed = [columns[name][place] for name in columns.column_names]
            for segments, embeddings in _read(old, source):
                writer.add(_complete(segments, source.source, times[place], fixed, columns.schema), embeddings)
        writer.finish(_make_recordings(sources, times, columns))
    return Index.open(out)


def _align(names: Sequence[str], old: Index | None, metadata: Metadata | None) -> pa.Table:
    """Return the columns of metadata with a row for each recording."""
    if metadata is not None:
        return metadata.align(names)
    if old is None or not old.manifest.metadata:
        return pa.table({})
    known = {name: place for place, name in enumerate(old.recordings["source"].to_pylist())}
    places = np.fromiter((known.get(name, -1) for name in names), np.int64, len(names))
    return old.recordings.select(list(old.manifest.metadata)).take(pa.array(places, mask=places < 0))


def _read(old: Index | None, source: Source) -> Iterator[tuple[pa.Table, Float32[np.ndarray, "rows dim"]]]:
    """Return the segments of a recording in parts, with their embeddings."""
    if source.part is not None:
        yield from read_part(source.part)
    elif old is not None and source.rows:
        for first in range(source.first, source.first + source.rows, ROWS_AT_A_TIME):
            count = min(ROWS_AT_A_TIME, source.first + source.rows - first)
            table = old.rows.select([name for name in ROWS.names if name not in ("source", "time")])
            yield table.slice(first, count), old.embeddings[first : first + count]


def _complete(
    segments: pa.Table, source: str, time: pa.TimestampScalar, fixed: Sequence[pa.Scalar], metadata: pa.Schema
) -> pa.Table:
    """Return the rows of an index for segments of one recording."""
    count = len(segments)
    clock: pa.Array = pa.nulls(count, pa.timestamp("us"))
    if time.is_valid:
        offsets = np.round(segments["start"].to_numpy() * 1e6).astype("timedelta64[us]")
        clock = pa.array(np.datetime64(time.as_py(), "us") + offsets)
    columns = {"source": pa.repeat(source, count), "time": clock}
    columns |= {name: segments[name] for name in segments.column_names}
    schema = pa.schema([*ROWS, *metadata])
    arrays = [columns[field.name] for field in ROWS] + [pa.repeat(value, count) for value in fixed]
    return pa.Table.from_arrays(arrays, schema=schema)


def _make_recordings(sources: Sequence[Source], times: pa.Array, columns: pa.Table) -> pa.Table:
    values = {
        field.name: times
        if field.name == "time"
        else pa.array([getattr(one, field.name) for one in sources], field.type)
        for field in RECORDINGS
    }
    arrays = [*values.values(), *(columns[name].combine_chunks() for name in columns.column_names)]
    return pa.Table.from_arrays(arrays, schema=pa.schema([*RECORDINGS, *columns.schema]))
