"""What has become of each entry of a list: one line of JSON per attempt that ended, appended as it ends."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from hearsight.documents import parse_json
from hearsight.errors import InputError, cannot_write
from hearsight.media.download.failures import BLOCKED, FAILED, GONE
from hearsight.media.lists.entry import ListEntry
from hearsight.units import to_milliseconds

DONE = "done"
_CODES = {outcome: code for code, outcome in enumerate((DONE, GONE, BLOCKED, FAILED))}
_OUTCOMES = tuple(_CODES)


@dataclasses.dataclass(frozen=True)
class Attempt:
    """How an attempt ended: the outcome, why, and the stored file; the last two may be empty."""

    outcome: str
    detail: str = ""
    file: str = ""


class Ledger:
    """The outcomes of a folder, in its file ``fetch.jsonl``.

    A process that was killed may leave half of a last line; it is cut off. An entry takes some 100 bytes of memory.

    Parameters
    ----------
    path
        The file; it is created when the first line is written.

    Raises
    ------
    InputError
        When another line than the last one cannot be understood.
    MachineError
        When it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._codes: dict[bytes, int] = {}
        self._load()
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise cannot_write(path, error) from error

    def __enter__(self) -> Ledger:
        """Use the ledger in a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its file."""
        self._file.close()

    def find(self, entry: ListEntry) -> str | None:
        """Return the last outcome of an entry, None where it has not been tried."""
        code = self._codes.get(_digest(name_span(entry)))
        return None if code is None else _OUTCOMES[code]

    def record(self, entry: ListEntry, attempt: Attempt) -> None:
        """Append an outcome; it is on the disk when this returns.

        Raises
        ------
        MachineError
            When it cannot be written.
        """
        name = name_span(entry)
        values: dict[str, Any] = {
            "name": name,
            "id": entry.id,
            "url": entry.url,
            "start": entry.start,
            "end": entry.end,
        }
        line = json.dumps({**values, **dataclasses.asdict(attempt)}, ensure_ascii=True)
        try:
            self._file.write(line.encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise cannot_write(self._path, error) from error
        self._codes[_digest(name)] = _CODES[attempt.outcome]

    def _load(self) -> None:
        if not self._path.exists():
            return
        whole = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    break
                try:
                    values = parse_json(line, self._path)
                    self._codes[_digest(values["name"])] = _CODES[values["outcome"]]
                except (InputError, KeyError, TypeError) as error:
                    found = f"{line[:80]!r} ({type(error).__name__}: {error})"
                    raise InputError(f"{self._path}, line {number}", found, "a line of hearsight fetch") from error
                whole += len(line)
        if whole < self._path.stat().st_size:
            os.truncate(self._path, whole)


def name_span(entry: ListEntry) -> str:
    """Return the stem of the file of an entry's span: ``ID_STARTms_ENDms``, and its id where it has no span.

    Both are names that a media folder (``--media-root``) is searched for.
    """
    if entry.end is None and entry.start == 0.0:
        return entry.id
    end = "" if entry.end is None else f"_{to_milliseconds(entry.end)}"
    return f"{entry.id}_{to_milliseconds(entry.start)}{end}"


def _digest(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "backslashreplace"), digest_size=12).digest()
