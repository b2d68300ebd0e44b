"""NumPy arrays as pickles describe them: a name, its arguments, and a state, from which the array is built here.

The names are looked up in :data:`KNOWN`; nothing is imported and nothing is called that a file names. Arrays share the memory of
their bytes, so that they cost no more than the file.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any, cast

import numpy as np

KNOWN: dict[str, str] = {
    "numpy ndarray": "ndarray",
    "numpy dtype": "dtype",
    "numpy.core.multiarray _reconstruct": "reconstruct",
    "numpy._core.multiarray _reconstruct": "reconstruct",
    "numpy.core.multiarray scalar": "scalar",
    "numpy._core.multiarray scalar": "scalar",
    "numpy.core.numeric _frombuffer": "frombuffer",
    "numpy._core.numeric _frombuffer": "frombuffer",
    "_codecs encode": "encode",
    "__builtin__ bytes": "bytes",
}
"""What files may name, and what it stands for."""
_NUMBERS = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|O[48]?)")

Spend = Callable[[int], None]
"""Called with the number of bytes about to be copied; raises where they are too many."""


class Refusal(Exception):  # noqa: N818  (turned into a WeightsError where the file is known)
    """Describe what is not built, for a message."""


@dataclasses.dataclass(frozen=True)
class KnownName:
    """A name of a file, by what it stands for."""

    meaning: str


@dataclasses.dataclass(eq=False)
class PickledArray:
    """An array as a pickle has it: numbers; or, where it holds objects, their list and its shape."""

    values: np.ndarray | None = None
    objects: list[Any] | None = None
    shape: tuple[int, ...] = (0,)


@dataclasses.dataclass(eq=False)
class PickledNumbers:
    """A kind of numbers: NumPy's code of it, such as ``f4``, and their byte order."""

    code: str
    order: str = "="

    @property
    def holds_objects(self) -> bool:
        """Whether they are no numbers but objects."""
        return "O" in self.code

    def make(self) -> np.dtype[Any]:
        """Return NumPy's description of them."""
        return np.dtype(self.code.lstrip("<>=|")).newbyteorder("=" if self.order == "|" else cast(Any, self.order))


def find_name(module: str, name: str) -> KnownName:
    """Look up a name of a file.

    Raises
    ------
    Refusal
        When it is not one of :data:`KNOWN`.
    """
    meaning = KNOWN.get(f"{module} {name}")
    if meaning is None:
        raise Refusal(f"the name {module:.60}.{name:.60}")
    return KnownName(meaning)


def build_object(name: Any, arguments: Any, spend: Spend) -> Any:
    """Build what a known name and its arguments stand for: an array, a kind of numbers, a number, or bytes.

    Raises
    ------
    Refusal, ValueError, TypeError, IndexError
        When it is none of them.
    """
    if not isinstance(name, KnownName) or name.meaning not in _MAKERS or not isinstance(arguments, tuple):
        raise Refusal(f"a call of something that is not known ({type(name).__name__})")
    return _MAKERS[name.meaning](cast(tuple[Any, ...], arguments), spend)


def set_state(target: Any, state: Any, spend: Spend) -> None:
    """Set the shape and numbers of an array, or the byte order of a kind of numbers; errors as those of :func:`build_object`."""
    if not isinstance(state, tuple) or not isinstance(target, PickledArray | PickledNumbers):
        raise Refusal(f"the state of an object that is no array ({type(target).__name__})")
    values = cast(tuple[Any, ...], state)
    if isinstance(target, PickledArray):
        _, shape, numbers, by_column, data = values
        _fill(target, (shape, numbers, data), spend, by_column=bool(by_column))
        return
    order = values[1]
    if order not in ("<", ">", "=", "|"):
        raise Refusal(f"a byte order that there is not ({order!r:.60})")
    target.order = order


def _make_empty(arguments: tuple[Any, ...], _: Spend) -> PickledArray:
    kind = arguments[0]
    if not isinstance(kind, KnownName) or kind.meaning != "ndarray":
        raise Refusal(f"an array of another class than NumPy's ({type(kind).__name__})")
    return PickledArray()


def _make_numbers(arguments: tuple[Any, ...], _: Spend) -> PickledNumbers:
    code = arguments[0]
    if not isinstance(code, str) or not _NUMBERS.fullmatch(code):
        raise Refusal(
            f"an array of {code:.60}"
            if isinstance(code, str)
            else f"an array of unknown numbers ({type(code).__name__})"
        )
    return PickledNumbers(code, code[0] if code[0] in "<>=|" else "=")


def _make_number(arguments: tuple[Any, ...], spend: Spend) -> Any:
    numbers, data = arguments
    array = _fill(PickledArray(), ((), numbers, data), spend)
    if array.values is None:
        raise Refusal(f"a number that is an object (of shape {array.shape})")
    return array.values.item()


def _make_array(arguments: tuple[Any, ...], spend: Spend) -> PickledArray:
    data, numbers, shape, order = arguments
    return _fill(PickledArray(), (shape, numbers, data), spend, by_column=order == "F")


def _make_bytes(arguments: tuple[Any, ...], spend: Spend) -> bytes:
    text, encoding = arguments
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refusal(f"an encoding other than Latin-1 ({encoding!r:.60})")
    spend(len(text))
    return text.encode("latin-1")


def _make_no_bytes(arguments: tuple[Any, ...], _: Spend) -> bytes:
    if arguments:
        raise Refusal(f"a call of bytes with {len(arguments)} arguments")
    return b""


_MAKERS: dict[str, Callable[[tuple[Any, ...], Spend], Any]] = {
    "reconstruct": _make_empty,
    "dtype": _make_numbers,
    "scalar": _make_number,
    "frombuffer": _make_array,
    "encode": _make_bytes,
    "bytes": _make_no_bytes,
}


def _fill(array: PickledArray, content: tuple[Any, Any, Any], spend: Spend, *, by_column: bool = False) -> PickledArray:
    """Set the shape of an array, its kind of numbers and their bytes; or the list of its objects."""
    shape, numbers, data = content
    if not isinstance(numbers, PickledNumbers) or not isinstance(shape, tuple):
        raise Refusal(f"an array of unknown shape or numbers ({type(shape).__name__}, {type(numbers).__name__})")
    sizes = cast(tuple[Any, ...], shape)
    if len(sizes) > 32 or not all(type(size) is int and size >= 0 for size in sizes):
        raise ValueError(f"an array whose shape is none: {sizes!r:.60}")
    count = math.prod(sizes)
    if numbers.holds_objects:
        if not isinstance(data, list) or len(cast(list[Any], data)) != count:
            raise ValueError(f"an array with fewer or more objects than its shape says ({count:,})")
        array.objects, array.shape = cast(list[Any], data), sizes
        return array
    if isinstance(data, str):
        # what Python 2 wrote as bytes
        spend(len(data))
        data = data.encode("latin-1")
    kind = numbers.make()
    if not isinstance(data, bytes) or len(data) != count * kind.itemsize:
        raise ValueError(f"an array with fewer or more bytes than its shape says ({count * kind.itemsize:,})")
    flat = np.frombuffer(data, kind) if data else np.empty(0, kind)
    array.values, array.shape = flat.reshape(sizes, order="F" if by_column else "C"), sizes
    return array
