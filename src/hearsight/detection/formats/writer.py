"""What every format of detections is: a writer that takes the rows of one file after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

from hearsight.records import Tag

Sink = Callable[[str], None]
"""Where a format of text is written: standard output, or a file."""


@dataclasses.dataclass(frozen=True)
class Context:
    """What a format states in addition to the rows.

    Attributes
    ----------
    highest
        The highest frequency in Hz that the network uses.
    root
        The folder that the paths of the rows start from, for formats whose readers need to find the recordings; None leaves the
        paths as they are.
    """

    highest: float = 8_000.0
    root: str | None = None


@runtime_checkable
class DetectionWriter(Protocol):
    """Writes the rows of recordings, one recording after the other, in constant memory."""

    def write(self, rows: Sequence[Tag]) -> None:
        """Add rows of the present recording."""
        ...

    def end_file(self, path: str, duration: float) -> None:
        """End a recording of so many seconds."""
        ...

    def fail(self, path: str, reason: str) -> None:
        """Note that a recording could not be read to its end; formats without a place for this leave it out."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


class TextWriter:
    """Base of the formats of text, which add ``write``: a sink, a head, and no place for recordings that failed."""

    def __init__(self, sink: Sink, context: Context) -> None:
        self._sink = sink
        self._context = context
        self._start()

    def _start(self) -> None:
        """Write what comes before the first row."""

    def end_file(self, path: str, duration: float) -> None:
        """End a recording of so many seconds."""

    def fail(self, path: str, reason: str) -> None:
        """Leave out a recording that failed."""

    def close(self) -> None:
        """Write what is left: nothing."""
