"""Local files, and objects at addresses that fsspec knows (``memory://``, ``s3://``): the only file that imports fsspec."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import fsspec

from hearsight.errors import InputError, MediaError
from hearsight.files import open_regular
from hearsight.media.download import http
from hearsight.media.limits import MAX_FILE_BYTES
from hearsight.records import RejectReason

_SEPARATOR = "://"
_CHANGE_KEYS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "updated", "created")
"""Where stores note which version of an object they hold; the first that is there counts."""


@dataclasses.dataclass(frozen=True)
class ObjectState:
    """Size of an object in bytes, and its version in the store."""

    size: int
    version: str


def is_address(name: str) -> bool:
    """Whether a name is an address, such as ``s3://bucket/a.mp4``, and no path."""
    scheme, separator, _ = name.partition(_SEPARATOR)
    return bool(separator) and scheme.replace("+", "").replace("-", "").isalnum()


def is_web(name: str) -> bool:
    """Whether a name is an http or https address. It names one file, which is read from its beginning."""
    return name.lower().startswith(("http://", "https://"))


def list_objects(address: str) -> Iterator[tuple[str, ObjectState]]:
    """List the objects that an address names: itself, those below it, or those that match it as a glob.

    Yields
    ------
    address, state
        In order of the address.

    Raises
    ------
    InputError
        When there is nothing of that name, or the store cannot be reached.
    """
    with _report_errors(address):
        if is_web(address):
            state = observe_object(address)
            if state is None:
                raise FileNotFoundError(address)
            yield address, state
            return
        system, path = fsspec.url_to_fs(address)
        if any(character in path for character in "*?["):
            found = system.glob(path, detail=True)
        elif system.isdir(path):
            found = system.find(path, detail=True)
        elif system.exists(path):
            yield address, _read_state(system.info(path))
            return
        else:
            raise FileNotFoundError(address)
        for name in sorted(found):
            if found[name].get("type") == "file":
                yield system.unstrip_protocol(name), _read_state(found[name])


def observe_object(address: str) -> ObjectState | None:
    """Return the state of an object, or of a local file; None if there is none.

    Raises
    ------
    OSError
        When its store cannot be reached.
    """
    if not is_address(address):
        try:
            status = Path(address).stat()
        except (OSError, ValueError):
            return None
        return ObjectState(status.st_size, str(status.st_mtime_ns))
    if is_web(address):
        try:
            found = http.observe(address)
        except http.DownloadError as error:
            raise OSError(f"{address}: {error}") from error
        return None if found is None else ObjectState(*found)
    system, path = fsspec.url_to_fs(address)
    try:
        return _read_state(system.info(path))
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def open_object(address: str) -> Generator[Any]:
    """Open an object, or a local file, for reading at any place.

    Raises
    ------
    FileNotFoundError
        When it is not there.
    OSError
        When it cannot be read.
    """
    if is_web(address):
        raise OSError(f"{address}: an archive at a web address cannot be read in place; download it first")
    if is_address(address):
        with fsspec.open(address, "rb") as file:
            yield file
    else:
        with open_regular(Path(address), MAX_FILE_BYTES) as file:
            yield file


@contextlib.contextmanager
def _report_errors(address: str) -> Generator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise InputError(address, "nothing of that name", "an object, a folder or a glob") from error
    except ImportError as error:
        raise InputError(
            address, f"the package {error.name or error} is not installed", "what fsspec needs for such addresses"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(address, str(error) or type(error).__name__, "a store that can be read") from error


def _read_state(info: dict[str, Any]) -> ObjectState:
    version = next((str(info[key]) for key in _CHANGE_KEYS if info.get(key) is not None), "")
    return ObjectState(int(info.get("size") or 0), version)


def reject_absent(address: str) -> MediaError:
    """Return the error of an object that is not there."""
    return MediaError(address, "no such object", "a media file", reason=RejectReason.UNREADABLE)
