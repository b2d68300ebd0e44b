"""Reading the rows of finished units from packs, memory-mapped."""

from __future__ import annotations

import functools
import zlib
from pathlib import Path

import pyarrow as pa

from hearsight.dataset.storage.ledger import void_rows
from hearsight.dataset.storage.reports import Extent

_OPEN_PACKS = 64
_OPEN_UNITS = 256


class PackReader:
    """Reads the rows of units. The last packs and units stay mapped.

    Parameters
    ----------
    folder
        The folder of parts.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open_pack = functools.lru_cache(maxsize=_OPEN_PACKS)(self._map)
        self._open_unit = functools.lru_cache(maxsize=_OPEN_UNITS)(self._read_checked)

    def read(self, extent: Extent) -> list[pa.RecordBatch]:
        """Return the rows of a unit, a batch per clip, without checking them against their checksum.

        Raises
        ------
        DatasetError
            When they cannot be read. The next run of the build makes them again.
        """
        if extent.num_bytes == 0:
            return []
        try:
            return list(pa.ipc.open_stream(self._read_buffer(extent)))
        except (OSError, pa.ArrowException) as error:
            raise void_rows(self.folder, extent) from error

    def read_clip(self, extent: Extent, row: int) -> pa.RecordBatch:
        """Return one row of a unit, whose rows are checked against their checksum when its first one is read.

        Raises
        ------
        DatasetError
            When the rows are damaged. The next run of the build makes them again.
        """
        batches = self._open_unit(extent)
        if row >= len(batches):
            raise void_rows(self.folder, extent)
        return batches[row]

    def _read_checked(self, extent: Extent) -> list[pa.RecordBatch]:
        if zlib.crc32(self._read_buffer(extent)) != extent.checksum:
            raise void_rows(self.folder, extent)
        return self.read(extent)

    def _read_buffer(self, extent: Extent) -> pa.Buffer:
        file = self._open_pack(extent.pack)
        file.seek(extent.offset)
        return file.read_buffer(extent.num_bytes)

    def _map(self, pack: str) -> pa.MemoryMappedFile:
        return pa.memory_map(str(self.folder / f"{pack}.pack"))
