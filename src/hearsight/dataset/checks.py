"""Checksums of a dataset's files: each file is checked before it is read for the first time."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from hearsight.dataset.layout import FileRecord
from hearsight.errors import DatasetError
from hearsight.files import hash_file

_HINT = "restore the file from a copy, or build the dataset again"


class FileChecks:
    """Checks files of a dataset against the manifest, each before it is read for the first time. Threads may share it.

    Parameters
    ----------
    folder
        The dataset.
    records
        Size and checksum by path within the folder; None where the dataset has no checksums, and nothing is checked.
    """

    def __init__(self, folder: Path, records: Mapping[str, FileRecord] | None) -> None:
        self._folder = folder
        self._records = records or {}
        self._checked: set[str] = set()
        self._damaged: dict[str, str] = {}
        self._lock = threading.Lock()

    def find_missing(self) -> list[str]:
        """List the files that are absent or have another size, without reading them."""
        found: list[str] = []
        for name, record in self._records.items():
            path = self._folder / name
            if not path.is_file():
                found.append(f"{name} is missing")
            elif path.stat().st_size != record.bytes:
                found.append(f"{name} has {path.stat().st_size:,} bytes instead of {record.bytes:,}")
        return found

    def check(self, path: Path) -> None:
        """Compare the SHA-256 of a file with the manifest, unless that has been done before.

        Raises
        ------
        DatasetError
            When it differs.
        """
        name = path.relative_to(self._folder).as_posix()
        if name in self._checked:
            return
        with self._lock:
            if name in self._checked:
                return
            record = self._records.get(name)
            digest = "" if record is None or name in self._damaged else _hash(path)
            if record is not None and digest != record.sha256:
                found = f"damaged: its SHA-256 differs from the manifest ({digest:.12}…, there {record.sha256:.12}…)"
                found = self._damaged.setdefault(name, found)  # whoever goes on without the file may ask for it again
                raise DatasetError(path, found, "the file as written", _HINT)
            self._checked.add(name)


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise DatasetError(path, f"cannot be read ({error.strerror})", "a file of a dataset", _HINT) from error


def check_complete(folder: Path, checks: FileChecks) -> None:
    """Refuse a dataset of which files are missing or cut short.

    Raises
    ------
    DatasetError
        When that is so; up to three of them are named.
    """
    problems = checks.find_missing()
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise DatasetError(folder, "; ".join(problems[:3]) + more, "all files as written", _HINT)
