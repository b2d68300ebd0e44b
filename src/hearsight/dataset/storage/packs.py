"""Packs: the rows of many finished units in one file, so that millions of videos do not cost millions of files.

::

    parts/3f9c0a7d51e2b846.pack      the rows of up to 1,000 units or 1 GiB: one Arrow IPC stream after the other
    parts/3f9c0a7d51e2b846.journal   a line per unit: where its rows are, their checksum, its counts and rejections

Each worker writes its own packs. It appends the rows of a unit, writes them to the disk, and then appends the journal line,
which finishes the unit. Rows without a line are what a killed worker or a failed unit has left; they are never read.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import zlib
from collections.abc import Generator
from pathlib import Path
from types import TracebackType

import pyarrow as pa

from hearsight.dataset.storage.journal import Journal
from hearsight.dataset.storage.reports import Extent, PartReport, report_to_json
from hearsight.errors import cannot_write
from hearsight.files import sync_folder

MOST_UNITS = 1000
"""Units of a pack."""
MOST_BYTES = 2**30
"""Bytes of a pack, after which another one is begun; a unit is never divided."""

_ALIGNMENT = 64
_BUFFER = 2**18


class PackWriter:
    """Writes finished units into packs that no one else writes.

    Parameters
    ----------
    folder
        The folder of parts.
    most_units, most_bytes
        Size of a pack.
    """

    def __init__(self, folder: Path, most_units: int = MOST_UNITS, most_bytes: int = MOST_BYTES) -> None:
        self.folder = folder
        self._most_units = most_units
        self._most_bytes = most_bytes
        self._pack: _OpenPack | None = None

    @contextlib.contextmanager
    def write(self, schema: pa.Schema) -> Generator[UnitRows]:
        """Write the rows of a unit; the unit is finished by :meth:`UnitRows.finish`, and discarded where that is not called.

        Raises
        ------
        MachineError
            When the disk is full or cannot be written.
        """
        pack = self._open()
        with report_write_errors(pack.path):
            rows = UnitRows(pack, schema)
        try:
            yield rows
        finally:
            if not rows.finished:
                rows.discard()
            if pack.num_units >= self._most_units or pack.end >= self._most_bytes:
                self.close()

    def _open(self) -> _OpenPack:
        if self._pack is None:
            with report_write_errors(self.folder):
                self._pack = _OpenPack(self.folder / secrets.token_hex(8))
        return self._pack

    def close(self) -> None:
        """Close the pack that is open."""
        if self._pack is not None:
            self._pack.close()
            self._pack = None

    def __enter__(self) -> PackWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class _OpenPack:
    """A pack that is written: its file, its journal, and where the last finished unit ends."""

    def __init__(self, stem: Path) -> None:
        self.path = stem.with_suffix(".pack")
        self.journal = Journal(stem.with_suffix(".journal"))
        self.file = self.path.open("xb", buffering=_BUFFER)
        sync_folder(self.path.parent)
        self.end = 0
        self.num_units = 0

    def close(self) -> None:
        self.journal.close()
        self.file.close()


class UnitRows:
    """The rows of a unit that is being written into a pack."""

    def __init__(self, pack: _OpenPack, schema: pa.Schema) -> None:
        self.finished = False
        self._pack = pack
        self._schema = schema
        self._start = -(-pack.end // _ALIGNMENT) * _ALIGNMENT
        self._sink = _Sink(pack)
        self._writer: pa.RecordBatchStreamWriter | None = None

    def append(self, row: pa.RecordBatch) -> None:
        """Append a row.

        Raises
        ------
        MachineError
            When it cannot be written.
        """
        with report_write_errors(self._pack.path):
            if self._writer is None:
                self._pack.file.truncate(self._start)
                self._pack.file.seek(self._start)
                self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), self._schema)
            self._writer.write_batch(row)

    def finish(self, report: PartReport) -> None:
        """Finish the unit: write its rows to the disk, then its line of the journal.

        Raises
        ------
        MachineError
            When they cannot be written.
        """
        pack = self._pack
        with report_write_errors(pack.path):
            extent = Extent(pack.path.stem, 0, 0, 0)
            if self._writer is not None:
                self._writer.close()
                extent = Extent(pack.path.stem, self._start, self._sink.num_bytes, self._sink.checksum)
                pack.file.flush()
                os.fsync(pack.file.fileno())
        with report_write_errors(pack.journal.path):
            pack.journal.append(report_to_json(report, extent))
        self.finished = True
        pack.end = max(pack.end, extent.offset + extent.num_bytes)
        pack.num_units += 1

    def discard(self) -> None:
        """Forget the rows; the next unit is written over them."""
        if self._writer is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                self._writer.close()


class _Sink:
    """Passes bytes to a pack's file, and computes their checksum."""

    closed = False

    def __init__(self, pack: _OpenPack) -> None:
        self._pack = pack
        self.num_bytes = 0
        self.checksum = 0

    def write(self, content: bytes | pa.Buffer) -> int:
        view = memoryview(content).cast("B")
        self._pack.file.write(view)
        self.checksum = zlib.crc32(view, self.checksum)
        self.num_bytes += len(view)
        return len(view)

    def tell(self) -> int:
        return self.num_bytes

    def flush(self) -> None:
        """Do nothing; the file is not buffered."""


@contextlib.contextmanager
def report_write_errors(path: Path) -> Generator[None]:
    """Raise what goes wrong while a part is written as an error of the machine, which ends the run, and not of the media file."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise cannot_write(path, error if isinstance(error, OSError) else OSError(str(error))) from error
