"""The lists of Sports-1M, SoundNet, Moments in Time and AVA: lines of an address or of a file's name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from hearsight.errors import TableError
from hearsight.media.lists.entry import ListEntry, check_id, make_url_entry, make_youtube_entry
from hearsight.media.lists.rows import Row, is_number
from hearsight.media.paths import MEDIA_SUFFIXES

_SPORTS_LINE = re.compile(r"(https?://\S+)[ \t]+(\d+(?:,\d+)*)")


def is_sports1m(head: Sequence[Row]) -> bool:
    """Whether each line is an address and numbers of classes: ``URL 168,169``."""
    return all(_SPORTS_LINE.fullmatch(row.text) for row in head)


def read_sports1m(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read ``URL 168,169``, an address and the numbers of its classes."""
    for row in rows:
        match = _SPORTS_LINE.fullmatch(row.text)
        if match is None:
            raise TableError(row.where, repr(row.text[:80]), "an address and numbers of classes, such as 168,169")
        yield make_url_entry(row.where, row.line, match[1], match[2])


def is_url_list(head: Sequence[Row]) -> bool:
    """Whether each line is an address."""
    return all(row.text.startswith(("http://", "https://")) and " " not in row.text for row in head)


def read_url_list(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read one address a line, as SoundNet publishes its videos; lines that begin with ``#`` are comments."""
    for row in rows:
        if not row.text.startswith("#"):
            yield make_url_entry(row.where, row.line, row.text)


def is_moments(head: Sequence[Row]) -> bool:
    """Whether the rows are ``class/file.mp4,class,agreeing,disagreeing``."""
    return all(
        len(row.fields) == 4 and _is_video(row.fields[0]) and is_number(row.fields[2]) and is_number(row.fields[3])
        for row in head
    )


def read_moments(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read ``class/file.mp4,class,agreeing,disagreeing``, the last two numbers of annotators; the id is the file's stem."""
    for row in rows:
        if len(row.fields) != 4:
            found = f"{len(row.fields)} fields ({row.text[:80]!r})"
            raise TableError(row.where, found, "file, class, annotators that agree, annotators that do not")
        yield ListEntry(_name_file(row.where, row.fields[0]), row.line, labels=row.fields[1].strip())


def is_ava(head: Sequence[Row]) -> bool:
    """Whether each line is the name of a video file."""
    return all("," not in row.text and _is_video(row.text) and "://" not in row.text for row in head)


def read_ava(rows: Iterator[Row]) -> Iterator[ListEntry]:
    """Read one file name a line, such as ``053oq2xB3oU.mkv``; a stem like a YouTube id is one."""
    for row in rows:
        id = _name_file(row.where, row.text)
        try:
            yield make_youtube_entry(row.where, row.line, id)
        except TableError:
            yield ListEntry(id, row.line)


def _is_video(name: str) -> bool:
    return PurePosixPath(name.strip()).suffix.lower() in MEDIA_SUFFIXES


def _name_file(where: str, name: str) -> str:
    if not _is_video(name):
        raise TableError(where, repr(name[:80]), "the name of a video file, such as 053oq2xB3oU.mkv")
    return check_id(where, PurePosixPath(name.strip()).stem)
