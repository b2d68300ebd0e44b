"""Targets of which almost all are zero, as the others alone: that is what a batch of many classes carries to the device.

With 30,871 classes a clip has a handful of labels (Hershey 2017). A dense batch of 1,024 clips has 126 MB of targets. A sparse one
has a thousandth of it, or just under a hundredth with the 100 probabilities that each of two teachers has kept.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64, Integer
from torch import Tensor

LEAST_CLASSES = 1_000
"""Number of classes from which training carries sparse targets; dense ones of fewer classes are smaller than the waveforms."""
_NARROW_CLASSES = 2**16
"""Number of classes up to which an id takes two bytes instead of four."""


@dataclasses.dataclass(frozen=True)
class SparseTargets:
    """The targets of a batch that are not zero.

    Attributes
    ----------
    num_classes
        Number of classes.
    ends
        Of each example, where its entries end in the next two.
    ids, values
        Classes, and their targets. Ids have 16 bits where that is enough.
    """

    num_classes: int
    ends: Int32[np.ndarray, " batch"]
    ids: Integer[np.ndarray, " entries"]
    values: Float32[np.ndarray, " entries"]

    @classmethod
    def gather(cls, rows: Iterable[Float32[np.ndarray, " classes"]], num_classes: int) -> SparseTargets:
        """Take over what is not zero of dense targets, one row for each example; no more than one row is held."""
        kind = np.uint16 if num_classes <= _NARROW_CLASSES else np.int32
        ids: list[Integer[np.ndarray, " kept"]] = []
        values: list[Float32[np.ndarray, " kept"]] = []
        for row in rows:
            ids.append(np.flatnonzero(row).astype(kind))
            values.append(row[ids[-1]])
        return cls(
            num_classes,
            np.cumsum([len(kept) for kept in ids], dtype=np.int32),
            np.concatenate([np.zeros(0, kind), *ids]),
            np.concatenate([np.zeros(0, np.float32), *values]),
        )

    @property
    def num_bytes(self) -> int:
        """Bytes that are sent to the device."""
        return self.ends.nbytes + self.ids.nbytes + self.values.nbytes

    def __getitem__(self, rows: slice) -> SparseTargets:
        """Return the targets of some examples that follow each other."""
        first, stop, _ = rows.indices(len(self.ends))
        begin = int(self.ends[first - 1]) if first else 0
        ends = self.ends[first:stop] - begin
        span = slice(begin, begin + (int(ends[-1]) if len(ends) else 0))
        return SparseTargets(self.num_classes, ends, self.ids[span], self.values[span])

    def to_dense(self) -> Float32[np.ndarray, "batch classes"]:
        """Return all targets."""
        dense = np.zeros((len(self.ends), self.num_classes), np.float32)
        dense[np.repeat(np.arange(len(self.ends)), np.diff(self.ends, prepend=0)), self.ids] = self.values
        return dense

    def send(self, device: str) -> SentTargets:
        """Return the targets as tensors on a device."""
        narrow = self.ids.dtype == np.uint16
        held = self.ids.view(np.int16) if narrow else self.ids  # torch does little with unsigned numbers
        ends, ids, values = (torch.from_numpy(array).to(device) for array in (self.ends, held, self.values))
        counts = torch.diff(ends, prepend=ends.new_zeros(1))
        rows = torch.repeat_interleave(torch.arange(len(ends), device=device), counts, output_size=len(self.ids))
        return SentTargets(rows, ids.long() & 0xFFFF if narrow else ids.long(), values)


@dataclasses.dataclass(frozen=True)
class SentTargets:
    """Sparse targets on a device.

    Attributes
    ----------
    rows, ids, values
        Example, class and target of each entry.
    smoothing
        Share by which all targets are moved towards 0.5.
    """

    rows: Int64[Tensor, " entries"]
    ids: Int64[Tensor, " entries"]
    values: Float32[Tensor, " entries"]
    smoothing: float = 0.0
