"""The lists of AudioSet, VGGSound, AVSpeech and Kinetics: rows of a YouTube id, a span in seconds, and labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from hearsight.errors import TableError
from hearsight.media.lists.entry import ListEntry, find_column, make_youtube_entry
from hearsight.media.lists.rows import Row, is_number

_VGGSOUND_SECONDS = 10.0
"""Length of every segment of VGGSound (Chen et al. 2020, "VGGSound: a large-scale audio-visual dataset")."""
_AUDIOSET_LABELS = ("/m/", "/t/", "/g/")
_EVALUATION_SEGMENTS = "num_ytids=20371"
_EVALUATION_FIRST = "--4gqARaEJE"
"""What the evaluation list of AudioSet announces, and its first segment; some copies lack the announcement."""
EVALUATION = "evaluation"
"""Marks a list whose segments are for evaluation only."""


def is_audioset(head: Sequence[Row]) -> bool:
    """Whether the comments name the column ``YTID``, or the rows have AudioSet's identifiers of classes as labels."""
    if any(row.text.startswith("#") and "YTID" in row.text for row in head):
        return True
    rows = [row.fields for row in head if not row.text.startswith("#")]
    return bool(rows) and all(
        len(fields) >= 4
        and is_number(fields[1])
        and is_number(fields[2])
        and fields[3].strip('"').startswith(_AUDIOSET_LABELS)
        for fields in rows
    )


def find_audioset_use(path: Path, head: Sequence[Row]) -> str:
    """Return ``evaluation`` where a list of AudioSet is that of its evaluation segments, by its comments, first row or name."""
    rows = [row.fields[0].strip() for row in head if not row.text.startswith("#") and row.fields]
    announced = any(row.text.startswith("#") and _EVALUATION_SEGMENTS in row.text for row in head)
    named = "eval" in path.stem.lower()
    return EVALUATION if announced or named or rows[:1] == [_EVALUATION_FIRST] else ""


def read_audioset(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read ``YTID, start_seconds, end_seconds, "label,label"``; comments begin with ``#``."""
    for row in rows:
        if row.text.startswith("#"):
            continue
        if len(row.fields) < 4:
            raise TableError(
                row.where, f"{len(row.fields)} fields ({row.text[:80]!r})", "YTID, start_seconds, end_seconds, labels"
            )
        # copies that went through another CSV program have the labels in separate fields, with quotes inside
        labels = [label.strip(' "') for field in row.fields[3:] for label in field.split(",")]
        wrong = [label for label in labels if label and not label.startswith(_AUDIOSET_LABELS)]
        if wrong or not any(labels):
            raise TableError(row.where, f"label {wrong[0] if wrong else ''!r}", "labels such as /m/09x0r, in quotes")
        span = (row.fields[1], row.fields[2])
        yield make_youtube_entry(row.where, row.line, row.fields[0], span, ",".join(filter(None, labels)))


def is_vggsound(head: Sequence[Row]) -> bool:
    """Whether the rows are ``id,start,label,train`` or ``test``."""
    return all(
        len(row.fields) == 4 and is_number(row.fields[1]) and row.fields[3].strip() in ("train", "test") for row in head
    )


def read_vggsound(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read ``id,start,label,split`` without a header; labels that contain a comma are quoted. A segment lasts 10 s."""
    for row in rows:
        if len(row.fields) != 4:
            found = f"{len(row.fields)} fields ({row.text[:80]!r})"
            raise TableError(row.where, found, "id, start, label, split", "quote a label that contains a comma")
        id, start, label, split = (field.strip() for field in row.fields)
        if split not in ("train", "test"):
            raise TableError(row.where, f"split is {split!r}", "train or test")
        first = make_youtube_entry(row.where, row.line, id, (start, ""), f"{label} ({split})")
        span = (first.start, first.start + _VGGSOUND_SECONDS)
        yield make_youtube_entry(row.where, row.line, id, span, first.labels)


def is_avspeech(head: Sequence[Row]) -> bool:
    """Whether the rows are ``id,start,end,x,y``, the last two between 0 and 1."""
    return all(
        len(row.fields) == 5
        and all(is_number(field) for field in row.fields[1:])
        and all(0.0 <= float(field) <= 1.0 for field in row.fields[3:])
        for row in head
    )


def read_avspeech(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read ``id,start,end,x,y`` without a header; x and y are where the speaker's face is."""
    for row in rows:
        if len(row.fields) != 5:
            raise TableError(row.where, f"{len(row.fields)} fields ({row.text[:80]!r})", "id, start, end, x, y")
        span, place = (row.fields[1], row.fields[2]), ",".join(field.strip() for field in row.fields[3:])
        yield make_youtube_entry(row.where, row.line, row.fields[0], span, place)


def is_kinetics(head: Sequence[Row]) -> bool:
    """Whether the first row names the columns ``youtube_id``, ``time_start`` and ``time_end``."""
    names = {name.strip() for name in head[0].fields}
    return {"youtube_id", "time_start", "time_end"} <= names


def read_kinetics(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read ``label,youtube_id,time_start,time_end,split``, with or without ``is_cc``; the lists for testing have no labels."""
    names = [name.strip() for name in next(rows).fields]
    for row in rows:
        if len(row.fields) != len(names):
            found = f"{len(row.fields)} fields ({row.text[:80]!r})"
            raise TableError(row.where, found, f"{len(names)}: {', '.join(names)}")
        values = dict(zip(names, row.fields, strict=True))
        label, split = find_column(values, "label"), find_column(values, "split")
        span = (values["time_start"], values["time_end"])
        labels = f"{label} ({split})" if split else label
        yield make_youtube_entry(row.where, row.line, values["youtube_id"], span, labels)
