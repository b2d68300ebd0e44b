"""Rows in files of bounded size, by the hash of a key: what makes a join of any number of rows a sequence of small ones.

Rows with the same key are in the same partition, so that partitions can be sorted, joined and counted one after the other. A
partition has about :data:`ROWS` rows where keys are spread evenly; memory therefore does not depend on the number of rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, Shaped, UInt64

from hearsight.files import report_output_errors

ROWS = 2**18
"""Rows of a partition, on average."""
MOST = 4096
"""Partitions. Beyond a thousand million rows they grow instead of becoming more."""

_HELD_BYTES = 2**22
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def count_partitions(num_rows: int) -> int:
    """Return the number of partitions for some number of rows."""
    return int(np.clip(-(-num_rows // ROWS), 1, MOST))


def argsort(keys: Shaped[np.ndarray, " rows"]) -> Int64[np.ndarray, " rows"]:
    """Return the stable order of keys of at most 32 bits, in a third of the time that NumPy's own stable sort takes."""
    packed = keys.astype(np.uint64) << np.uint64(32) | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    return (packed & np.uint64(2**32 - 1)).astype(np.int64)


class Partitions:
    """Files of rows, one for each partition.

    Parameters
    ----------
    folder
        Where they are; it is made.
    dtype
        The type of a row: a structured NumPy type.
    count
        Number of partitions.
    """

    def __init__(self, folder: Path, dtype: Any, count: int) -> None:
        folder.mkdir()
        self._folder = folder
        self.dtype = np.dtype(dtype)
        self._count = count
        self._held: list[np.ndarray] = []
        self._held_bytes = 0

    def __len__(self) -> int:
        return self._count

    def append(self, keys: UInt64[np.ndarray, " rows"], rows: Shaped[np.ndarray, " rows"]) -> None:
        """Append rows, each to the partition of its key.

        Raises
        ------
        UnwritableError
            When they cannot be written.
        """
        hashed = keys * _MULTIPLIER >> np.uint64(40)
        self.append_to((hashed * np.uint64(self._count) >> np.uint64(24)).astype(np.int64), rows)

    def append_to(self, places: Shaped[np.ndarray, " rows"], rows: Shaped[np.ndarray, " rows"]) -> None:
        """Append rows to the partitions at ``places``."""
        held = np.empty(len(rows), [("place", np.uint16), ("row", self.dtype)])
        held["place"], held["row"] = places, rows
        self._held.append(held)
        self._held_bytes += held.nbytes
        if self._held_bytes >= _HELD_BYTES:
            self._flush()

    def _flush(self) -> None:
        if not self._held:
            return
        held = np.concatenate(self._held)
        self._held, self._held_bytes = [], 0
        order = argsort(held["place"])
        ends = np.cumsum(np.bincount(held["place"], minlength=self._count))
        rows = held["row"][order]
        for place in np.unique(held["place"]).tolist():
            path = self._path(place)
            with report_output_errors(path), path.open("ab") as file:
                file.write(rows[ends[place - 1] if place else 0 : ends[place]].tobytes())

    def read(self, place: int) -> Shaped[np.ndarray, " rows"]:
        """Return the rows of a partition, in the order in which they were appended."""
        self._flush()
        path = self._path(place)
        return np.fromfile(path, self.dtype) if path.exists() else np.zeros(0, self.dtype)

    def write(self, place: int, rows: Shaped[np.ndarray, " rows"]) -> None:
        """Replace the rows of a partition."""
        path = self._path(place)
        with report_output_errors(path):
            path.write_bytes(rows.astype(self.dtype, copy=False).tobytes())

    def remove(self) -> None:
        """Remove all rows."""
        self._held, self._held_bytes = [], 0
        for place in range(self._count):
            self._path(place).unlink(missing_ok=True)
        self._folder.rmdir()

    def _path(self, place: int) -> Path:
        return self._folder / f"{place:04d}"
