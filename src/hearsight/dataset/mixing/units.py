"""The units of work of ``hearsight mix``: ranges of the numbers of mixtures."""

from __future__ import annotations

import dataclasses
import uuid as uuid_module
from collections.abc import Sequence
from typing import overload

import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Int64

from hearsight.dataset.storage.ledger import pack_names
from hearsight.records import NAMESPACE

_UNIT = 64
"""Mixtures in a unit of work."""
_NAMES = 16_384
"""Units whose names are made at a time."""


@dataclasses.dataclass(frozen=True)
class MixtureRange:
    """A unit of work: the mixtures with the numbers ``first`` to ``last``, ``last`` excluded."""

    first: int
    last: int

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def name(self) -> str:
        """Name of the unit. It need not hold the configuration, which all units of a folder share."""
        return str(uuid_module.uuid5(NAMESPACE, f"mixtures:{self.first}-{self.last}"))


class MixtureUnits(Sequence[MixtureRange]):
    """The units of work of a number of mixtures, 8 bytes each; a :class:`MixtureRange` is made when it is asked for.

    Parameters
    ----------
    firsts
        The first mixture of each unit.
    num_mixtures
        Number of mixtures of all units of the dataset, at which the last one ends.
    """

    def __init__(self, firsts: Int64[np.ndarray, " units"], num_mixtures: int) -> None:
        self._firsts = firsts
        self._end = num_mixtures

    @classmethod
    def divide(cls, num_mixtures: int) -> MixtureUnits:
        """Divide mixtures into units."""
        return cls(np.arange(0, num_mixtures, _UNIT, dtype=np.int64), num_mixtures)

    def select(self, mask: Bool[np.ndarray, " units"]) -> MixtureUnits:
        """Return some of the units."""
        return MixtureUnits(self._firsts[mask], self._end)

    def pack_names(self) -> pa.FixedSizeBinaryArray:
        """Return the name of each unit, as 16 bytes."""
        ranges = (range(start, min(start + _NAMES, len(self))) for start in range(0, len(self), _NAMES))
        names = [pack_names([self[place].name for place in places]) for places in ranges]
        return pa.concat_arrays([pack_names([]), *names])

    def count_mixtures(self) -> int:
        """Return the number of mixtures in these units."""
        return int(np.minimum(self._firsts + _UNIT, self._end).sum() - self._firsts.sum())

    def __len__(self) -> int:
        return len(self._firsts)

    @overload
    def __getitem__(self, index: int) -> MixtureRange: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[MixtureRange]: ...
    def __getitem__(self, index: int | slice) -> MixtureRange | Sequence[MixtureRange]:
        """Return a unit, or those of a slice."""
        if isinstance(index, slice):
            return MixtureUnits(self._firsts[index], self._end)
        first = int(self._firsts[index])
        return MixtureRange(first, min(first + _UNIT, self._end))
