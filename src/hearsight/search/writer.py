"""Writing an index: rows and embeddings go to new files, and the manifest that names these is replaced at the end."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Generator
from io import BufferedWriter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from hearsight.files import find_temporary_files, write_atomically
from hearsight.search.manifest import RECORDINGS, ROWS, Manifest, ModelIdentity, write_manifest

GROUP_ROWS = 65_536
"""Rows of a row group of the table."""


class IndexWriter:
    """Takes up rows, and then the recordings that they belong to, as :func:`write_index` opens it.

    Attributes
    ----------
    num_rows
        Rows so far.
    """

    def __init__(self, arrays: tuple[BufferedWriter, BufferedWriter], table: pq.ParquetWriter, dim: int) -> None:
        self._embeddings, self._norms = arrays
        self._table, self._dim = table, dim
        self._waiting: list[pa.Table] = []
        self.num_rows = 0
        self.recordings: pa.Table | None = None
        self._write_heads()

    def add(self, rows: pa.Table, embeddings: Float32[np.ndarray, "rows dim"]) -> None:
        """Add rows with their embeddings."""
        self._embeddings.write(np.ascontiguousarray(embeddings, np.float32).data)
        wide = embeddings.astype(np.float64)
        self._norms.write(np.sqrt((wide * wide).sum(axis=1)).astype(np.float32).data)
        self._waiting.append(rows)
        self.num_rows += len(rows)
        if sum(map(len, self._waiting)) >= GROUP_ROWS:
            self._flush()

    def finish(self, recordings: pa.Table) -> None:
        """Add the table of recordings, and write what is left."""
        self.recordings = recordings
        self._flush()
        for file in (self._embeddings, self._norms):
            file.seek(0)
        self._write_heads()

    def _flush(self) -> None:
        if self._waiting:
            self._table.write_table(pa.concat_tables(self._waiting).combine_chunks())
            self._waiting = []

    def _write_heads(self) -> None:
        """Write the heads of the arrays; NumPy leaves room in them for the first axis to grow."""
        for file, rest in ((self._embeddings, (self._dim,)), (self._norms, ())):
            head = {"descr": "<f4", "fortran_order": False, "shape": (self.num_rows, *rest)}
            np.lib.format.write_array_header_1_0(file, head)


@contextlib.contextmanager
def write_index(folder: Path, model: ModelIdentity, dim: int, root: str, metadata: pa.Schema) -> Generator[IndexWriter]:
    """Write an index: it takes the place of the one before it when the block ends without an error.

    Parameters
    ----------
    folder
        The index; created where it is missing.
    model
        Which network made the embeddings.
    dim
        Length of an embedding.
    root
        The folder that relative sources start from.
    metadata
        The columns of metadata.

    Raises
    ------
    UnwritableError
        When it cannot be written.
    """
    mark = secrets.token_hex(8)
    names = [f"{name}-{mark}.npy" for name in ("embeddings", "norms")]
    names += [f"{name}-{mark}.parquet" for name in ("rows", "recordings")]
    schema = pa.schema([*ROWS, *metadata])
    with contextlib.ExitStack() as stack:
        paths = [stack.enter_context(write_atomically(folder / name)) for name in names]
        arrays = (stack.enter_context(paths[0].open("wb")), stack.enter_context(paths[1].open("wb")))
        # sources repeat, metadata too: dictionaries keep them small on the disk, and in memory where they are read as such
        table = stack.enter_context(pq.ParquetWriter(paths[2], schema, compression="zstd"))
        writer = IndexWriter(arrays, table, dim)
        yield writer
        recordings = pa.Table.from_pylist([], pa.schema([*RECORDINGS, *metadata]))
        recordings = writer.recordings if writer.recordings is not None else recordings
        pq.write_table(recordings, paths[3], compression="zstd")
    manifest = Manifest(
        model=model,
        dimensions=dim,
        rows=writer.num_rows,
        recordings=len(recordings),
        failed=len(recordings) - recordings["error"].null_count,
        root=root,
        metadata=tuple(metadata.names),
        embeddings=names[0],
        norms=names[1],
        rows_table=names[2],
        recordings_table=names[3],
    )
    write_manifest(folder, manifest)
    sweep(folder, manifest)


def sweep(folder: Path, manifest: Manifest) -> None:
    """Remove the files of indexes before this one; what cannot be removed does no harm."""
    for name in ("embeddings-*.npy", "norms-*.npy", "rows-*.parquet", "recordings-*.parquet", "map-*.npy"):
        for path in folder.glob(name):
            if path.name not in manifest.list_files():
                with contextlib.suppress(OSError):
                    path.unlink()
    for path in find_temporary_files(folder):
        with contextlib.suppress(OSError):
            path.unlink()
