"""A table that Embedding Atlas opens: the rows of an index with their map, their nearest neighbours and their sound.

    embedding-atlas atlas.parquet --x x --y y --neighbors neighbors --audio audio

``neighbors`` is a structure of ``ids``, numbers of rows of the table, and ``distances``. ``audio`` is one of ``bytes``, a FLAC file
of the segment, and ``path``, as the audio columns of Hugging Face's datasets.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Float64, Int64

from hearsight.console import track
from hearsight.errors import MediaError, UsageError
from hearsight.files import check_output, write_atomically
from hearsight.media.audio import stream_audio
from hearsight.media.audio_file import encode_flac
from hearsight.search.index import Index
from hearsight.search.plane import normalize
from hearsight.units import to_samples

NEIGHBORS = 10
"""Neighbours of a row."""
MOST_ROWS = 200_000
"""Rows up to which neighbours are computed: every row is compared with every other one."""
GROUP_ROWS = 1_024
"""Rows that are written at a time: their sound is held."""
BLOCK_SECONDS = 30.0
_BLOCK_ROWS = 16_384
_NEIGHBORS = pa.struct([("ids", pa.list_(pa.int64())), ("distances", pa.list_(pa.float32()))])
_AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
_OWN = [("x", pa.float32()), ("y", pa.float32()), ("neighbors", _NEIGHBORS), ("audio", _AUDIO)]


def write_atlas(index: Index, out: Path) -> int:
    """Write the table, in memory that does not grow with it, and return its number of rows.

    Parameters
    ----------
    index
        An index with a map.
    out
        The ``.parquet`` file. The sound of a recording that cannot be read is null.

    Raises
    ------
    UsageError
        When the index has no map, or the file has another suffix.
    MachineError
        When the file cannot be written.
    """
    check_atlas(out)
    places = index.places
    if places is None:
        raise UsageError(index.folder, "an index without a map", "one with a map", "hearsight index … --map makes it")
    rows = index.rows.drop_columns(["probabilities"])
    taken = {name for name, _ in _OWN} & set(rows.column_names)
    rows = rows.rename_columns([f"{name}_" if name in taken else name for name in rows.column_names])
    schema = pa.schema([*rows.schema, *(pa.field(name, kind) for name, kind in _OWN)])
    with write_atomically(out) as temporary, pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
        sounds = _read_sounds(index)
        with track("writing the atlas", len(rows), "segments") as bar:
            for first in range(0, len(rows), GROUP_ROWS):
                part = rows.slice(first, GROUP_ROWS)
                numbers = np.arange(first, first + len(part))
                audio = pa.array([next(sounds) for _ in numbers], _AUDIO)
                own = [pa.array(places[numbers, axis]) for axis in (0, 1)]
                own += [_list_neighbors(index, numbers), audio]
                writer.write_table(pa.Table.from_arrays([*part.columns, *own], schema=schema))
                bar.advance(len(part))
    return len(rows)


def check_atlas(out: Path) -> None:
    """Check that a table can be written to a file; errors as :func:`write_atlas`."""
    if out.suffix != ".parquet":
        raise UsageError("--atlas", f"{out}", "a file name that ends in .parquet")
    check_output(out)


def find_neighbors(
    index: Index, rows: Int64[np.ndarray, " chosen"], count: int = NEIGHBORS
) -> tuple[Int64[np.ndarray, "chosen neighbors"], Float32[np.ndarray, "chosen neighbors"]]:
    """Return the rows that are most similar to each of some rows, itself left out, and their distances: 1 − cosine, in 32 bits."""
    vectors = normalize(index.embeddings, index.norms, rows)
    count = min(count, index.manifest.rows - 1)
    best = np.full((len(rows), 0), 0, np.int64), np.zeros((len(rows), 0), np.float32)
    for first in range(0, index.manifest.rows, _BLOCK_ROWS):
        others = np.arange(first, min(first + _BLOCK_ROWS, index.manifest.rows))
        distances = 1.0 - vectors @ normalize(index.embeddings, index.norms, others).T
        distances[rows[:, None] == others] = np.inf
        ids = np.concatenate([best[0], np.broadcast_to(others, distances.shape)], axis=1)
        values = np.concatenate([best[1], distances], axis=1)
        kept = np.argpartition(values, min(count, values.shape[1] - 1), axis=1)[:, :count]
        best = np.take_along_axis(ids, kept, axis=1), np.take_along_axis(values, kept, axis=1)
    order = np.lexsort((best[0], best[1]), axis=1)
    return np.take_along_axis(best[0], order, axis=1), np.take_along_axis(best[1], order, axis=1)


def _list_neighbors(index: Index, rows: Int64[np.ndarray, " chosen"]) -> pa.Array:
    if index.manifest.rows > MOST_ROWS or index.manifest.rows < 2:
        return pa.nulls(len(rows), _NEIGHBORS)
    ids, distances = find_neighbors(index, rows)
    lists = [pa.array(list(values)) for values in (ids, np.maximum(distances, 0.0))]
    return pa.StructArray.from_arrays(lists, fields=list(_NEIGHBORS))


def _read_sounds(index: Index) -> Iterator[dict[str, object]]:
    """Return the sound of every row, in their order: one pass over each recording."""
    rate = index.manifest.model.sample_rate
    columns = (index.rows[name].to_pylist() for name in ("source", "start", "duration"))
    for source, group in groupby(zip(*columns, strict=True), key=lambda row: row[0]):
        spans = np.array([row[1:] for row in group], np.float64)
        path = index.locate(source)
        for number, sound in enumerate(_cut(path, spans, rate)):
            content = None if sound is None else encode_flac(sound, rate)
            yield {"bytes": content, "path": f"{path.name}@{spans[number, 0]:g}"}


def _cut(
    path: Path, spans: Float64[np.ndarray, "spans 2"], rate: int
) -> Iterator[Float32[np.ndarray, " samples"] | None]:
    """Return the sound of spans that are in order of time; None from where the recording cannot be read."""
    held, start = np.zeros(0, np.float32), 0
    blocks = stream_audio(path, rate, BLOCK_SECONDS)
    for begin, duration in spans.tolist():
        first, last = to_samples(begin, rate), to_samples(begin + duration, rate)
        while start + len(held) < last:
            try:
                block = next(blocks, None)
            except MediaError:
                block = None
            if block is None:
                break
            dropped = min(max(0, first - start), len(held))
            held, start = np.concatenate([held[dropped:], block]), start + dropped
        found = held[max(0, first - start) : max(0, last - start)]
        yield found if len(found) else None
