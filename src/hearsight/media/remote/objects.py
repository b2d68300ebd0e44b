"""The objects that an address names, as sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from hearsight.media.paths import MEDIA_SUFFIXES
from hearsight.media.remote.archive import split_member
from hearsight.media.remote.storage import list_objects

_ARCHIVE = ".tar"


def find_remote(address: str) -> Iterator[str]:
    """Find the videos and archives at an address: an object (of any suffix), those below a folder, or those that match a glob.

    Yields
    ------
    str
        Addresses. A member of an archive that is named itself is one too.

    Raises
    ------
    InputError
        When there is nothing of that name, or its store cannot be reached.
    """
    if split_member(address) is not None:
        yield address
        return
    for found, _ in list_objects(address):
        if found == address or PurePosixPath(found).suffix.lower() in MEDIA_SUFFIXES | {_ARCHIVE}:
            yield found
