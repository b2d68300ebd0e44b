"""Tags of many files, or one file of their embeddings; files that cannot be read are reported, and the others processed."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float64

from hearsight.console import print_message, track
from hearsight.errors import InputError, MediaError
from hearsight.files import write_atomically
from hearsight.listening.embedding_files import EmbeddingWriter, check_suffix, open_writer
from hearsight.listening.files import find_media
from hearsight.listening.listener import Listener
from hearsight.listening.outputs import SegmentOutputs
from hearsight.records import Tag
from hearsight.text import make_encodable
from hearsight.version import VERSION

ROWS_AT_A_TIME = 4096
"""Rows that are held before they are written."""


@dataclasses.dataclass(frozen=True)
class TagReport:
    """The tags of some files.

    Attributes
    ----------
    tags
        Of all files, in the order of the files.
    padded
        Files shorter than a segment, which were padded.
    failures
        Why the other files could not be tagged, and folders not searched.
    """

    tags: list[Tag]
    padded: list[str]
    failures: list[InputError]


@dataclasses.dataclass(frozen=True)
class EmbedReport:
    """What was written to a file of embeddings.

    Attributes
    ----------
    out
        The file; None where no sound could be read and nothing was written.
    num_files, num_segments
        Files and rows in it.
    dim
        Length of an embedding.
    seconds
        How long it took.
    padded
        Files shorter than a segment, which were padded.
    failures
        Why the other files could not be read. Of a file that breaks off midway, what came before is in the table.
    """

    out: str | None
    num_files: int
    num_segments: int
    dim: int
    seconds: float
    padded: list[str]
    failures: list[InputError]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight embed --json`` prints."""
        return {**dataclasses.asdict(self), "failures": [str(failure) for failure in self.failures]}

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        if self.out is None:
            return ["nothing written: no file could be read"]
        rows = f"{self.num_segments} embeddings of {self.dim} numbers from {_count(self.num_files, 'file')}"
        return [f"{self.out}: {rows} in {self.seconds:.1f} s"]


def tag_files(
    listener: Listener,
    files: Sequence[str | Path],
    *,
    top: int | None = 5,
    threshold: float | None = None,
    per_segment: bool = False,
    sense: Literal["heard", "seen", "all"] | None = None,
) -> TagReport:
    """Tag each of some files, and of the audio and video files in folders; parameters as those of :meth:`Listener.tag`.

    A file that was padded is named on stderr.
    """
    report = TagReport([], [], [])
    for path in _track(_find(files, report.failures)):
        try:
            tags = listener.tag(path, top=top, per_segment=per_segment, threshold=threshold, sense=sense)
        except MediaError as error:
            report.failures.append(error)
            continue
        report.tags.extend(tags)
        if tags.padded:
            report.padded.append(str(path))
            _report_padded(path, tags.duration, listener)
    return report


def embed_files(listener: Listener, files: Sequence[str | Path], out: Path, *, pool: bool = False) -> EmbedReport:
    """Write the embedding of every segment of some files, and of the audio and video files in folders.

    With ``pool``, it is one per file: the mean over its time. A Parquet or Arrow table has the columns ``path``, ``start`` and
    ``duration`` in seconds, ``embedding`` (a float32 list of fixed length); a CSV table has a column per number instead, and a
    NumPy archive has arrays of the same names, and ``timestamps``, the middles of the segments. Tables are written in memory that
    does not grow with the files. Parquet, Arrow and NumPy files name the network that made them: ``hearsight.version``,
    ``hearsight.model``, ``hearsight.digest`` (of its weights), ``hearsight.sample_rate``, ``hearsight.segment_seconds``. The file
    appears under its name when it is complete; where no file could be read, none appears.

    Raises
    ------
    UsageError
        When ``out`` does not end in .parquet, .arrow, .csv or .npz, or is a folder.
    """
    suffix = check_suffix(out)
    started = time.monotonic()
    padded: list[str] = []
    failures: list[InputError] = []
    table = _RowBuffer(listener.embedding_dim)
    with (
        contextlib.suppress(_NothingReadError),
        write_atomically(out) as temporary,
        contextlib.closing(
            open_writer(temporary, suffix, listener.embedding_dim, describe_network(listener))
        ) as table.writer,
    ):
        for path in _track(_find(files, failures)):
            try:
                outputs = listener.forward_file(path)
                duration = table.add(path, average_outputs(outputs) if pool else outputs)
            except MediaError as error:
                failures.append(error)
            else:
                if duration < listener.least_seconds:
                    padded.append(str(path))
                    _report_padded(path, duration, listener)
        table.finish()
    written = str(out) if table.num_rows else None
    seconds = time.monotonic() - started
    return EmbedReport(written, table.num_files, table.num_rows, listener.embedding_dim, seconds, padded, failures)


