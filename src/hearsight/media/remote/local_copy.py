"""The bytes of a source as a local file, for as long as they are needed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Generator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from hearsight.errors import MediaError
from hearsight.files import make_folder, report_output_errors
from hearsight.media.download import http
from hearsight.media.download.failures import DownloadError, GoneError
from hearsight.media.remote.archive import DAMAGE, open_member, read_index, split_member
from hearsight.media.remote.storage import ObjectState, is_address, is_web, observe_object, open_object, reject_absent
from hearsight.records import RejectReason

MAX_COPY_BYTES = 64 * 2**30
"""Bytes of a media file that are copied to this machine; a longer one is rejected."""

MAX_COPY_SECONDS = 3600.0
"""Longest time that the copy of a file at a web address may take."""

_CHUNK = 1 << 20


def is_remote(name: str) -> bool:
    """Whether a source is no file of this machine: an address, or a member of an archive."""
    return is_address(name)


def observe_source(name: str) -> ObjectState | None:
    """Return size and version of a source, of a member those of its archive and its place there; None where it is absent.

    Raises
    ------
    OSError
        When its store cannot be reached.
    """
    split = split_member(name)
    if split is None:
        return observe_object(name)
    archive, member = split
    state = observe_object(archive)
    place = None if state is None else read_index(archive, state).get(member)
    if state is None or place is None:
        return None
    return ObjectState(place.size, f"{state.size}|{state.version}|{place.offset}")


@contextlib.contextmanager
def copy_to_local(name: str, folder: Path) -> Generator[Path]:
    """Copy the bytes of a source to a temporary file below a folder, and remove it at the end of the block.

    The file has the suffix of the source and no other part of its name.

    Raises
    ------
    MediaError
        ``unreadable`` when it is absent, too large, or a part of a damaged archive.
    OSError
        When its store cannot be reached or ends early, or the copy cannot be written.
    """
    make_folder(folder)
    with tempfile.TemporaryDirectory(dir=folder) as place:
        path = Path(place) / f"media{_take_suffix(name)}"
        if is_web(name):
            _download(name, path)
        else:
            with report_output_errors(path), path.open("wb") as copy:
                _copy(name, copy)
        yield path


def _download(name: str, path: Path) -> None:
    try:
        http.download(name, path, max_bytes=MAX_COPY_BYTES, max_seconds=MAX_COPY_SECONDS)
    except GoneError as error:
        raise reject_absent(name) from error
    except DownloadError as error:
        raise OSError(f"{name}: {error}") from error


def _copy(name: str, copy: BinaryIO) -> None:
    split = split_member(name)
    if split is not None:
        with open_member(*split) as (file, size):
            _check_size(name, size)
            _copy_bytes(name, file, copy, size)
        return
    state = observe_object(name)
    if state is None:
        raise reject_absent(name)
    _check_size(name, state.size)
    try:
        with open_object(name) as file:
            _copy_bytes(name, file, copy, state.size)
    except FileNotFoundError as error:
        raise reject_absent(name) from error


def _copy_bytes(name: str, file: Any, copy: BinaryIO, size: int) -> None:
    left = size
    while left and (chunk := file.read(min(_CHUNK, left))):
        copy.write(chunk)
        left -= len(chunk)
    if left:
        raise OSError(f"{name}: {size - left:,} of {size:,} bytes could be read")


def _check_size(name: str, size: int) -> None:
    if size > MAX_COPY_BYTES:
        wanted = f"at most {MAX_COPY_BYTES:,}"
        raise MediaError(name, f"{size:,} bytes", wanted, reason=RejectReason.UNREADABLE)


def _take_suffix(name: str) -> str:
    split = split_member(name)
    suffix = PurePosixPath((split[1] if split else name).partition("?")[0]).suffix.lower()
    return suffix if suffix[1:].isalnum() and len(suffix) <= 8 else ""


__all__ = ["DAMAGE", "copy_to_local", "is_remote", "observe_source"]
