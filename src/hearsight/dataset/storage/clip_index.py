"""The index of all clips of a build: written from the parts, sorted, and freed of duplicates, on disk throughout.

Memory does not grow with the number of clips: the index is a Parquet file, DuckDB sorts and joins it and spills to disk, and what
comes after reads it range by range. The result is a function of the set of parts. Clips are ordered by (fold, media, start).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Int64

from hearsight.allocator import return_freed_memory
from hearsight.clips.database import Database, open_database
from hearsight.clips.duplicates import find_duplicates
from hearsight.clips.folds import NUM_FOLDS, assign_fold
from hearsight.clips.links import WORDS_FIELD, link_media
from hearsight.dataset.storage.ledger import void_rows
from hearsight.dataset.storage.rejections import RejectionWriter
from hearsight.dataset.storage.reports import Extent, PartReport
from hearsight.dataset.storage.rows import PackReader
from hearsight.files import write_atomically
from hearsight.records import CLIP_SCHEMA, Rejection, RejectReason

MEMORY_LIMIT = "128MB"
"""What DuckDB may use before it spills to a temporary folder."""

_PLACE_FIELDS = [
    pa.field("pack", pa.string()),
    pa.field("offset", pa.int64()),
    pa.field("num_bytes", pa.int64()),
    pa.field("checksum", pa.uint32()),
    pa.field("row", pa.int32()),
]
INDEX_SCHEMA = pa.schema([*CLIP_SCHEMA, WORDS_FIELD, *_PLACE_FIELDS])
"""A clip, its sub-fingerprints, and where its row is."""

CHOSEN_SCHEMA = pa.schema([*CLIP_SCHEMA, *_PLACE_FIELDS])
"""A clip that is kept, and where its row is."""

_ROW_GROUP = 8192

_SORT = """
CREATE TABLE clip AS
SELECT {columns}, coalesce(link.fold, clips.fold) AS shared
FROM clips LEFT JOIN link USING (media_uuid)
ORDER BY shared, media_uuid, start, duration, source, pack, "offset", "row"
"""

_FIND_REPEATED = """
CREATE TABLE repeated AS
SELECT clip.rowid AS place, first.place AS earlier
FROM clip JOIN (SELECT uuid, min(rowid) AS place FROM clip GROUP BY uuid HAVING count(*) > 1) AS first USING (uuid)
WHERE clip.rowid <> first.place
"""

_ADD_NEAR = """
INSERT INTO repeated
WITH first AS (
    SELECT uuid, min(rowid) AS place FROM clip
    SEMI JOIN (SELECT uuid FROM near UNION SELECT duplicate_of FROM near) AS named USING (uuid) GROUP BY uuid
)
SELECT a.place, b.place FROM near JOIN first AS a ON a.uuid = near.uuid JOIN first AS b ON b.uuid = near.duplicate_of
"""

_LIST_REPEATED = """
SELECT a.source, a.start, a.duration, b.source AS earlier, b.start AS earlier_start
FROM repeated JOIN clip AS a ON a.rowid = repeated.place JOIN clip AS b ON b.rowid = repeated.earlier
"""


def write_index(path: Path, reader: PackReader, reports: Iterable[tuple[PartReport, Extent]]) -> None:
    """Write a row for each clip of all parts.

    Raises
    ------
    DatasetError
        When a part is damaged, or has not as many rows as its report says.
    """
    names = [*CLIP_SCHEMA.names, WORDS_FIELD.name]
    with write_atomically(path) as temporary, pq.ParquetWriter(temporary, INDEX_SCHEMA) as writer:
        units = (_index_unit(reader, report, extent, names) for report, extent in reports if report.num_clips)
        for rows in _gather(units, _ROW_GROUP):
            writer.write_table(rows)


def _index_unit(reader: PackReader, report: PartReport, extent: Extent, names: list[str]) -> pa.Table:
    batches = reader.read(extent)
    if len(batches) != report.num_clips:
        raise void_rows(reader.folder, extent)
    count = len(batches)
    rows = pa.Table.from_batches([batch.select(names) for batch in batches]).combine_chunks()
    places = [
        pa.array([extent.pack] * count),
        *(pa.array(np.full(count, value)) for value in (extent.offset, extent.num_bytes)),
        pa.array(np.full(count, extent.checksum, np.uint32)),
        pa.array(np.arange(count, dtype=np.int32)),
    ]
    return pa.Table.from_arrays([*rows.columns, *places], schema=INDEX_SCHEMA)


def _gather(tables: Iterator[pa.Table], num_rows: int) -> Iterator[pa.Table]:
    """Join small tables to larger ones."""
    held: list[pa.Table] = []
    count = 0
    for table in tables:
        held.append(table)
        count += len(table)
        if count >= num_rows:
            yield pa.concat_tables(held).combine_chunks()
            held, count = [], 0
    if held:
        yield pa.concat_tables(held).combine_chunks()


@dataclasses.dataclass(frozen=True)
class ChosenClips:
    """The clips of a dataset, sorted by (fold, media, start), in a Parquet file of :data:`CHOSEN_SCHEMA`.

    Attributes
    ----------
    path
        The file.
    fold_counts
        Clips of each fold.
    seconds
        Total duration.
    """

    path: Path
    fold_counts: Int64[np.ndarray, " folds"]
    seconds: float

    def __len__(self) -> int:
        return int(self.fold_counts.sum())

    def read(self, first: int, count: int) -> pa.Table:
        """Return a range of the clips."""
        return read_range(self.path, first, count)

    def stream(self) -> Iterator[pa.RecordBatch]:
        """Yield all clips in their order."""
        with pq.ParquetFile(self.path) as file:
            yield from file.iter_batches(_ROW_GROUP)


def read_range(path: Path, first: int, count: int) -> pa.Table:
    """Return ``count`` rows of a Parquet file, from the row ``first`` on, of which only the row groups that hold them are read."""
    with pq.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        ends = np.cumsum(sizes)
        begin = int(np.searchsorted(ends, first, side="right"))
        end = int(np.searchsorted(ends, first + count, side="left")) + 1
        if count == 0 or begin >= len(sizes):
            return file.schema_arrow.empty_table()
        rows = file.read_row_groups(list(range(begin, min(end, len(sizes)))))
    return rows.slice(first - int(ends[begin]) + sizes[begin], count).combine_chunks()


def choose_clips(index: Path, duplicates: str, out: Path, rejections: RejectionWriter) -> ChosenClips:
    """Sort the index by (fold, media, start) and drop duplicates.

    The same bytes under two paths are one media file, and their clips have the same UUIDs: those of the first path are kept. Where
    ``duplicates`` is ``drop``, clips that sound and look like an earlier one are dropped too. Media that share sound at any offset
    share a fold, whether clips of them are dropped or not.

    Parameters
    ----------
    index
        As :func:`write_index` writes it.
    duplicates
        ``drop`` or ``keep``.
    out
        The Parquet file of the clips that are kept.
    rejections
        Receives those that are dropped.
    """
    return_freed_memory()
    links = link_media(index, MEMORY_LIMIT)
    return_freed_memory()
    near = find_duplicates([index], MEMORY_LIMIT) if duplicates == "drop" else None
    with open_database(MEMORY_LIMIT) as database:
        database.add_source("clips", index)
        database.add_source("link", name_folds(links))
        columns = ", ".join(f'clips."{name}"' for name in CHOSEN_SCHEMA.names)
        database.execute(_SORT.format(columns=columns))
        database.execute(_FIND_REPEATED)
        if near is not None:
            database.add_source("near", near)
            database.execute(_ADD_NEAR)
        for rejection in _list_repeated(database):
            rejections.append(rejection)
        return write_chosen(database, out)


def name_folds(links: pa.Table) -> pa.Table:
    """Return the fold of each linked medium: that of its leader."""
    leaders = links.column("leader").unique()
    folds = pa.array([assign_fold(str(leader)) for leader in leaders], pa.int32())
    places = pc.call_function("index_in", [links.column("leader")], pc.SetLookupOptions(value_set=leaders))
    return pa.table({"media_uuid": links.column("media_uuid"), "fold": folds.take(places.combine_chunks())})


def _list_repeated(database: Database) -> Iterator[Rejection]:
    for batch in database.stream(_LIST_REPEATED):
        for source, start, duration, earlier, earlier_start in zip(*batch.to_pydict().values(), strict=True):
            detail = f"the same as {earlier} at {earlier_start:.2f} s"
            yield Rejection(source, start, duration, RejectReason.DUPLICATE, detail)


def write_chosen(database: Database, out: Path) -> ChosenClips:
    """Write the clips of the table ``clip`` that are not in ``repeated``, with the fold that they share with linked media."""
    kept = [f'"{name}"' if name != "fold" else "shared AS fold" for name in CHOSEN_SCHEMA.names]
    query = f"SELECT {', '.join(kept)} FROM clip ANTI JOIN repeated ON clip.rowid = repeated.place ORDER BY clip.rowid"
    counts, seconds = np.zeros(NUM_FOLDS, np.int64), 0.0
    with write_atomically(out) as temporary, pq.ParquetWriter(temporary, CHOSEN_SCHEMA) as writer:
        tables = (pa.Table.from_batches([batch]).cast(CHOSEN_SCHEMA) for batch in database.stream(query))
        for rows in _gather(tables, _ROW_GROUP):
            writer.write_table(rows)
            counts += np.bincount(rows.column("fold").to_numpy(), minlength=NUM_FOLDS)
            seconds += float(np.sum(rows.column("duration").to_numpy()))
    return ChosenClips(out, counts, seconds)


def count_kept_sources(clips: Sequence[Path], sources: pa.Array | pa.ChunkedArray) -> int:
    """Return how many of the sources have at least one clip in these Parquet files."""
    with open_database(MEMORY_LIMIT) as database:
        database.add_source("clip", clips)
        database.add_source("given", pa.table({"source": sources}))
        found = database.query("SELECT count(*) FROM given SEMI JOIN clip USING (source)")
    return int(found.column(0)[0].as_py())
