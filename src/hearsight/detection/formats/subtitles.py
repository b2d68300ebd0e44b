"""Subtitles for players of video and sound: SubRip (``.srt``) and WebVTT (W3C, *WebVTT: The Web Video Text Tracks Format*)."""

from __future__ import annotations

from collections.abc import Sequence

from hearsight.detection.formats.annotations import clean
from hearsight.detection.formats.writer import TextWriter
from hearsight.records import Tag
from hearsight.units import to_milliseconds


class SrtWriter(TextWriter):
    """SubRip: numbered cues with times in milliseconds."""

    def _start(self) -> None:
        self._count = 0

    def write(self, rows: Sequence[Tag]) -> None:
        """Add a cue per row."""
        for row in rows:
            self._count += 1
            self._sink(f"{self._count}\n{format_span(row, ',')}\n{describe(row)}\n\n")


class VttWriter(TextWriter):
    """WebVTT: cues with times in milliseconds; ``& < >`` of class names are written as entities."""

    def _start(self) -> None:
        self._sink("WEBVTT\n\n")

    def write(self, rows: Sequence[Tag]) -> None:
        """Add a cue per row."""
        for row in rows:
            text = describe(row).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            self._sink(f"{format_span(row, '.')}\n{text}\n\n")


def describe(row: Tag) -> str:
    """Return the text of a cue: the class and its probability in per cent, as in ``Dog (83 %)``."""
    return f"{clean(row.name)} ({100.0 * row.probability:.0f} %)"


def format_span(row: Tag, point: str) -> str:
    """Return the times of a cue, as in ``00:00:01,000 --> 00:00:02,500``.

    Parameters
    ----------
    row
        Its start and duration are rounded to milliseconds.
    point
        What stands before the milliseconds.
    """
    return f"{_format(row.start, point)} --> {_format(row.start + row.duration, point)}"


def _format(seconds: float, point: str) -> str:
    whole, milliseconds = divmod(to_milliseconds(seconds), 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}{point}{milliseconds:03d}"
