"""Which units are finished, read from the journals of a folder of parts into arrays."""

from __future__ import annotations

import itertools
import secrets
import uuid as uuid_module
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from jaxtyping import Bool, Int64

from hearsight.dataset.storage.journal import Journal, read_journal
from hearsight.dataset.storage.reports import Extent, PartReport, report_from_json
from hearsight.errors import DatasetError

NAME_TYPE = pa.binary(16)
"""Names of units are UUIDs, held as 16 bytes."""

_SCHEMA = pa.schema(
    [
        ("unit", NAME_TYPE),
        ("pack", pa.int32()),
        ("offset", pa.int64()),
        ("num_bytes", pa.int64()),
        ("checksum", pa.uint32()),
        ("num_clips", pa.int32()),
    ]
)
_BATCH = 65_536
_AGAIN = "run the same build again, which makes the damaged parts again"


def pack_names(names: Sequence[str]) -> pa.FixedSizeBinaryArray:
    """Return the names of units as 16 bytes each."""
    return pa.array([uuid_module.UUID(name).bytes for name in names], NAME_TYPE)


class Ledger:
    """The finished units of a folder of parts, 50 bytes each.

    Lines that are torn or damaged, and lines whose rows are missing from their pack, count as unfinished. Of a unit that was
    finished twice, the first line in the order of the journals counts.

    Parameters
    ----------
    folder
        The folder of parts; it may be missing.

    Attributes
    ----------
    table
        A row per finished unit: name, pack, offset, size and checksum of its rows, number of clips.
    num_damaged
        Lines that were passed over.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._packs = sorted(path.stem for path in folder.glob("*.journal") if path.with_suffix(".pack").exists())
        self._void = _read_void(folder)
        self.num_damaged = 0
        batches: list[pa.RecordBatch] = []
        lines = self._read_lines(range(len(self._packs)))
        while rows := [_make_row(number, values) for number, values in itertools.islice(lines, _BATCH)]:
            columns = [pa.array([row[place] for row in rows], field.type) for place, field in enumerate(_SCHEMA)]
            batches.append(pa.RecordBatch.from_arrays(columns, schema=_SCHEMA))
        read = pa.Table.from_batches(batches, _SCHEMA).combine_chunks()
        self._first = _mark_first(read.column("unit"))
        self.table = read.filter(pa.array(self._first)).combine_chunks()
        self._names = pa.concat_arrays([pa.array([], NAME_TYPE), *self.table.column("unit").chunks])

    def _read_lines(self, packs: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        for number in packs:
            path = self._folder / f"{self._packs[number]}.journal"
            size = path.with_suffix(".pack").stat().st_size
            for values in read_journal(path):
                if values is None or "unit" not in values:
                    self.num_damaged += 1
                    continue
                offset, num_bytes, _ = values["rows"]
                if offset + num_bytes > size or (self._packs[number], offset) in self._void:
                    self.num_damaged += 1
                else:
                    yield number, values

    def __len__(self) -> int:
        return len(self.table)

    def find(self, names: pa.FixedSizeBinaryArray) -> Int64[np.ndarray, " units"]:
        """Return the row of each unit in :attr:`table`, -1 where it is not finished."""
        places = pc.call_function("index_in", [names], pc.SetLookupOptions(value_set=self._names))
        return places.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)

    def extent(self, row: int) -> Extent:
        """Return where the rows of a unit are."""
        one = self.table.slice(row, 1)
        pack, offset, num_bytes, checksum = (one.column(index)[0].as_py() for index in range(1, 5))
        return Extent(self._packs[pack], offset, num_bytes, checksum)

    def read_reports(self, wanted: Bool[np.ndarray, " units"]) -> Iterator[tuple[int, PartReport, Extent]]:
        """Yield row, report and place of the wanted units, one after the other.

        Parameters
        ----------
        wanted
            For each row of :attr:`table`, whether it is wanted.
        """
        row = -1
        damaged = self.num_damaged
        for first, (pack, values) in zip(self._first, self._read_lines(range(len(self._packs))), strict=False):
            row += bool(first)
            if first and wanted[row]:
                yield row, *report_from_json(values, self._packs[pack])
        self.num_damaged = damaged


def void_rows(folder: Path, extent: Extent) -> DatasetError:
    """Record that the rows of a unit are damaged, so that the next build makes them again, and return the error to raise."""
    with Journal(folder / f"{secrets.token_hex(8)}.void") as journal:
        journal.append({"pack": extent.pack, "offset": extent.offset})
    where = folder / f"{extent.pack}.pack"
    return DatasetError(where, f"damaged rows at byte {extent.offset:,}", "the rows as written", _AGAIN)


def _read_void(folder: Path) -> set[tuple[str, int]]:
    lines = (values for path in sorted(folder.glob("*.void")) for values in read_journal(path))
    return {(values["pack"], values["offset"]) for values in lines if values is not None}


def _make_row(pack: int, values: dict[str, Any]) -> tuple[Any, ...]:
    return (uuid_module.UUID(values["unit"]).bytes, pack, *values["rows"], values["clips"])


def _mark_first(names: pa.ChunkedArray) -> Bool[np.ndarray, " lines"]:
    """Mark the first line of each unit."""
    first = np.zeros(len(names), np.bool_)
    if len(names):
        halves = np.frombuffer(b"".join(chunk.buffers()[1] for chunk in names.chunks), np.uint64).reshape(-1, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable: equal names stay in the order of their lines
        changes = np.any(halves[order][1:] != halves[order][:-1], axis=1)
        first[order[np.concatenate([[True], changes])]] = True
    return first