def _find(paths: Sequence[str | Path], failures: list[InputError]) -> list[str | Path]:
    """Return the files that are meant; a folder without any becomes a failure."""
    found: list[str | Path] = []
    for path in paths:
        try:
            found += find_media([path])
        except InputError as error:
            failures.append(error)
    return found


class _NothingReadError(Exception):
    """Leaves the file unwritten."""


class _RowBuffer:
    """Gathers rows and writes them in groups of a good size."""

    def __init__(self, dim: int) -> None:
        self.writer: EmbeddingWriter | None = None
        # filled in place: small arrays that are kept between large ones that are not would tear holes into memory
        self._values = np.empty((ROWS_AT_A_TIME, dim), dtype=np.float32)
        self._spans = np.empty((ROWS_AT_A_TIME, 2))
        self._paths: list[str] = []
        self.num_rows = 0
        self.num_files = 0

    def add(self, path: str | Path, outputs: Iterable[SegmentOutputs]) -> float:
        """Add the segments of one file as they come; return its duration in seconds."""
        # a table holds text: a byte of a name that is not UTF-8 is written as an escape
        name = make_encodable(str(path))
        end = 0.0
        for number, part in enumerate(outputs):
            self.num_files += number == 0
            for start, duration, values in zip(part.starts, part.durations, part.embeddings, strict=True):
                row = len(self._paths)
                self._values[row] = values
                self._spans[row] = start, duration
                self._paths.append(name)
                if row + 1 == ROWS_AT_A_TIME:
                    self._flush()
            self.num_rows += len(part.starts)
            end = part.end
        return end

    def finish(self) -> None:
        """Write what is left.

        Raises
        ------
        _NothingReadError
            When there never was anything.
        """
        if not self.num_rows:
            raise _NothingReadError
        self._flush()

    def _flush(self) -> None:
        count = len(self._paths)
        if count and self.writer is not None:
            self.writer.write(self._paths, self._spans[:count], self._values[:count])
            self._paths = []


def average_outputs(outputs: Iterable[SegmentOutputs]) -> Iterator[SegmentOutputs]:
    """Return one segment in place of those of a file: as long as the file, with the means over its time.

    Raises
    ------
    MediaError
        What the outputs raise, after the means of what came before.
    """
    sums: list[Float64[np.ndarray, " _"]] = []
    weight = end = 0.0
    error: MediaError | None = None
    try:
        for part in outputs:
            new = [part.weights @ values.astype(np.float64) for values in (part.probabilities, part.embeddings)]
            sums = [old + more for old, more in zip(sums, new, strict=True)] if sums else new
            weight, end = weight + float(part.weights.sum()), part.end
    except MediaError as damage:
        error = damage
    if sums:
        means = [(values / weight).astype(np.float32)[None] for values in sums]
        yield SegmentOutputs(np.zeros(1), np.array([end]), np.array([weight]), means[0], means[1], end)
    if error is not None:
        raise error


def describe_network(listener: Listener) -> dict[str, str]:
    """Return what a file of embeddings stores about the network that made them."""
    return {
        "hearsight.version": VERSION,
        "hearsight.model": listener.name,
        "hearsight.digest": listener.digest,
        "hearsight.sample_rate": str(listener.sample_rate),
        "hearsight.segment_seconds": str(listener.segment_seconds),
    }


def _track(files: Sequence[str | Path]) -> Iterator[str | Path]:
    """Yield files with a progress bar, if there are more than two."""
    if len(files) < 3:
        yield from files
        return
    with track("processing", len(files), "files") as bar:
        for path in files:
            yield path
            bar.advance()


def _report_padded(path: str | Path, duration: float, listener: Listener) -> None:
    print_message(f"{path}: {listener.describe_padding(duration)}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
