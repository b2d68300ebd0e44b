"""Find the files of listed videos in a folder of media, however the download named them."""

from __future__ import annotations

import dataclasses
import itertools
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from hearsight.errors import InputError
from hearsight.media.lists.entry import ListEntry
from hearsight.media.paths import search_folder
from hearsight.records import Source

_SPAN_FIELDS = re.compile(r"_(\d+(?:\.\d+)?)(?:_(\d+(?:\.\d+)?))?")
_BATCH = 4_096
_HEAD_BYTES = 32
_PREFIXES = ("", "Y")
"""What may stand before an id: published copies of AudioSet call the video --PJHxphWEs ``Y--PJHxphWEs``."""


@dataclasses.dataclass(frozen=True)
class _Match:
    """A file that fits an entry; ``exactness`` counts the parts of the span that its name repeats."""

    place: int
    exactness: int


class MediaRoot:
    """The videos below a folder, by the stems of their names.

    Parameters
    ----------
    folder
        It is searched once, recursively, as folders of sources are.

    Raises
    ------
    InputError
        When there is no such folder, or no video in it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.expanduser().is_dir():
            raise InputError(folder, "no such folder", "the folder of the media that lists name (--media-root)")
        paths = _gather(os.fsencode(path) for path in search_folder(folder.expanduser()))
        if not len(paths):
            raise InputError(folder, "no video found", "the media that lists name (--media-root)")
        stems = _gather(_take_stem(path.as_py()) for path in paths)
        table = pa.table({"stem": stems, "path": paths}).sort_by([("stem", "ascending"), ("path", "ascending")])
        self._stems, self._paths = (table[name].combine_chunks() for name in ("stem", "path"))
        # a search in fixed-width heads of the stems is thirty times as fast as one in the stems
        self._heads = np.fromiter((stem.as_py()[:_HEAD_BYTES] for stem in self._stems), f"S{_HEAD_BYTES}", len(paths))

    def find(self, entry: ListEntry) -> Source | None:
        """Find the file of an entry.

        The names that are known are ``ID.*``, ``ID_START.*`` and ``ID_START_END.*``. Start and end are seconds, with or without
        decimals, or milliseconds, with or without leading zeros. A file whose name repeats the span is the excerpt. A file that is
        named after the id alone may be the whole video or the excerpt, which is decided from its length when it is read. Where
        several files fit, the one whose name is the most specific is taken, then the first by name.

        Returns
        -------
        Source or None
            None if there is no such file.
        """
        best = max(
            (match for name in entry.names for prefix in _PREFIXES for match in self._match(prefix + name, entry)),
            key=lambda match: (match.exactness, -match.place),
            default=None,
        )
        if best is None:
            return None
        path = os.fsdecode(self._paths[best.place].as_py())
        if best.exactness:
            return Source(path)
        return Source(path, entry.start, entry.end, may_be_excerpt=entry.start > 0.0)

    def _match(self, name: str, entry: ListEntry) -> Iterator[_Match]:
        start = os.fsencode(name)
        place = int(np.searchsorted(self._heads, start[:_HEAD_BYTES]))
        while place < len(self._stems) and (stem := self._stems[place].as_py()) < start:
            place += 1
        while place < len(self._stems) and (stem := self._stems[place].as_py()).startswith(start):
            rest = os.fsdecode(stem[len(start) :])
            fields = _SPAN_FIELDS.fullmatch(rest)
            if not rest:
                yield _Match(place, 0)
            elif fields is not None and entry.end is not None and _is_time(fields[1], entry.start):
                if fields[2] is None:
                    yield _Match(place, 1)
                elif _is_time(fields[2], entry.end):
                    yield _Match(place, 2)
            place += 1


def _gather(values: Iterator[bytes]) -> pa.ChunkedArray:
    batches: list[pa.Array] = []
    while some := list(itertools.islice(values, _BATCH)):
        batches.append(pa.array(some, pa.binary()))
    return pa.chunked_array(batches, pa.binary())


def _take_stem(path: bytes) -> bytes:
    return os.path.splitext(path.rsplit(os.sep.encode(), 1)[-1])[0]  # noqa: PTH122 - the path is bytes


def _is_time(field: str, seconds: float) -> bool:
    """Whether a field of a file's name is this time, in seconds or milliseconds; whole seconds may be rounded down."""
    value = float(field)
    in_seconds = math.isclose(value, seconds, abs_tol=5e-4) or ("." not in field and value == math.floor(seconds))
    return in_seconds or math.isclose(value, seconds * 1000.0, abs_tol=1.0)
