"""One entry of a list, and the parts that its fields are made of: ids, seconds, addresses."""

from __future__ import annotations

import dataclasses
import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from hearsight.errors import TableError

_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_YOUTUBE_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"})
_LONGEST_ID = 200
"""Characters of an id, so that a file can be named after it on every file system."""
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]+")


@dataclasses.dataclass(frozen=True)
class ListEntry:
    """A video, or a span of one, that a list names.

    Attributes
    ----------
    id
        What the list calls the video, such as its YouTube id. It contains no separators of paths.
    line
        Line of the list, counted from 1.
    start, end
        Span in seconds of the whole video; ``end`` is None where it continues to the end.
    url
        Where the video can be downloaded; empty where the list does not say.
    labels
        The labels of the list as its text spells them. They are provenance, and no label of the data set that is built.
    other_name
        Another stem under which the file may be stored; empty if there is none.
    """

    id: str
    line: int
    start: float = 0.0
    end: float | None = None
    url: str = ""
    labels: str = ""
    other_name: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Stems under which the file of this video may be stored, the most specific first."""
        return (self.id, self.other_name) if self.other_name else (self.id,)


def make_youtube_entry(where: str, line: int, id: str, span: tuple[Any, Any] = ("", ""), labels: str = "") -> ListEntry:
    """Return the entry of a video on YouTube.

    Parameters
    ----------
    where
        List and line, for errors.
    line
        Line of the list.
    id
        The video's id.
    span
        Its start and end as the list spells them; empty where it gives none.
    labels
        The list's labels.

    Raises
    ------
    TableError
        When the id is none, or the span has no length.
    """
    id = id.strip()
    if not _YOUTUBE_ID.fullmatch(id):
        hint = "a spreadsheet changes ids that begin with '-' or '='; use the list as published"
        raise TableError(where, f"id {id!r}", "a YouTube id: 11 letters, digits, '-' and '_'", hint)
    start, end = parse_span(where, *span)
    return ListEntry(id, line, start, end, f"https://www.youtube.com/watch?v={id}", labels.strip())


def make_url_entry(where: str, line: int, url: str, labels: str = "") -> ListEntry:
    """Return the entry of an address: the id is the YouTube id, or else the last part of its path and a digest of the address.

    Raises
    ------
    TableError
        When it is no ``http`` or ``https`` address with a host.
    """
    try:
        parts = urlsplit(url.strip())
        host = (parts.hostname or "").lower()
    except ValueError as error:
        raise TableError(where, f"{url!r} ({error})", "an http or https address") from error
    if (
        parts.scheme not in ("http", "https")
        or not host
        or any(not c.isprintable() or c.isspace() for c in url.strip())
    ):
        raise TableError(where, repr(url), "an http or https address")
    id = _find_youtube_id(host, parts.path, parts.query)
    if id:
        return make_youtube_entry(where, line, id, labels=labels)
    stem = _UNSAFE.sub("_", PurePosixPath(unquote(parts.path.rstrip("/"))).stem).strip("._-")[:80] or "video"
    digest = hashlib.sha256(url.strip().encode()).hexdigest()[:8]
    return ListEntry(f"{stem}-{digest}", line, url=url.strip(), labels=labels, other_name=stem)


def _find_youtube_id(host: str, path: str, query: str) -> str:
    if host not in _YOUTUBE_HOSTS:
        return ""
    id = path.strip("/") if host == "youtu.be" else parse_qs(query).get("v", [""])[0]
    return id if _YOUTUBE_ID.fullmatch(id) else ""


def check_id(where: str, id: str) -> str:
    """Return an id without the spaces around it.

    Raises
    ------
    TableError
        When it is empty, too long, or contains what may not be in the name of a file.
    """
    id = id.strip()
    unsafe = any(c in "/\\" or not c.isprintable() for c in id) or id in (".", "..")
    if not id or unsafe or len(id) > _LONGEST_ID:
        wanted = f"1 to {_LONGEST_ID} printable characters without '/' and '\\'"
        raise TableError(where, f"id {id[: _LONGEST_ID + 1]!r}", wanted)
    return id


def parse_span(where: str, start: Any, end: Any) -> tuple[float, float | None]:
    """Return start and end in seconds; 0 and None where they are empty.

    Raises
    ------
    TableError
        When one is no number, or the end is not after the start.
    """
    first, last = parse_seconds(where, "start", start), parse_seconds(where, "end", end)
    if last is not None and last <= (first or 0.0):
        raise TableError(where, f"the span from {first or 0.0:g} to {last:g} s", "an end after its start")
    return first or 0.0, last


def parse_seconds(where: str, column: str, value: Any) -> float | None:
    """Return a field as seconds, None where it is empty.

    Raises
    ------
    TableError
        When it is no number, negative or not finite.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        seconds = float(value)
    except (TypeError, ValueError) as error:
        raise TableError(where, f"{column} is {value!r}", "seconds, such as 12.5") from error
    if math.isnan(seconds) and not isinstance(value, str):
        return None
    if not math.isfinite(seconds) or seconds < 0.0:
        raise TableError(where, f"{column} is {value!r}", "seconds from 0 on")
    return seconds


def find_column(row: Mapping[str, Any], *names: str) -> str:
    """Return the first of these columns that the row has, as text; empty where it has none."""
    for name in names:
        if row.get(name) is not None:
            return str(row[name]).strip()
    return ""
