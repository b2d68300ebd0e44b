"""The journal of an output folder: which recordings are done, from which bytes and with which parameters.

It is a file of JSON lines, one per finished recording; the last line of a recording counts. A line is written after the files that
it is about, so that a run that was killed continues with the first recording without a line. A line that a kill cut off is
ignored.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import json
import os
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any, Literal

from hearsight.errors import InputError, MachineError, cannot_write
from hearsight.files import lock, make_folder, open_regular
from hearsight.listening.recordings import Recording

NAME = "journal.jsonl"
"""The journal's name in an output folder."""
LOCK = ".journal.lock"
"""The file whose lock is held while a folder is written."""
MOST_BYTES = 8 * 2**30
"""The largest journal that is read."""
State = Literal["done", "failed", "new"]
_LONGEST_NAME = 255
"""Bytes of a file's name that file systems allow."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What became of a recording.

    Attributes
    ----------
    name
        Its name in the output folder.
    path, size, mtime_ns
        The file, its bytes and its time of change.
    parameters
        Digest of the model and of the options that the results depend on.
    rows, duration
        Rows that were written, and seconds of sound.
    error
        Why it could not be read to its end; None if it could.
    """

    name: str
    path: str
    size: int
    mtime_ns: int
    parameters: str
    rows: int
    duration: float
    error: str | None = None


class Journal:
    """An open journal.

    Parameters
    ----------
    folder
        The output folder.
    parameters
        Digest of the model and of the options that the results depend on.
    suffixes
        Of the files that each recording has in the folder.
    """

    def __init__(self, folder: Path, parameters: str, suffixes: Sequence[str]) -> None:
        self._folder, self._parameters, self._suffixes = folder, parameters, tuple(suffixes)
        self._path = folder / NAME
        self._entries = _read_entries(self._path)

    def find_state(self, recording: Recording) -> State:
        """Return whether a recording is done, has failed, or is to be done: also if it or the parameters changed since."""
        entry = self._entries.get(recording.name)
        if entry is None or entry.parameters != self._parameters or entry.path != recording.path:
            return "new"
        if (entry.size, entry.mtime_ns) != measure(recording.path):
            return "new"
        if entry.error is not None:
            return "failed"
        return "done" if all(self.locate(recording, suffix).is_file() for suffix in self._suffixes) else "new"

    def get_error(self, recording: Recording) -> str:
        """Return why a recording failed."""
        return self._entries[recording.name].error or ""

    def list_entries(self) -> list[Entry]:
        """Return what became of each recording, also of those that another command was about."""
        return list(self._entries.values())

    def locate(self, recording: Recording, suffix: str) -> Path:
        """Return the file of a recording with a suffix."""
        return locate_output(self._folder, recording, suffix)

    def add(
        self, recording: Recording, measured: tuple[int, int], rows: int, duration: float, error: str | None
    ) -> None:
        """Append what became of a recording, and return when it is on the disk.

        Raises
        ------
        MachineError
            When it cannot be written.
        """
        size, changed = measured
        entry = Entry(recording.name, recording.path, size, changed, self._parameters, rows, duration, error)
        line = json.dumps(dataclasses.asdict(entry))
        try:
            torn = self._path.exists() and _lacks_line_end(self._path)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"\n{line}\n" if torn else f"{line}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as problem:
            raise cannot_write(self._path, problem) from problem
        self._entries[recording.name] = entry


@contextlib.contextmanager
def open_journal(folder: Path, parameters: str, suffixes: Sequence[str]) -> Generator[Journal]:
    """Open the journal of an output folder, which is created where it is missing, and keep other processes out.

    Raises
    ------
    MachineError
        When the folder cannot be written, or another process writes into it.
    """
    make_folder(folder)
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(lock(folder / LOCK))
        except BlockingIOError as error:
            raise MachineError(folder, "another process writes into it", "one at a time") from error
        except OSError as error:
            # no process can write there: where everything is done already, nothing needs to be written
            if error.errno not in (errno.EROFS, errno.EACCES) or not (folder / NAME).exists():
                raise
        yield Journal(folder, parameters, suffixes)


def locate_output(folder: Path, recording: Recording, suffix: str) -> Path:
    """Return the file of a recording in an output folder; a name that would be too long ends in a digest of it instead.

    Raises
    ------
    InputError
        When it would lie outside of the folder.
    """
    name = recording.name
    if name.startswith("/") or ".." in name.split("/"):
        raise InputError(recording.path, f"the name {name!r}", "a name below the folder that was named")
    parent, _, last = name.rpartition("/")
    if len(os.fsencode(f"{last}{suffix}")) > _LONGEST_NAME:
        mark = f"~{hashlib.sha256(os.fsencode(last)).hexdigest()[:16]}"
        room = _LONGEST_NAME - len(os.fsencode(f"{mark}{suffix}"))
        last = os.fsencode(last)[:room].decode(errors="ignore") + mark
    return folder / parent / f"{last}{suffix}"


def measure(path: str) -> tuple[int, int]:
    """Return size and time of change (ns) of a file; -1 and 0 if it cannot be found, as of standard input."""
    try:
        status = Path(path).stat()
    except OSError:
        return -1, 0
    return status.st_size, status.st_mtime_ns


def _read_entries(path: Path) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    if not path.exists():
        return entries
    with open_regular(path, MOST_BYTES) as file:
        for line in file:
            entry = _parse(line.decode(errors="replace"))
            if entry is not None:
                entries[entry.name] = entry
    return entries


def _parse(line: str) -> Entry | None:
    """Return the entry of a line; None of a line that was cut off, or was written by another version."""
    try:
        values: Any = json.loads(line)
        entry = Entry(**values)
    except (ValueError, TypeError, RecursionError):
        return None
    kinds = (str, str, int, int, str, int, float, str | None)
    fields = [getattr(entry, field.name) for field in dataclasses.fields(entry)]
    return entry if all(isinstance(value, kind) for value, kind in zip(fields, kinds, strict=True)) else None


def _lacks_line_end(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"
