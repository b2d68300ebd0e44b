"""Torch7's binary files (``.t7``), as its ``File`` and tensors write them on a 64-bit machine.

A file is one object: nil, a number, a string, a boolean, a table of objects, or an object of a Torch class. Tables and objects of
classes have a number, by which they are referred to when they occur again. Tensors and storages are read as NumPy arrays, objects
of any other class as the table that follows their name. Functions, which only Lua could run, are refused. Sizes are compared with
what is left of the file before anything is allocated, and nesting is bounded.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from jaxtyping import Shaped

from hearsight.errors import WeightsError

MOST_DEPTH = 60
"""Deepest nesting; a network's layers are some ten objects deep."""
MOST_OBJECTS = 1_000_000
"""Most objects of a file; published networks have some thousands."""
MOST_AXES = 16
WANTED = "a Torch7 file (binary, 64-bit, little endian)"

NUMBERS: Mapping[str, str] = {
    "Byte": "<u1",
    "Char": "<i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Half": "<f2",
    "Float": "<f4",
    "Double": "<f8",
    "Cuda": "<f4",
    "CudaByte": "<u1",
    "CudaChar": "<i1",
    "CudaShort": "<i2",
    "CudaInt": "<i4",
    "CudaLong": "<i8",
    "CudaHalf": "<f2",
    "CudaDouble": "<f8",
}
"""The numbers of the classes ``torch.…Tensor`` and ``torch.…Storage``."""
NIL, NUMBER, STRING, TABLE, TORCH, BOOLEAN = range(6)
FUNCTIONS = (6, 7, 8)


@dataclasses.dataclass(eq=False)
class Table:
    """A Lua table: keys are numbers, strings, booleans, or other objects; each table is equal to itself only."""

    entries: dict[Any, Any] = dataclasses.field(default_factory=dict[Any, Any])

    def list_values(self) -> list[Any]:
        """Return the values under 1, 2, 3 and so on, as far as they go."""
        values: list[Any] = []
        while len(values) + 1 in self.entries:
            values.append(self.entries[len(values) + 1])
        return values


@dataclasses.dataclass(eq=False)
class TorchObject:
    """An object of a Torch class that is neither tensor nor storage: the class's name and, usually, a table of its fields."""

    class_name: str
    content: Any = None

    def field(self, name: str) -> Any:
        """Return a field, or None if there is none."""
        return self.content.entries.get(name) if isinstance(self.content, Table) else None


def read_torch7(content: bytes, where: object) -> Any:
    """Read a Torch7 file.

    Parameters
    ----------
    content
        The bytes.
    where
        The file that errors are about.

    Returns
    -------
    Any
        None, a float, a string (Latin-1), a bool, a NumPy array, a :class:`Table`, or a :class:`TorchObject`.

    Raises
    ------
    WeightsError
        When it is cut short, holds a function, or is something else; the byte is named.
    """
    reader = _Reader(content)
    try:
        return reader.read_object()
    except _BrokenError as error:
        raise WeightsError(f"{where} byte {reader.position}", str(error), WANTED) from error


class _BrokenError(Exception):
    """What is wrong with the file at the reader's position."""


