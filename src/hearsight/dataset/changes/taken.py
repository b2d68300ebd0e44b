"""The sources that a dataset was made from, by which a later build finds those that are new: ``taken.parquet``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.parquet as pq
from jaxtyping import Bool

from hearsight.errors import DatasetError
from hearsight.files import write_atomically
from hearsight.media.collection.table import SourceTable

_compute: Any = pyarrow.compute  # its functions are made when it is imported, where no type checker sees them
TAKEN_SCHEMA = pa.schema(
    [("path", pa.binary()), ("start", pa.float64()), ("end", pa.float64()), ("may_be_excerpt", pa.bool_())]
)
"""Columns of ``taken.parquet``. Paths are bytes, as names of files are."""


def write_taken(path: Path, sources: SourceTable) -> None:
    """Write the sources, each with its span."""
    table = sources.table.select(TAKEN_SCHEMA.names).cast(TAKEN_SCHEMA)
    with write_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)


def read_taken(path: Path) -> SourceTable:
    """Read the sources that a dataset was made from.

    Raises
    ------
    DatasetError
        When they are not recorded, as in datasets of earlier versions, or the file cannot be read.
    """
    if not path.exists():
        wanted = "the record of the sources, by which those that are new are found"
        raise DatasetError(path, "no such file: the dataset is of an earlier version", wanted, "build it again")
    try:
        return SourceTable(pq.read_table(path, page_checksum_verification=True).cast(TAKEN_SCHEMA))
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(path, f"cannot be read ({error})", "the sources of the dataset") from error


def find_in(sources: SourceTable, others: SourceTable) -> Bool[np.ndarray, " sources"]:
    """Return for each source whether it is one of the others: the same file and span."""
    places = _compute.index_in(_make_keys(sources.table), value_set=_make_keys(others.table))
    return np.asarray(_compute.is_valid(places))


def unite_sources(first: SourceTable, second: SourceTable) -> SourceTable:
    """Return the sources of two tables that have none in common, sorted as a build sorts them."""
    tables = [one.table.select(TAKEN_SCHEMA.names).cast(TAKEN_SCHEMA) for one in (first, second)]
    order = [(name, "ascending") for name in TAKEN_SCHEMA.names[:3]]
    table = pa.concat_tables(tables)
    return SourceTable(table.take(_compute.sort_indices(table, sort_keys=order)).combine_chunks())


def _make_keys(table: pa.Table) -> pa.Array:
    """Return the file and span of each row as bytes."""
    spans = [_compute.fill_null(_compute.cast(table[name], pa.string()), "") for name in ("start", "end")]
    columns = [table["path"], *(_compute.cast(span, pa.binary()) for span in spans)]
    keys = _compute.binary_join_element_wise(*columns, pa.scalar(b"\0", pa.binary()))
    return keys.combine_chunks() if isinstance(keys, pa.ChunkedArray) else keys
