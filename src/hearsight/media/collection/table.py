"""Any number of sources as an Arrow table: sorted, each once, with where they come from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import pyarrow as pa
import pyarrow.compute
from jaxtyping import Bool, Int64

from hearsight.records import SOURCE_SCHEMA, Source
from hearsight.text import make_encodable

_BATCH = 4_096
_compute: Any = pyarrow.compute  # its functions are made when it is imported, where no type checker sees them
_SCHEMA = pa.schema(
    [
        ("path", pa.binary()),  # names of files are bytes, and not always text
        ("start", pa.float64()),
        ("end", pa.float64()),
        ("may_be_excerpt", pa.bool_()),
        ("group", pa.string()),
        ("key", pa.string()),
        ("list", pa.string()),
        ("format", pa.string()),
        ("line", pa.int64()),
        ("id", pa.string()),
        ("url", pa.string()),
        ("listed_start", pa.float64()),
        ("listed_end", pa.float64()),
        ("labels", pa.string()),
    ]
)


@dataclasses.dataclass(frozen=True)
class FoundSource:
    """A source, and where it comes from.

    Attributes
    ----------
    source
        The file and span.
    group
        Name of the group of sources whose share is given; empty for the others.
    key
        What names the source on every machine: its id in the list, or its path below what the user named.
    list, format, line, id, url, listed_start, listed_end, labels
        Of the entry of a list, as :data:`~hearsight.records.SOURCE_SCHEMA` has them; None for other sources.
    """

    source: Source
    group: str = ""
    key: str = ""
    list: str | None = None
    format: str | None = None
    line: int | None = None
    id: str | None = None
    url: str | None = None
    listed_start: float | None = None
    listed_end: float | None = None
    labels: str | None = None

    def as_row(self) -> dict[str, Any]:
        """Return the row of the table."""
        values = {name: getattr(self, name) for name in _SCHEMA.names[4:]}
        row = {name: make_encodable(value) if isinstance(value, str) else value for name, value in values.items()}
        source = self.source
        return row | {
            "path": os.fsencode(source.path),
            "start": source.start,
            "end": source.end,
            "may_be_excerpt": source.may_be_excerpt,
        }


class SourceTable(Sequence[Source]):
    """Sources in order of path, start and end; each is stored as a row, and becomes an object when it is asked for."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    @classmethod
    def gather(cls, found: Iterator[FoundSource]) -> SourceTable:
        """Take all sources, sort them, and keep the first of those that are of the same file and span."""
        batches: list[pa.RecordBatch] = []
        rows: list[dict[str, Any]] = []
        for one in found:
            rows.append(one.as_row())
            if len(rows) == _BATCH:
                batches.append(pa.RecordBatch.from_pylist(rows, schema=_SCHEMA))
                rows = []
        batches.append(pa.RecordBatch.from_pylist(rows, schema=_SCHEMA))
        table = pa.Table.from_batches(batches, _SCHEMA)
        order = [(name, "ascending") for name in ("path", "start", "end", "list", "line")]
        table = table.take(_compute.sort_indices(table, sort_keys=order)).combine_chunks()
        return cls(table.filter(pa.array(_find_first(table))))

    def take(self, rows: Int64[np.ndarray, " rows"]) -> SourceTable:
        """Return the table of these rows, in their order."""
        return SourceTable(self.table.take(pa.array(rows)))

    def __len__(self) -> int:
        return self.table.num_rows

    @overload
    def __getitem__(self, index: int) -> Source: ...
    @overload
    def __getitem__(self, index: slice) -> SourceTable: ...
    def __getitem__(self, index: int | slice) -> Source | SourceTable:
        """Return a source, or the table of several."""
        if isinstance(index, slice):
            first, last, step = index.indices(len(self))
            return self.take(np.arange(first, last, step, dtype=np.int64))
        place = range(len(self))[index]
        return next(iter(SourceTable(self.table.slice(place, 1))))

    def __iter__(self) -> Iterator[Source]:
        for batch in self.table.select(["path", "start", "end", "may_be_excerpt"]).to_batches(max_chunksize=_BATCH):
            columns = [column.to_pylist() for column in batch.columns]
            for path, start, end, may_be_excerpt in zip(*columns, strict=True):
                yield Source(os.fsdecode(path), start, end, may_be_excerpt)

    def digest(self) -> str:
        """Return the SHA-256 of the files and spans, which does not depend on the order in which they were named."""
        content = hashlib.sha256(b'{"sources": [')
        for number, source in enumerate(self):
            values: list[Any] = [source.path, source.start, source.end]
            values += ["may be an excerpt"] if source.may_be_excerpt else []
            text = ("" if number == 0 else ", ") + json.dumps(values, ensure_ascii=False)
            content.update(text.encode("utf-8", "backslashreplace"))
        content.update(b"]}")
        return content.hexdigest()

    def list_provenance(self) -> pa.Table | None:
        """Return the rows that come from lists, of :data:`~hearsight.records.SOURCE_SCHEMA`; None if there is none."""
        listed = self.table.filter(_compute.is_valid(self.table["format"]))
        if not listed.num_rows:
            return None
        paths = pa.array([make_encodable(os.fsdecode(path)) for path in listed["path"].to_pylist()], pa.string())
        return listed.set_column(0, "path", paths).select(SOURCE_SCHEMA.names).cast(SOURCE_SCHEMA)


def _find_first(table: pa.Table) -> Bool[np.ndarray, " rows"]:
    """Mark each row of a sorted table that is of another file or span than the row before it."""
    first = np.ones(table.num_rows, bool)
    if table.num_rows > 1:
        same = np.ones(table.num_rows - 1, bool)
        for name in ("path", "start", "end"):
            column = table[name].combine_chunks()
            earlier, later = column.slice(0, len(column) - 1), column.slice(1)
            equal = _compute.fill_null(_compute.equal(earlier, later), pa.scalar(False))
            both = _compute.and_(_compute.is_null(earlier), _compute.is_null(later))
            same &= np.asarray(_compute.or_(equal, both))
        first[1:] = ~same
    return first