class _Reader:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0
        self.depth = 0
        self.num_objects = 0
        self.known: dict[int, Any] = {}

    def take(self, count: int) -> bytes:
        """Read so many bytes."""
        left = len(self.content) - self.position
        if not 0 <= count <= left:
            raise _BrokenError(f"{count:,} bytes where {left:,} are left")
        taken = self.content[self.position : self.position + count]
        self.position += count
        return taken

    def read_int(self) -> int:
        return struct.unpack("<i", self.take(4))[0]

    def read_longs(self, count: int) -> list[int]:
        return list(struct.unpack(f"<{count}q", self.take(8 * count)))

    def read_string(self) -> str:
        return self.take(self.read_int()).decode("latin-1")

    def read_object(self) -> Any:
        self.depth += 1
        self.num_objects += 1
        if self.depth > MOST_DEPTH:
            raise _BrokenError(f"objects nested deeper than {MOST_DEPTH}")
        if self.num_objects > MOST_OBJECTS:
            raise _BrokenError(f"more than {MOST_OBJECTS:,} objects")
        value = self._read_kind(self.read_int())
        self.depth -= 1
        return value

    def _read_kind(self, kind: int) -> Any:
        if kind == NIL:
            return None
        if kind == NUMBER:
            return struct.unpack("<d", self.take(8))[0]
        if kind == STRING:
            return self.read_string()
        if kind == BOOLEAN:
            return self.read_int() == 1
        if kind in (TABLE, TORCH):
            number = self.read_int()
            if number in self.known:
                return self.known[number]
            return self._read_table(number) if kind == TABLE else self._read_torch(number)
        if kind in FUNCTIONS:
            raise _BrokenError("a function, which is never read")
        raise _BrokenError(f"an object of kind {kind}, which there is not")

    def _read_table(self, number: int) -> Table:
        table = Table()
        self.known[number] = table  # before its entries, which may refer to it
        for _ in range(self.read_int()):
            key, value = self.read_object(), self.read_object()
            if key is None or isinstance(key, np.ndarray):
                raise _BrokenError("a table with nothing, or with a tensor, for a key")
            table.entries[key] = value
        return table

    def _read_torch(self, number: int) -> Any:
        name = self.read_string()
        if name.startswith("V "):
            # a version, which files had none of in the beginning
            name = self.read_string()
        package, _, kind = name.partition(".")
        if package == "torch" and kind.removesuffix("Tensor") in NUMBERS and kind.endswith("Tensor"):
            value = self._read_tensor(np.dtype(NUMBERS[kind.removesuffix("Tensor")]))
            self.known[number] = value
            return value
        if package == "torch" and kind.removesuffix("Storage") in NUMBERS and kind.endswith("Storage"):
            value = self._read_storage(np.dtype(NUMBERS[kind.removesuffix("Storage")]))
            self.known[number] = value
            return value
        described = TorchObject(name)
        self.known[number] = described
        described.content = self.read_object()
        return described

    def _read_storage(self, dtype: np.dtype[Any]) -> Shaped[np.ndarray, " numbers"]:
        (count,) = self.read_longs(1)
        data = self.take(count * dtype.itemsize)
        return np.frombuffer(data, dtype) if count else np.empty(0, dtype)

    def _read_tensor(self, dtype: np.dtype[Any]) -> np.ndarray:
        num_axes = self.read_int()
        if not 0 <= num_axes <= MOST_AXES:
            raise _BrokenError(f"a tensor of {num_axes} axes")
        sizes, strides = self.read_longs(num_axes), self.read_longs(num_axes)
        offset = self.read_longs(1)[0] - 1
        storage = self.read_object()
        if storage is None or num_axes == 0:
            return np.empty(0, dtype)
        if not isinstance(storage, np.ndarray) or storage.ndim != 1 or storage.dtype != dtype:
            raise _BrokenError("a tensor without a storage of its numbers")
        return _view(cast(Any, storage), sizes, strides, offset)


def _view(storage: Shaped[np.ndarray, " numbers"], sizes: list[int], strides: list[int], offset: int) -> np.ndarray:
    """Return the part of a storage that a tensor shows, where it lies within and is no larger."""
    if min(sizes) < 0 or min(strides) < 0 or offset < 0:
        raise _BrokenError(f"a tensor of sizes {sizes}, strides {strides} and offset {offset}")
    if 0 in sizes:
        return np.empty(0, storage.dtype)
    count, last = 1, offset
    for size, stride in zip(sizes, strides, strict=True):
        count *= size
        last += (size - 1) * stride
    if last >= len(storage) or count > len(storage):
        raise _BrokenError(f"a tensor of sizes {sizes} and strides {strides} in a storage of {len(storage):,} numbers")
    steps = [stride * storage.itemsize if size > 1 else 0 for size, stride in zip(sizes, strides, strict=True)]
    return np.lib.stride_tricks.as_strided(storage[offset:], sizes, steps, writeable=False)
