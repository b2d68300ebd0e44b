"""Many files in, one list of tags or one Parquet table of embeddings out; what cannot be heard is reported, the rest goes on."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hearsight.console import print_message, track
from hearsight.errors import MediaError, UsageError
from hearsight.files import write_atomically
from hearsight.listening.listener import Listener, SegmentOutputs
from hearsight.records import Tag
from hearsight.version import VERSION

ROWS_AT_A_TIME = 4096
"""Rows that are held before they are written."""


@dataclasses.dataclass(frozen=True)
class TagReport:
    """What was heard in some files.

    Attributes
    ----------
    tags
        Of all files, in the order of the files.
    padded
        Files shorter than a segment, which were padded.
    failures
        Why the other files could not be heard.
    """

    tags: list[Tag]
    padded: list[str]
    failures: list[MediaError]


@dataclasses.dataclass(frozen=True)
class EmbedReport:
    """What was written to a table of embeddings.

    Attributes
    ----------
    out
        The table; None where no file could be heard and nothing was written.
    num_files, num_segments
        Files and rows in it.
    dim
        Length of an embedding.
    seconds
        How long it took.
    padded
        Files shorter than a segment, which were padded.
    failures
        Why the other files could not be heard. Of a file that breaks off midway, what came before is in the table.
    """

    out: str | None
    num_files: int
    num_segments: int
    dim: int
    seconds: float
    padded: list[str]
    failures: list[MediaError]

    def as_json(self) -> dict[str, Any]:
        """Give the object that ``hearsight embed --json`` prints."""
        return {**dataclasses.asdict(self), "failures": [str(failure) for failure in self.failures]}

    def describe(self) -> list[str]:
        """Say it in lines for a person."""
        if self.out is None:
            return ["nothing written: no file could be heard"]
        rows = f"{self.num_segments} embeddings of {self.dim} numbers from {_count(self.num_files, 'file')}"
        return [f"{self.out}: {rows} in {self.seconds:.1f} s"]


def tag_files(
    listener: Listener,
    files: Sequence[str | Path],
    *,
    top: int | None = 5,
    threshold: float | None = None,
    per_segment: bool = False,
) -> TagReport:
    """Say what is heard in each of some files; parameters as those of :meth:`Listener.tag`.

    A file that was padded is named on stderr.
    """
    report = TagReport([], [], [])
    for path in _track(files):
        try:
            tags = listener.tag(path, top=top, per_segment=per_segment, threshold=threshold)
        except MediaError as error:
            report.failures.append(error)
            continue
        report.tags.extend(tags)
        if tags.padded:
            report.padded.append(str(path))
            _say_padded(path, tags.duration, listener)
    return report


def embed_files(listener: Listener, files: Sequence[str | Path], out: Path) -> EmbedReport:
    """Write the embedding of every segment of some files to a Parquet table, in memory that does not grow with them.

    Columns: ``path``, ``start`` and ``duration`` in seconds, ``embedding`` (a list of fixed length, float32). The schema's metadata
    says which network made it: ``hearsight.version``, ``hearsight.model``, ``hearsight.digest`` (of its weights),
    ``hearsight.sample_rate``, ``hearsight.segment_seconds``. The file appears under its name when it is complete; where no file
    could be heard, none appears.

    Raises
    ------
    UsageError
        When ``out`` cannot be a Parquet file.
    """
    if out.suffix != ".parquet" or out.is_dir():
        raise UsageError("--out", f"{out}", "the name of a file that ends in .parquet")
    started = time.monotonic()
    padded: list[str] = []
    failures: list[MediaError] = []
    table = _TableWriter(listener.embedding_dim)
    with (
        contextlib.suppress(_NothingHeardError),
        write_atomically(out) as temporary,
        pq.ParquetWriter(temporary, _make_schema(listener)) as table.writer,
    ):
        for path in _track(files):
            try:
                duration = table.add(path, listener.forward_file(path))
            except MediaError as error:
                failures.append(error)
            else:
                if duration < listener.least_seconds:
                    padded.append(str(path))
                    _say_padded(path, duration, listener)
        table.finish()
    written = str(out) if table.num_rows else None
    seconds = time.monotonic() - started
    return EmbedReport(written, table.num_files, table.num_rows, listener.embedding_dim, seconds, padded, failures)


class _NothingHeardError(Exception):
    """Leaves the table unwritten."""


class _TableWriter:
    """Gathers rows and writes them in groups of a good size."""

    def __init__(self, dim: int) -> None:
        self.writer: pq.ParquetWriter | None = None
        # filled in place: small arrays that are kept between large ones that are not would tear holes into memory
        self._values = np.empty((ROWS_AT_A_TIME, dim), dtype=np.float32)
        self._spans = np.empty((ROWS_AT_A_TIME, 2))
        self._paths: list[str] = []
        self.num_rows = 0
        self.num_files = 0

    def add(self, path: str | Path, heard: Iterator[SegmentOutputs]) -> float:
        """Add the segments of one file as they are heard; give its duration in seconds."""
        end = 0.0
        for number, part in enumerate(heard):
            self.num_files += number == 0
            for start, duration, values in zip(part.starts, part.durations, part.embeddings, strict=True):
                row = len(self._paths)
                self._values[row] = values
                self._spans[row] = start, duration
                self._paths.append(str(path))
                if row + 1 == ROWS_AT_A_TIME:
                    self._flush()
            self.num_rows += len(part.starts)
            end = float(part.starts[-1] + part.durations[-1])
        return end

    def finish(self) -> None:
        """Write what is left.

        Raises
        ------
        _NothingHeardError
            When there never was anything.
        """
        if not self.num_rows:
            raise _NothingHeardError
        self._flush()

    def _flush(self) -> None:
        count = len(self._paths)
        if not count or self.writer is None:
            return
        columns = [
            pa.array(self._paths),
            pa.array(self._spans[:count, 0]),
            pa.array(self._spans[:count, 1]),
            pa.FixedSizeListArray.from_arrays(pa.array(self._values[:count].ravel()), self._values.shape[1]),
        ]
        self.writer.write_table(pa.Table.from_arrays(columns, schema=self.writer.schema))
        self._paths = []


def _make_schema(listener: Listener) -> pa.Schema:
    return pa.schema(
        [
            ("path", pa.string()),
            ("start", pa.float64()),
            ("duration", pa.float64()),
            ("embedding", pa.list_(pa.float32(), listener.embedding_dim)),
        ],
        metadata={
            "hearsight.version": VERSION,
            "hearsight.model": listener.name,
            "hearsight.digest": listener.digest,
            "hearsight.sample_rate": str(listener.sample_rate),
            "hearsight.segment_seconds": str(listener.segment_seconds),
        },
    )


def _track(files: Sequence[str | Path]) -> Iterator[str | Path]:
    """Go through files beside a progress bar; one or two files need none."""
    if len(files) < 3:
        yield from files
        return
    with track("listening", len(files), "files") as bar:
        for path in files:
            yield path
            bar.advance()


def _say_padded(path: str | Path, duration: float, listener: Listener) -> None:
    how = "repeated" if listener.network.repeats_short else "padded with silence"
    print_message(f"{path}: {duration:.2f} s of sound, {how} to a segment of {listener.least_seconds:g} s")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
