"""The private folder of the uploads: no other user can read it, its bytes are counted, and it is removed at the end.

A server that was killed could not remove its folder. The next one does: a folder whose lock is free has no server.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from hearsight.files import lock
from hearsight.serve.limits import ServeLimits
from hearsight.serve.refusals import Refusal

PREFIX = "hearsight-serve-"
_LOCK = "lock"


class PrivateFolder:
    """A folder for uploads and for what is computed from them.

    Parameters
    ----------
    path
        The folder.
    limits
        Its ``stored_bytes`` are the most that uploads may take together, its ``upload_bytes`` the most of one.
    """

    def __init__(self, path: Path, limits: ServeLimits) -> None:
        self.path = path
        self.limits = limits
        self._lock = threading.Lock()
        self._stored = 0

    @property
    def stored_bytes(self) -> int:
        """Bytes of the uploads that are here now."""
        return self._stored

    def make_path(self, suffix: str = "") -> Path:
        """Return the path of a new file: random, so that nothing a client sends is part of it."""
        return self.path / f"{secrets.token_hex(16)}{suffix}"

    def reserve(self, count: int) -> None:
        """Count bytes that are about to be written.

        Raises
        ------
        Refusal
            507 when there is no room for them.
        """
        with self._lock:
            if self._stored + count > self.limits.stored_bytes:
                found = f"uploads of {self._stored:,} bytes are being worked on, and no more may be stored"
                raise Refusal(507, "store_full", "the server", found, hint="try again later")
            self._stored += count

    def release(self, count: int) -> None:
        """Count bytes that are gone."""
        with self._lock:
            self._stored -= count


class StoredFile:
    """A file of the private folder while it is written; its bytes count until it is removed.

    Attributes
    ----------
    path
        Where it lies.
    size_bytes
        Bytes written so far.
    """

    def __init__(self, folder: PrivateFolder, name: str) -> None:
        self.path = folder.make_path()
        self.size_bytes = 0
        self._folder = folder
        self._name = name
        self._file: BinaryIO | None = os.fdopen(_open_private(self.path), "wb")

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes.

        Raises
        ------
        Refusal
            413 when the file becomes too large, 507 when there is no room for it.
        OSError
            When the disk is full.
        """
        most = self._folder.limits.upload_bytes
        if self.size_bytes + len(data) > most:
            raise Refusal(413, "too_large", self._name, f"more than {most:,} bytes", f"at most {most:,}")
        self._folder.reserve(len(data))
        self.size_bytes += len(data)
        assert self._file is not None
        self._file.write(data)

    def close(self) -> None:
        """Write what is buffered."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def remove(self) -> None:
        """Remove the file; it may be gone already."""
        with contextlib.suppress(OSError):  # what is buffered need not be written
            self.close()
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self._folder.release(self.size_bytes)
        self.size_bytes = 0


def _open_private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)


@contextlib.contextmanager
def open_private_folder(limits: ServeLimits, parent: Path | None = None) -> Generator[PrivateFolder]:
    """Create the private folder for the block, and remove it with all that is in it afterwards.

    Parameters
    ----------
    limits
        The bounds on what is stored.
    parent
        Where it is created; the folder of temporary files by default (``TMPDIR``).
    """
    parent = Path(tempfile.gettempdir()) if parent is None else parent
    remove_abandoned(parent)
    path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))  # readable by its owner alone
    try:
        with lock(path / _LOCK):
            yield PrivateFolder(path, limits)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def remove_abandoned(parent: Path) -> None:
    """Remove the folders of servers that were killed."""
    for path in parent.glob(f"{PREFIX}*"):
        held = path / _LOCK
        if path.is_symlink() or path.stat().st_uid != os.getuid() or not held.exists():
            continue
        with contextlib.suppress(OSError), lock(held):  # held by a server that runs
            shutil.rmtree(path, ignore_errors=True)
