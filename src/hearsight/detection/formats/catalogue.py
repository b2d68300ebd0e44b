"""The formats of detections by name."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TextIO

from hearsight.detection.formats.annotations import AudacityWriter, KaleidoscopeWriter, RavenWriter
from hearsight.detection.formats.subtitles import SrtWriter, VttWriter
from hearsight.detection.formats.tables import CsvWriter, JsonLinesWriter, JsonWriter, ParquetWriter
from hearsight.detection.formats.writer import Context, DetectionWriter, Sink
from hearsight.errors import UsageError
from hearsight.files import write_atomically


@dataclasses.dataclass(frozen=True)
class Format:
    """A format of detections.

    Attributes
    ----------
    suffix
        What is appended to the name of a recording.
    text
        Opens a writer of text; None for a binary format.
    several
        Whether one file may hold the rows of several recordings.
    events
        Whether its rows are events unless something else is asked for.
    """

    suffix: str
    text: Callable[[Sink, Context], DetectionWriter] | None
    several: bool = True
    events: bool = False


FORMATS: dict[str, Format] = {
    "json": Format(".json", JsonWriter),
    "jsonl": Format(".jsonl", JsonLinesWriter),
    "csv": Format(".csv", CsvWriter),
    "parquet": Format(".parquet", None),
    "audacity": Format(".labels.txt", AudacityWriter, several=False, events=True),
    "raven": Format(".selections.txt", RavenWriter, events=True),
    "kaleidoscope": Format(".kaleidoscope.csv", KaleidoscopeWriter, events=True),
    "srt": Format(".srt", SrtWriter, several=False, events=True),
    "vtt": Format(".vtt", VttWriter, several=False, events=True),
}
"""The formats that are written to files; all of them but Parquet also to standard output."""


class _Sink:
    """Writes text into an open file."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def __call__(self, text: str) -> None:
        self._file.write(text)


@contextlib.contextmanager
def open_file(name: str, out: Path, context: Context) -> Generator[DetectionWriter]:
    """Open a file of detections, which appears under its name when the block ends without an error.

    Parameters
    ----------
    name
        A key of :data:`FORMATS`.
    out
        The file.
    context
        What the format states in addition to the rows.

    Raises
    ------
    UnwritableError
        When it cannot be written.
    """
    make = FORMATS[name].text
    with write_atomically(out) as temporary:
        if make is None:
            writer = ParquetWriter(temporary, context)
            yield writer
            writer.close()
            return
        with temporary.open("w", encoding="utf-8", newline="") as file:
            text = make(_Sink(file), context)
            yield text
            text.close()


def open_text(name: str, sink: Sink, context: Context) -> DetectionWriter:
    """Open a writer of text, for standard output.

    Raises
    ------
    UsageError
        When the format is binary.
    """
    make = FORMATS[name].text
    if make is None:
        raise UsageError("--format", f"{name} on standard output", "a format of text", "name a folder with --out")
    return make(sink, context)
