"""The units of work of a build, as columns: about 100 bytes for each of millions of files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64

from hearsight.dataset.label_media import MediaUnit, observe_all
from hearsight.dataset.storage.ledger import pack_names
from hearsight.records import Source
from hearsight.text import make_encodable

_BATCH = 16_384


def encode_paths(sources: Sequence[Source]) -> pa.ChunkedArray:
    """Return the paths of sources as the clip table has them, with escapes for bytes that are not UTF-8."""
    ranges = [range(first, min(first + _BATCH, len(sources))) for first in range(0, len(sources), _BATCH)]
    chunks = [pa.array([make_encodable(sources[place].path) for place in places], pa.string()) for places in ranges]
    return pa.chunked_array(chunks, pa.string())


class UnitTable(Sequence[MediaUnit]):
    """The units of work of sources; a :class:`MediaUnit` is made when it is asked for.

    Parameters
    ----------
    sources
        The sources of all units.
    places
        The source of each unit.
    states
        Size and time of the last change (or version) of each unit's file, null where it was absent.
    names
        Name of each unit.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        places: Int64[np.ndarray, " units"],
        states: pa.RecordBatch,
        names: pa.FixedSizeBinaryArray,
    ) -> None:
        self._sources = sources
        self._places = places
        self._states = states
        self.names = names

    @classmethod
    def observe(cls, sources: Sequence[Source]) -> UnitTable:
        """Look at the file of each source."""
        sizes: list[pa.Array] = [pa.array([], pa.int64())]
        times: list[pa.Array] = [pa.array([], pa.string())]
        names: list[pa.Array] = [pack_names([])]
        for first in range(0, len(sources), _BATCH):
            units = observe_all(sources[place] for place in range(first, min(first + _BATCH, len(sources))))
            sizes.append(pa.array([unit.size for unit in units], pa.int64()))
            times.append(pa.array([_write_state(unit.modified) for unit in units], pa.string()))
            names.append(pack_names([unit.name for unit in units]))
        states = pa.RecordBatch.from_arrays([pa.concat_arrays(sizes), pa.concat_arrays(times)], ["size", "modified"])
        return cls(sources, np.arange(len(sources)), states, pa.concat_arrays(names))

    def select(self, mask: Bool[np.ndarray, " units"]) -> UnitTable:
        """Return some of the units."""
        chosen = pa.array(np.flatnonzero(mask))
        return UnitTable(self._sources, self._places[mask], self._states.take(chosen), self.names.take(chosen))

    def __len__(self) -> int:
        return len(self._places)

    @overload
    def __getitem__(self, index: int) -> MediaUnit: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[MediaUnit]: ...
    def __getitem__(self, index: int | slice) -> MediaUnit | Sequence[MediaUnit]:
        """Return a unit, or a list of those of a slice."""
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        source = self._sources[int(self._places[index])]
        size, modified = (self._states.column(place)[index].as_py() for place in (0, 1))
        return MediaUnit(source, size, _read_state(modified))


def _write_state(modified: int | str | None) -> str | None:
    """Return the state of a file as text: a time after ``=``, the version of an object in a store as it is."""
    return f"={modified}" if isinstance(modified, int) else modified and f" {modified}"


def _read_state(text: str | None) -> int | str | None:
    return text and (int(text[1:]) if text[0] == "=" else text[1:])
