"""What reaches the disk: the files that were synced, and how much of them was written by then."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def record_syncs(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Return a list to which every later ``fsync`` appends the inode and the size of its file."""
    synced: list[tuple[int, int]] = []
    sync = os.fsync

    def record(descriptor: int) -> None:
        found = os.fstat(descriptor)
        synced.append((found.st_ino, found.st_size))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record)
    return synced


def identify(path: Path) -> tuple[int, int]:
    """Return the inode and the size of a file, as :func:`record_syncs` records them."""
    found = path.stat()
    return found.st_ino, found.st_size
