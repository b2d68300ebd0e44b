"""Embeddings on disk: Parquet, Arrow and CSV tables, written in memory that does not grow with them, and NumPy archives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from jaxtyping import Float32, Float64

from hearsight.errors import UsageError
from hearsight.files import check_output


@runtime_checkable
class EmbeddingWriter(Protocol):
    """Writes embeddings with the file and the span that they belong to."""

    def write(
        self, paths: list[str], spans: Float64[np.ndarray, "rows 2"], values: Float32[np.ndarray, "rows dim"]
    ) -> None:
        """Add rows: the file of each, its start and duration in seconds, its embedding."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def open_writer(out: Path, suffix: str, dim: int, metadata: Mapping[str, str]) -> EmbeddingWriter:
    """Open a writer.

    Parameters
    ----------
    out
        The file to write.
    suffix
        A key of :data:`WRITERS`.
    dim
        Length of an embedding.
    metadata
        What a Parquet schema and an archive store about the network.
    """
    return WRITERS[suffix](out, dim, metadata)


def check_suffix(out: Path) -> str:
    """Return the suffix of a file of embeddings.

    Raises
    ------
    UsageError
        When it is none of :data:`WRITERS`.
    MachineError
        When no file can be written there.
    """
    if out.suffix not in WRITERS:
        raise UsageError("--out", f"{out}", f"the name of a file that ends in {' or '.join(WRITERS)}")
    check_output(out)
    return out.suffix


class ParquetEmbeddings:
    """Columns ``path``, ``start``, ``duration``, and ``embedding``, a list of fixed length."""

    def __init__(self, out: Path, dim: int, metadata: Mapping[str, str]) -> None:
        fields = [("path", pa.string()), ("start", pa.float64()), ("duration", pa.float64())]
        self._schema = pa.schema([*fields, ("embedding", pa.list_(pa.float32(), dim))], metadata=dict(metadata))
        self._writer = self._open(out)

    def _open(self, out: Path) -> pq.ParquetWriter | pa.ipc.RecordBatchFileWriter:
        return pq.ParquetWriter(out, self._schema)

    def write(
        self, paths: list[str], spans: Float64[np.ndarray, "rows 2"], values: Float32[np.ndarray, "rows dim"]
    ) -> None:
        """Add rows, as a row group."""
        embeddings = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])
        columns = [pa.array(paths), pa.array(spans[:, 0]), pa.array(spans[:, 1]), embeddings]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


class ArrowEmbeddings(ParquetEmbeddings):
    """An Arrow IPC file with the same columns, which other programs map into memory."""

    def _open(self, out: Path) -> pq.ParquetWriter | pa.ipc.RecordBatchFileWriter:
        return pa.ipc.new_file(out, self._schema)


class CsvEmbeddings:
    """Columns ``path``, ``start``, ``duration``, and a column per number of an embedding, ``embedding_0`` and so on."""

    def __init__(self, out: Path, dim: int, metadata: Mapping[str, str]) -> None:  # noqa: ARG002 (a CSV file has none)
        fields = [("path", pa.string()), ("start", pa.float64()), ("duration", pa.float64())]
        self._schema = pa.schema([*fields, *((f"embedding_{index}", pa.float32()) for index in range(dim))])
        self._writer = pa_csv.CSVWriter(out, self._schema)

    def write(
        self, paths: list[str], spans: Float64[np.ndarray, "rows 2"], values: Float32[np.ndarray, "rows dim"]
    ) -> None:
        """Add rows."""
        numbers = [pa.array(column) for column in (*spans.T.copy(), *values.T.copy())]
        self._writer.write_table(pa.Table.from_arrays([pa.array(paths), *numbers], schema=self._schema))

    def close(self) -> None:
        """Close the file."""
        self._writer.close()


class NumpyEmbeddings:
    """Arrays held in memory until the end: ``path``, ``start``, ``duration``, ``embedding``, and the network's ``metadata``.

    ``timestamps`` are the middles of the segments in seconds; programs that read OpenL3's archives use them and ``embedding``.
    """

    def __init__(self, out: Path, dim: int, metadata: Mapping[str, str]) -> None:
        self._out, self._metadata = out, metadata
        self._paths: list[str] = []
        self._spans, self._values = [np.empty((0, 2))], [np.empty((0, dim), np.float32)]

    def write(
        self, paths: list[str], spans: Float64[np.ndarray, "rows 2"], values: Float32[np.ndarray, "rows dim"]
    ) -> None:
        """Keep rows."""
        self._paths += paths
        self._spans.append(spans.copy())
        self._values.append(values.copy())

    def close(self) -> None:
        """Write the archive."""
        spans = np.concatenate(self._spans)
        pairs = np.array(sorted(self._metadata.items()), dtype=np.str_).reshape(-1, 2)
        with self._out.open("wb") as file:
            np.savez(
                file,
                path=np.array(self._paths, dtype=np.str_),
                start=spans[:, 0],
                duration=spans[:, 1],
                timestamps=spans[:, 0] + spans[:, 1] / 2.0,
                embedding=np.concatenate(self._values),
                metadata=pairs,
            )


WRITERS: dict[str, Callable[[Path, int, Mapping[str, str]], EmbeddingWriter]] = {
    ".parquet": ParquetEmbeddings,
    ".arrow": ArrowEmbeddings,
    ".csv": CsvEmbeddings,
    ".npz": NumpyEmbeddings,
}
"""The writers by the suffix of the file."""
