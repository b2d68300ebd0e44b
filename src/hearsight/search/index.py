"""Reading an index: its rows and embeddings, the rows that fulfil a condition, and those that are nearest to a vector."""

from __future__ import annotations

import functools
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Bool, Float, Float32, Int64

from hearsight.errors import IndexFolderError, UsageError
from hearsight.listening.listener import Listener
from hearsight.search.manifest import Manifest, check_model, read_manifest
from hearsight.search.nearest import Matches, find_nearest
from hearsight.search.where import select_rows


class Index:
    """An index of recordings, opened for reading.

    Attributes
    ----------
    folder
        Where it is.
    manifest
        What it holds.
    embeddings
        A memory map [rows, dimensions].
    norms
        The length of each embedding.

    Examples
    --------
    >>> index = Index.open("index")  # doctest: +SKIP
    >>> matches = index.query(index.embeddings[0], top=5, where="source LIKE '%.wav'")  # doctest: +SKIP
    >>> index.rows.take(matches.rows).select(["source", "start"])  # doctest: +SKIP
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self.embeddings: Float32[np.ndarray, "rows dim"] = self._map(manifest.embeddings, 2)
        self.norms: Float32[np.ndarray, " rows"] = self._map(manifest.norms, 1)
        # opened immediately, so that they can still be read when the index is replaced
        self._rows, self._recordings = (self._open(name) for name in (manifest.rows_table, manifest.recordings_table))

    @classmethod
    def open(cls, path: str | Path) -> Index:
        """Open an index.

        Parameters
        ----------
        path
            The folder that ``hearsight index`` wrote.

        Raises
        ------
        IndexFolderError
            When there is none, or it is damaged.
        """
        return cls(Path(path), read_manifest(Path(path)))

    @functools.cached_property
    def rows(self) -> pa.Table:
        """The table of segments: :data:`~hearsight.search.manifest.ROWS` and the columns of metadata."""
        table = self._read(self._rows, self.manifest.rows_table)
        if len(table) != self.manifest.rows:
            raise IndexFolderError(self.folder, f"{len(table):,} rows in its table", f"{self.manifest.rows:,}")
        return table

    @functools.cached_property
    def recordings(self) -> pa.Table:
        """The table of recordings: :data:`~hearsight.search.manifest.RECORDINGS` and the columns of metadata."""
        return self._read(self._recordings, self.manifest.recordings_table)

    @functools.cached_property
    def places(self) -> Float32[np.ndarray, "rows 2"] | None:
        """The map: a place in a plane for each row, from −1 to 1; None if ``hearsight index --map`` was not used."""
        if self.manifest.map is None:
            return None
        return self._load(self.manifest.map, (self.manifest.rows, 2))

    def check_model(self, listener: Listener) -> None:
        """Check that a network is the one that made the embeddings.

        Raises
        ------
        UsageError
            When it is another one.
        """
        check_model(self.manifest, listener, self.folder)

    def locate(self, source: str) -> Path:
        """Return the file of a source: relative ones start from the folder in which the index was made."""
        return Path(self.manifest.root, source)

    def find_rows(self, path: str | Path) -> Int64[np.ndarray, " rows"]:
        """Return the numbers of the rows of a file; none if it is not in the index."""
        ends = np.cumsum(self.recordings["rows"].to_numpy())
        wanted = os.path.realpath(path)
        for source, end, count in zip(
            self.recordings["source"].to_pylist(), ends.tolist(), self.recordings["rows"].to_pylist(), strict=True
        ):
            if Path(source).name == Path(path).name and os.path.realpath(self.locate(source)) == wanted:
                return np.arange(end - count, end)
        return np.zeros(0, np.int64)

    def select(self, where: str) -> Int64[np.ndarray, " selected"]:
        """Return the numbers of the rows that fulfil a condition; see :func:`~hearsight.search.where.select_rows`."""
        return select_rows(self.rows, where)

    def query(
        self,
        vector: Float[np.ndarray, " dim"],
        *,
        top: int = 20,
        where: str | None = None,
        leave_out: Int64[np.ndarray, " rows"] | None = None,
    ) -> Matches:
        """Return the rows that are nearest to a vector, by cosine; exact.

        Parameters
        ----------
        vector
            An embedding.
        top
            Most rows that are returned.
        where
            A condition on the rows, an expression of SQL over the columns of the table.
        leave_out
            Rows that are not returned.

        Raises
        ------
        UsageError
            When the vector has another length, is not finite, or is zero; or when the condition cannot be evaluated.
        """
        query = np.asarray(vector, np.float64)
        if query.shape != (self.manifest.dimensions,):
            raise UsageError("vector", f"shape {query.shape}", f"({self.manifest.dimensions},)")
        if not np.isfinite(query).all() or not query.any():
            found = "zeros only" if np.isfinite(query).all() else "numbers that are not finite"
            raise UsageError("vector", found, "an embedding, which has a direction")
        if top < 1:
            raise UsageError("top", f"{top}", "at least 1")
        return find_nearest(self.embeddings, self.norms, query, top, self._allow(where, leave_out))

    def _allow(
        self, where: str | None, leave_out: Int64[np.ndarray, " some"] | None
    ) -> Bool[np.ndarray, " rows"] | None:
        if where is None and leave_out is None:
            return None
        allowed = np.full(self.manifest.rows, where is None)
        if where is not None:
            allowed[self.select(where)] = True
        if leave_out is not None:
            allowed[leave_out] = False
        return allowed

    def _map(self, name: str, dimensions: int) -> Float32[np.ndarray, rows * dim]:
        """Map an array into memory. An empty one cannot be mapped, and is made."""
        return self._load(name, (self.manifest.rows, self.manifest.dimensions)[:dimensions])

    def _load(self, name: str, shape: tuple[int, ...]) -> Float32[np.ndarray, rows * dim]:
        try:
            if not self.manifest.rows:
                return np.zeros(shape, np.float32)
            array = np.load(self.folder / name, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self._explain(name, error, "an array") from error
        if array.shape != shape or array.dtype != np.float32:
            raise IndexFolderError(self.folder / name, f"{array.dtype} {array.shape}", f"float32 {shape}")
        return array

    def _open(self, name: str) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.folder / name, memory_map=True)
        except (OSError, pa.ArrowException) as error:
            raise self._explain(name, error, "a table") from error

    def _read(self, file: pq.ParquetFile, name: str) -> pa.Table:
        try:
            return file.read()
        except (OSError, pa.ArrowException) as error:
            raise self._explain(name, error, "a table") from error

    def _explain(self, name: str, error: Exception, wanted: str) -> IndexFolderError:
        if isinstance(error, FileNotFoundError):
            return IndexFolderError(
                self.folder / name, "no such file", wanted, "if it was indexed meanwhile, open it again"
            )
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return IndexFolderError(self.folder / name, f"cannot be read ({' '.join(reason.split()):.200})", wanted)
