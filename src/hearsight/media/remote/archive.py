"""Tar archives of videos: their members as sources, read in place and never unpacked to a path of the archive's choice."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import tarfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from hearsight.errors import MediaError
from hearsight.media.paths import MEDIA_SUFFIXES
from hearsight.media.remote.storage import ObjectState, observe_object, open_object
from hearsight.records import RejectReason

_PREFIX = "tar://"
_SEPARATOR = "::"
_OPEN_ARCHIVES = 4
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
DAMAGE = "?"
"""Name of a member that represents the unreadable part of a damaged archive."""


@dataclasses.dataclass(frozen=True)
class Member:
    """The position of a member in its archive."""

    offset: int
    size: int


def name_member(archive: str, member: str) -> str:
    """Return the name of a member as a source: ``tar://MEMBER::ARCHIVE``, as fsspec chains them."""
    return f"{_PREFIX}{member}{_SEPARATOR}{archive}"


def split_member(name: str) -> tuple[str, str] | None:
    """Return archive and member of a source's name; None where it is no member's."""
    if not name.startswith(_PREFIX):
        return None
    member, separator, archive = name.removeprefix(_PREFIX).rpartition(_SEPARATOR)
    return (archive, member) if separator else None


def list_members(archive: str) -> Iterator[str]:
    """List the videos of an archive, in its order; other members, links and devices are passed over.

    Yields
    ------
    str
        Names of sources. The last one of a damaged archive represents the unreadable part; it becomes a rejection.
    """
    index = read_index(archive, observe_object(archive))
    yield from (name_member(archive, member) for member in index)


@functools.lru_cache(maxsize=_OPEN_ARCHIVES)
def read_index(archive: str, state: ObjectState | None) -> Mapping[str, Member]:
    """Read the positions of the members of an archive. The headers are read once for each state of the archive."""
    del state  # only distinguishes versions of the archive
    members: dict[str, Member] = {}
    try:
        with open_object(archive) as file:
            if file.read(6).startswith(_COMPRESSED):
                members[DAMAGE] = Member(-1, 0)
                return members
            size = file.seek(0, io.SEEK_END)
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as tar:
                for info in tar:
                    if info.isreg() and not info.issparse() and _is_video(info.name):
                        members[info.name] = Member(info.offset_data, info.size)
                    if info.offset_data + info.size > size:
                        return members
                # tarfile takes a broken header for the end; a whole archive ends with blocks of zeros
                file.seek(tar.offset)
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    members[DAMAGE] = Member(0, 0)
    except (tarfile.TarError, ValueError, EOFError, OverflowError):
        members[DAMAGE] = Member(0, 0)
    return members


@contextlib.contextmanager
def open_member(archive: str, member: str) -> Generator[tuple[Any, int]]:
    """Open an archive at the first byte of a member.

    Yields
    ------
    file, size
        The archive, and how many bytes of it are the member's.

    Raises
    ------
    MediaError
        ``unreadable`` when there is no such member, or the archive is compressed or damaged.
    OSError
        When its store cannot be reached.
    """
    state = observe_object(archive)
    place = read_index(archive, state).get(member)
    if place is None or state is None:
        raise MediaError(name_member(archive, member), "no such member", "a video", reason=RejectReason.UNREADABLE)
    if member == DAMAGE:
        found = "a compressed archive" if place.offset < 0 else "a damaged archive"
        hint = "unpack it, or pack it without compression: videos are compressed already"
        raise MediaError(archive, found, "an uncompressed tar", hint, reason=RejectReason.UNREADABLE)
    if place.offset + place.size > state.size:
        found = f"the archive ends at byte {state.size:,} of a member that continues to {place.offset + place.size:,}"
        raise MediaError(name_member(archive, member), found, "a whole archive", reason=RejectReason.UNREADABLE)
    with open_object(archive) as file:
        file.seek(place.offset)
        yield file, place.size


def _is_video(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in MEDIA_SUFFIXES and not path.name.startswith(".")
