"""The rejections of a build: gathered in a file while it runs, and sorted into ``rejected.parquet``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.clips.database import open_database
from hearsight.files import make_folder, report_output_errors, write_atomically
from hearsight.records import REJECTION_SCHEMA, Rejection
from hearsight.text import make_encodable

_ROWS = 8192
_ROW_GROUP = 131_072
_SORTED = "SELECT * FROM rejection ORDER BY path, start, reason, detail, duration"


class RejectionWriter:
    """Gathers rejections in a Parquet file, some thousands at a time.

    Parameters
    ----------
    path
        The file, which is replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        make_folder(path.parent)
        self._rows: list[Rejection] = []
        with report_output_errors(path):
            self._writer = pq.ParquetWriter(path, REJECTION_SCHEMA)

    def append(self, rejection: Rejection) -> None:
        """Add a rejection."""
        self.counts[str(rejection.reason)] += 1
        self._rows.append(rejection)
        if len(self._rows) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        columns = [
            pa.array([make_encodable(row.path) for row in self._rows]),
            pa.array([row.start for row in self._rows], pa.float64()),
            pa.array([row.duration for row in self._rows], pa.float64()),
            pa.array([str(row.reason) for row in self._rows]),
            pa.array([make_encodable(row.detail) for row in self._rows]),
        ]
        with report_output_errors(self.path):
            self._writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=REJECTION_SCHEMA))
        self._rows = []

    def __enter__(self) -> RejectionWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._rows and error is None:
            self._flush()
        with report_output_errors(self.path):
            self._writer.close()


def write_rejections(gathered: Path, out: Path, memory_limit: str, earlier: Path | None = None) -> None:
    """Write ``rejected.parquet``: the gathered rejections and those of another file, sorted by path, start and reason."""
    files = [gathered] if earlier is None else [gathered, earlier]
    with (
        open_database(memory_limit) as database,
        write_atomically(out) as temporary,
        pq.ParquetWriter(temporary, REJECTION_SCHEMA, compression="zstd", write_page_checksum=True) as writer,
    ):
        database.add_source("rejection", files)
        held: list[pa.RecordBatch] = []
        for batch in database.stream(_SORTED):
            held.append(batch)
            if sum(map(len, held)) >= _ROW_GROUP:
                writer.write_table(_join(held))
                held = []
        if held or not sum(map(gathered_rows, files)):
            writer.write_table(_join(held))


def gathered_rows(path: Path) -> int:
    """Return the number of gathered rejections."""
    return pq.read_metadata(path).num_rows


def _join(batches: list[pa.RecordBatch]) -> pa.Table:
    if not batches:
        return REJECTION_SCHEMA.empty_table()
    return pa.Table.from_batches(batches).combine_chunks().cast(REJECTION_SCHEMA)
