"""Label tracks and selection tables of programs for sound: Audacity, Raven, Kaleidoscope.

Sources: Audacity manual, *Importing and exporting labels*; Raven Pro 1.6 user's manual, *selection tables*; Kaleidoscope Pro
documentation, *cluster.csv and meta.csv*.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path

from hearsight.detection.formats.cells import defuse
from hearsight.detection.formats.writer import TextWriter
from hearsight.records import Tag
from hearsight.text import escape_controls, make_encodable

RAVEN_COLUMNS = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Class",
    "Probability",
    "Begin Path",
    "File Offset (s)",
)
KALEIDOSCOPE_COLUMNS = (
    "INDIR",
    "FOLDER",
    "IN FILE",
    "CHANNEL",
    "OFFSET",
    "DURATION",
    "TOP1MATCH",
    "TOP1DIST",
    "MANUAL ID",
)


class AudacityWriter(TextWriter):
    """A label track: start, end and label, separated by tabs; the label is the class and its probability, as in ``Dog 0.83``.

    Times have six digits, as Audacity writes them. A label track is that of one recording.
    """

    def write(self, rows: Sequence[Tag]) -> None:
        """Add a line per row."""
        for row in rows:
            label = f"{clean(row.name)} {row.probability:.2f}"
            self._sink(f"{row.start:.6f}\t{row.start + row.duration:.6f}\t{label}\n")


class RavenWriter(TextWriter):
    """A selection table. Of several recordings, begin and end times count on from one to the next, as Raven opens them in a row.

    ``File Offset (s)`` is the start within the recording. ``Begin Path`` is absolute where the context names a root and the file
    exists, because Raven does not know the working folder. The network uses all frequencies up to its limit, so that a selection
    covers them all.
    """

    def _start(self) -> None:
        self._count, self._base = 0, 0.0
        self._last = ("", "")
        self._sink("\t".join(RAVEN_COLUMNS) + "\n")

    def write(self, rows: Sequence[Tag]) -> None:
        """Add a line per row."""
        for row in rows:
            self._count += 1
            start = self._base + row.start
            cells = [
                f"{self._count}",
                "Spectrogram 1",
                "1",
                f"{start:.9f}",
                f"{start + row.duration:.9f}",
                "0.0",
                f"{self._context.highest:.1f}",
                clean(row.name),
                f"{row.probability:.6f}",
                clean(self._locate(row.path)),
                f"{row.start:.9f}",
            ]
            self._sink("\t".join(cells) + "\n")

    def end_file(self, path: str, duration: float) -> None:  # noqa: ARG002 (as of every writer)
        """Count on from the end of the recording."""
        self._base += duration

    def _locate(self, path: str) -> str:
        """Return the absolute path of a recording; the name of what is no file, such as standard input, as it is."""
        if self._context.root is None:
            return path
        if path != self._last[0]:
            absolute = Path(self._context.root, path)
            self._last = (path, str(absolute) if absolute.exists() else path)
        return self._last[1]


class KaleidoscopeWriter(TextWriter):
    """A CSV table that Kaleidoscope opens: ``TOP1MATCH`` is the class, ``TOP1DIST`` is 1 minus the probability."""

    def _start(self) -> None:
        self._sink(",".join(KALEIDOSCOPE_COLUMNS) + "\n")

    def write(self, rows: Sequence[Tag]) -> None:
        """Add a line per row."""
        buffer = io.StringIO()
        table = csv.writer(buffer, lineterminator="\n")
        for row in rows:
            folder, name = os.path.split(row.path)
            times = (f"{row.start:.9f}", f"{row.duration:.9f}")
            texts = [defuse(clean(text)) for text in (folder or ".", "", name)]
            table.writerow([*texts, "0", *times, defuse(clean(row.name)), f"{1.0 - row.probability:.6f}", ""])
        self._sink(buffer.getvalue())


def clean(text: str) -> str:
    """Return text for one cell: control characters, tabs and line breaks among them, as escapes."""
    return make_encodable(escape_controls(text))
