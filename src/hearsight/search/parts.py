"""The segments of one recording on their way into an index: computed, written to a separate file, and read again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32

from hearsight.engine.progress import report_progress
from hearsight.errors import MediaError, from_os_error
from hearsight.files import write_atomically
from hearsight.listening.backends import Backend
from hearsight.listening.journal import locate_output, measure
from hearsight.listening.listener import Listener, load
from hearsight.listening.outputs import SegmentOutputs
from hearsight.listening.recordings import Recording
from hearsight.listening.tagging import Outcome
from hearsight.listening.tags import choose_classes
from hearsight.search.manifest import ROWS

TOP = 3
"""Classes that are kept of each segment."""
SUFFIX = ".parquet"
"""Of the file of a recording."""
ROWS_AT_A_TIME = 4096
"""Rows that are held before they are written."""
_SEGMENT = [field for field in ROWS if field.name not in ("source", "time")]


@dataclasses.dataclass(frozen=True)
class IndexStage:
    """Called once in each process: loads a model, and returns the function that writes the segments of one recording.

    Attributes
    ----------
    model
        A run folder, a checkpoint folder or a repository.
    out
        The folder of the files.
    hop
        Seconds from the start of one segment to the start of the next; None for the network's own.
    backend
        As of :func:`~hearsight.listening.listener.load`.
    """

    model: str
    out: str
    hop: float | None = None
    backend: Backend = "torch"

    def __call__(self) -> Callable[[Recording], Outcome]:
        """Load the model."""
        return self.bind(load(self.model, backend=self.backend))

    def bind(self, listener: Listener) -> Callable[[Recording], Outcome]:
        """Return the function that writes the segments of one recording with a model that is loaded already."""
        listener.check_hop(self.hop)
        describe = SegmentDescriber(listener)

        def index_recording(recording: Recording) -> Outcome:
            measured, path = measure(recording.path), locate_output(Path(self.out), recording, SUFFIX)
            notes: list[str] = []
            try:
                with write_atomically(path) as temporary, PartWriter(temporary, listener.embedding_dim) as writer:
                    outputs = listener.forward_file(recording.path, self.hop, notes.append)
                    error = _write_all(writer, outputs, describe)
            except OSError as problem:
                raise from_os_error(problem, self.out) from problem
            if 0.0 < writer.end < listener.least_seconds and error is None:
                notes.append(listener.describe_padding(writer.end))
            return Outcome(writer.num_rows, writer.end, tuple(notes), error, measured)

        return index_recording


class SegmentDescriber:
    """Names the most probable classes of segments.

    Parameters
    ----------
    listener
        The network; one without classes names none.
    """

    def __init__(self, listener: Listener) -> None:
        self._names = np.array(listener.vocabulary, dtype=object)
        chosen = choose_classes(len(listener.vocabulary), listener.classes, None)
        self._chosen = chosen

    def describe(
        self, probabilities: Float32[np.ndarray, "segments classes"]
    ) -> tuple[list[list[str]], list[list[float]]]:
        """Return the names of the most probable classes of each segment, and their probabilities."""
        values = probabilities[:, self._chosen]
        order = np.argsort(-values, axis=1, kind="stable")[:, :TOP]
        return self._names[self._chosen[order]].tolist(), np.take_along_axis(values, order, axis=1).tolist()


class PartWriter:
    """Writes the segments of a recording, in memory that does not grow with it.

    Attributes
    ----------
    num_rows, end
        Segments so far, and the seconds until their end.
    """

    def __init__(self, path: Path, dim: int) -> None:
        self._schema = pa.schema([*_SEGMENT, ("embedding", pa.list_(pa.float32(), dim))])
        self._writer = pq.ParquetWriter(path, self._schema)
        self._waiting: list[pa.Table] = []
        self.num_rows, self.end = 0, 0.0

    def __enter__(self) -> PartWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add(self, part: SegmentOutputs, described: tuple[list[list[str]], list[list[float]]]) -> None:
        """Add segments."""
        flat = pa.array(part.embeddings.ravel())
        columns = [
            pa.array(part.starts),
            pa.array(part.durations),
            *(pa.array(values, field.type) for values, field in zip(described, _SEGMENT[2:], strict=True)),
            pa.FixedSizeListArray.from_arrays(flat, part.embeddings.shape[1]),
        ]
        self._waiting.append(pa.Table.from_arrays(columns, schema=self._schema))
        self.num_rows, self.end = self.num_rows + len(part.starts), part.end
        if sum(map(len, self._waiting)) >= ROWS_AT_A_TIME:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        if self._waiting:
            self._writer.write_table(pa.concat_tables(self._waiting))
            self._waiting = []


def read_part(path: Path) -> Iterator[tuple[pa.Table, Float32[np.ndarray, "rows dim"]]]:
    """Read the segments of a recording in parts: the columns of a segment, and the embeddings."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_AT_A_TIME):
            table = pa.Table.from_batches([batch])
            column = table["embedding"].combine_chunks()
            values = column.flatten().to_numpy().reshape(len(table), column.type.list_size)
            yield table.drop_columns(["embedding"]), values


def name_part(source: str) -> str:
    """Return the name of a recording's file in the folder of an index: whatever is in its path, and of a fixed length."""
    digest = hashlib.sha256(source.encode("utf-8", "surrogateescape")).hexdigest()[:40]
    return f"parts/{digest[:2]}/{digest[2:]}"


def _write_all(writer: PartWriter, outputs: Iterable[SegmentOutputs], describe: SegmentDescriber) -> MediaError | None:
    """Write the segments of a recording, and return why it could not be read to its end."""
    error: MediaError | None = None
    try:
        for part in outputs:
            report_progress()
            writer.add(part, describe.describe(part.probabilities))
    except MediaError as damage:
        error = damage
    writer.flush()
    return error
