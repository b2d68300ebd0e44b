"""The formats of lists that are recognised by their shape, and the reading of any of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from hearsight.errors import TableError
from hearsight.media.lists import names, youtube
from hearsight.media.lists.entry import ListEntry
from hearsight.media.lists.own import has_entry_columns, read_column_names, read_entries
from hearsight.media.lists.rows import Row, read_rows

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".parquet"})
"""Suffixes of files that must be lists."""
LIST_SUFFIXES = TABLE_SUFFIXES | {".txt", ".lst"}
"""Suffixes of files that may be lists."""

_HEAD_ROWS = 16


@dataclasses.dataclass(frozen=True)
class ListFormat:
    """A published format.

    Attributes
    ----------
    name
        One word, as the provenance of a data set has it.
    title
        Name and shape, for the help.
    recognise
        Whether the first rows of a list are of this format.
    read
        Returns the entries of its rows.
    """

    name: str
    title: str
    recognise: Callable[[Sequence[Row]], bool]
    read: Callable[[Iterator[Row]], Iterator[ListEntry]]


FORMATS = (
    ListFormat("audioset", "AudioSet (# YTID, start_seconds, …)", youtube.is_audioset, youtube.read_audioset),
    ListFormat("kinetics", "Kinetics (header with youtube_id)", youtube.is_kinetics, youtube.read_kinetics),
    ListFormat("vggsound", "VGGSound (id,start,label,split)", youtube.is_vggsound, youtube.read_vggsound),
    ListFormat("avspeech", "AVSpeech (id,start,end,x,y)", youtube.is_avspeech, youtube.read_avspeech),
    ListFormat("sports1m", "Sports-1M (URL 168,169)", names.is_sports1m, names.read_sports1m),
    ListFormat("urls", "SoundNet and others (one URL a line)", names.is_url_list, names.read_url_list),
    ListFormat("moments", "Moments in Time (class/file.mp4,class,3,0)", names.is_moments, names.read_moments),
    ListFormat("ava", "AVA (one file name a line)", names.is_ava, names.read_ava),
)
"""Every format, in the order in which they are tried."""


@dataclasses.dataclass(frozen=True)
class VideoList:
    """A list of videos whose format is known.

    Attributes
    ----------
    path
        The file.
    format
        Name of its format: one of :data:`FORMATS`, or ``table`` for one with the columns ``id`` or ``url``.
    is_evaluation
        Whether what it names is for evaluation, and must not be trained on.
    """

    path: Path
    format: str
    is_evaluation: bool = False

    def read(self) -> Iterator[ListEntry]:
        """Read the entries one by one, in the order of the list.

        Raises
        ------
        TableError
            At the first row that cannot be understood, naming its line.
        """
        if self.format == "table":
            return read_entries(self.path)
        chosen = next(one for one in FORMATS if one.name == self.format)
        return chosen.read(read_rows(self.path))


def recognise_list(path: Path) -> VideoList | None:
    """Find the format of a list by its first rows.

    Parameters
    ----------
    path
        The file. One whose suffix does not mark it as a table may be anything, also no text.

    Returns
    -------
    VideoList or None
        None where it is a list of paths with named columns, or no list of a known format.

    Raises
    ------
    TableError
        When the file cannot be read as text.
    """
    if path.suffix.lower() not in TABLE_SUFFIXES:
        try:
            return _match(path)
        except TableError:
            return None
    if path.suffix.lower() == ".parquet" or "path" in (columns := read_column_names(path)):
        return VideoList(path, "table") if has_entry_columns(read_column_names(path)) else None
    return VideoList(path, "table") if has_entry_columns(columns) else _match(path)


def _match(path: Path) -> VideoList | None:
    head = list(itertools.islice(read_rows(path), _HEAD_ROWS))
    if not head:
        return None
    # one bad row must not hide what the others are: where no format fits all of them, the first row decides
    for rows in (head, head[:1]):
        for one in FORMATS:
            if _fits(one, rows):
                use = youtube.find_audioset_use(path, head) if one.name == "audioset" else ""
                return VideoList(path, one.name, use == youtube.EVALUATION)
    return None


def _fits(one: ListFormat, head: Sequence[Row]) -> bool:
    # only the comments of AudioSet's lists matter
    rows = head if one.name == "audioset" else [row for row in head if not row.text.startswith("#")]
    try:
        return bool(rows) and one.recognise(rows)
    except TableError:
        return False


def describe_formats() -> str:
    """Return the titles of all formats, for the help and for errors."""
    return "; ".join(one.title for one in FORMATS)
