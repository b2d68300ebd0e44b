"""Append-only journals: a JSON object per line, each with a checksum.

A line is the CRC-32 of the JSON in 8 hexadecimal digits, a blank, and the JSON. It is on the disk before :meth:`Journal.append`
returns. Whatever a killed process or a failing disk leaves behind, a reader gets whole lines only: a torn last line and damaged
lines are passed over, and the work that they recorded is done again.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from hearsight.files import make_folder, sync_folder

_DIGITS = 8


class Journal:
    """A new journal, written by one process.

    Parameters
    ----------
    path
        The file. It must not exist: a journal has one writer in its life, so that no line is ever appended to a torn one.

    Raises
    ------
    OSError
        When it exists or cannot be created.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self.path = path
        self._file = path.open("xb", buffering=0)
        sync_folder(path.parent)

    def append(self, value: Mapping[str, Any]) -> None:
        """Append a line, and return when it is on the disk.

        Raises
        ------
        OSError
            When it cannot be written. Part of the line may be in the file; it ends the journal.
        """
        line = encode_line(value)
        if self._file.write(line) != len(line):
            raise OSError(f"a line of {len(line)} bytes was written in part")
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def encode_line(value: Mapping[str, Any]) -> bytes:
    """Return the line of an object, with its checksum; text that is not UTF-8 is kept as JSON escapes."""
    document = json.dumps(value, separators=(",", ":")).encode("ascii")
    return b"%08x %s\n" % (zlib.crc32(document), document)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """Return the object of a line; None where the line is torn or damaged."""
    if not line.endswith(b"\n") or line[_DIGITS : _DIGITS + 1] != b" ":
        return None
    document = line[_DIGITS + 1 : -1]
    try:
        if int(line[:_DIGITS], 16) != zlib.crc32(document):
            return None
        value = json.loads(document)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def read_journal(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield the object of each line, and None for each line that is torn or damaged.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with path.open("rb") as file:
        for line in file:
            yield decode_line(line)
