"""What goes wrong in the reading of one file stays with that file."""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from io import BufferedReader
from pathlib import Path

from hearsight.errors import BrokenMediaError, HearsightError, MediaError
from hearsight.files import open_regular
from hearsight.media.limits import MAX_FILE_BYTES
from hearsight.records import RejectReason


def open_media_file(path: str | Path) -> BufferedReader:
    """Open a media file for reading its bytes; nothing is opened that could be waited for.

    Raises
    ------
    MediaError
        ``unreadable`` where it is absent, may not be read, or is no regular file.
    """
    try:
        return open_regular(Path(path), MAX_FILE_BYTES)
    except (OSError, ValueError) as error:  # a name with a null byte is a ValueError
        found = getattr(error, "strerror", None) or str(error)
        raise MediaError(path, found, "a media file", reason=RejectReason.UNREADABLE) from error


@contextlib.contextmanager
def reject_unexpected(path: str | Path) -> Generator[None]:
    """Turn every unforeseen exception into a rejection of the file.

    Media files come from anywhere, and the libraries that read them raise exceptions of any kind: a division by a time base of
    zero, a number that is too large for C, memory that is not there. None of it may end a run over a million other files.

    Raises
    ------
    BrokenMediaError
        In place of any exception but hearsight's own; its message names the exception.
    """
    try:
        yield
    except HearsightError:
        raise
    except Exception as error:
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise BrokenMediaError(path, f"cannot be read ({said})") from error
