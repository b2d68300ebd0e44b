"""Pickles of plain values and NumPy arrays, read without unpickling.

A pickle is a program for a small machine with a stack and a memo. This machine knows the instructions that numbers, strings, lists,
tuples, dictionaries and NumPy arrays are written with (protocols 0 to 5, by Python 2 and 3), and refuses every other by name.
Nothing that a file names is imported, and nothing that it asks for is called: what a known name stands for is built by
:mod:`hearsight.models.published.pickled_arrays`. Memory is bounded by the size of the file.
"""

from __future__ import annotations

import pickletools
import re
import struct
from collections.abc import Callable, Sequence
from typing import Any

from hearsight.errors import WeightsError
from hearsight.models.published.pickled_arrays import Refusal, build_object, find_name, set_state

WANTED = "plain values and NumPy arrays: nothing else is ever read"
MOST_COPIES = 4
"""How many times its own size a file may have copied: a few bytes could otherwise ask for copies without end."""
MOST_STEPS = 100_000
"""Most instructions of a file; published weights have some thousands. Each may make an object larger than itself."""
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|[\\'\"nrt])")
_PLAIN = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}


def read_pickle(content: bytes, where: object) -> Any:
    """Read a pickle of plain values and NumPy arrays.

    Parameters
    ----------
    content
        The bytes, to the end of the file.
    where
        The file that errors are about.

    Returns
    -------
    Any
        Numbers, strings, bytes, lists, tuples, dictionaries, and
        :class:`~hearsight.models.published.pickled_arrays.PickledArray`. What Python 2 wrote as bytes is a string of
        Latin-1.

    Raises
    ------
    WeightsError
        When it is cut short or holds anything else; the byte is named.
    """
    machine = _Machine(content)
    try:
        return machine.run()
    except Refusal as refusal:
        raise WeightsError(f"{where} byte {machine.start}", str(refusal), WANTED) from refusal
    except (IndexError, KeyError, struct.error) as error:
        raise WeightsError(
            f"{where} byte {machine.start}", f"a pickle that breaks off or is broken ({error!s:.100})", WANTED
        ) from error
    except (ValueError, TypeError, OverflowError, MemoryError) as error:
        found = f"a broken pickle ({error!s:.100})"
        raise WeightsError(f"{where} byte {machine.start}", found, WANTED) from error


class _Machine:
    """The stack, the memo, and the file that is being read."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.position = 0
        self.start = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.allowance = MOST_COPIES * len(content)

    def run(self) -> Any:
        for _ in range(MOST_STEPS):
            self.start = self.position
            code = self.take(1)
            if code == b".":
                return self.pop()
            act = _INSTRUCTIONS.get(code)
            if act is None:
                raise Refusal(f"the instruction {_name_instruction(code)}")
            act(self)
        raise Refusal(f"more than {MOST_STEPS:,} instructions")

    def take(self, count: int) -> bytes:
        """Read so many bytes."""
        end = self.position + count
        if count < 0 or end > len(self.content):
            raise IndexError(f"{len(self.content) - self.position:,} bytes left at byte {self.position:,}")
        taken = self.content[self.position : end]
        self.position = end
        return taken

    def number(self, form: str) -> int:
        """Read a whole number of fixed length."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def sized(self, form: str) -> bytes:
        """Read as many bytes as the number before them says."""
        return self.take(self.number(form))

    def line(self) -> bytes:
        """Read up to the end of the line."""
        return self.take(self.content.find(b"\n", self.position) + 1 - self.position)[:-1]

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if self.marks and len(self.stack) <= self.marks[-1]:
            raise IndexError(f"nothing on the stack at byte {self.position:,}")
        return self.stack.pop()

    def top(self, kind: type[Any]) -> Any:
        if not self.stack or type(self.stack[-1]) is not kind:
            raise TypeError(f"no {kind.__name__} to add to")
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        """Take all that was put on the stack since the last mark."""
        mark = self.marks.pop()
        taken = self.stack[mark:]
        del self.stack[mark:]
        return taken

    def pop_last(self, count: int) -> tuple[Any, ...]:
        taken = [self.pop() for _ in range(count)]
        return tuple(reversed(taken))

    def spend(self, size_bytes: int) -> None:
        """Refuse a file that makes much of little."""
        self.allowance -= size_bytes
        if self.allowance < 0:
            raise Refusal(f"copies of more than the file holds ({-self.allowance:,} bytes too many)")


def _name_instruction(code: bytes) -> str:
    return next((known.name for known in pickletools.opcodes if known.code == code.decode("latin-1")), repr(code))


# protocols


def _check_protocol(machine: _Machine) -> None:
    protocol = machine.number("<B")
    if protocol > 5:
        raise Refusal(f"a pickle of protocol {protocol}")


def _skip_frame(machine: _Machine) -> None:
    machine.number("<Q")


# numbers and strings


def _push_number(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.number(form))


def _push_bytes(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.sized(form))


def _push_text(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.sized(form).decode("utf-8", "surrogatepass"))


def _push_old_text(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(machine.sized(form).decode("latin-1"))


def _push_integer_line(machine: _Machine) -> None:
    text = machine.line()
    machine.push({b"00": False, b"01": True}[text] if text in (b"00", b"01") else int(text))


def _push_long_line(machine: _Machine) -> None:
    machine.push(int(machine.line().removesuffix(b"L")))


def _push_long(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine.push(int.from_bytes(machine.sized(form), "little", signed=True))


def _push_quoted(machine: _Machine) -> None:
    """Read a string as Python 2 prints one."""
    text = machine.line().strip()
    if len(text) < 2 or text[:1] not in b"'\"" or text[-1:] != text[:1]:
        raise ValueError(f"a string without quotes: {text!r:.60}")
    if b"\\" in _ESCAPE.sub(b"", text):
        raise ValueError(f"an unknown escape in a string: {text!r:.60}")
    machine.push(_ESCAPE.sub(_unescape, text[1:-1]).decode("latin-1"))


def _unescape(found: re.Match[bytes]) -> bytes:
    mark = found.group(1)
    return bytes.fromhex(mark[1:].decode()) if len(mark) == 3 else _PLAIN.get(mark, mark)


# containers, stack and memo


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.top(list).append(value)


def _append_all(machine: _Machine) -> None:
    values = machine.pop_mark()
    machine.top(list).extend(values)


def _set_item(machine: _Machine) -> None:
    pair = machine.pop_last(2)
    _add_items(machine.top(dict), pair)


def _set_items(machine: _Machine) -> None:
    values = machine.pop_mark()
    _add_items(machine.top(dict), values)


def _add_items(target: dict[Any, Any], values: Sequence[Any]) -> None:
    if len(values) % 2:
        raise ValueError(f"a key without a value: {values[-1]!r:.60}")
    for key, value in zip(values[::2], values[1::2], strict=True):
        if not isinstance(key, str | int | float):
            raise TypeError(f"a key that is neither text nor number: {type(key).__name__}")
        target[key] = value


def _push_dict(machine: _Machine) -> None:
    values = machine.pop_mark()
    machine.push({})
    _add_items(machine.top(dict), values)


def _remember(machine: _Machine, place: int) -> None:
    machine.memo[place] = machine.stack[-1]


# names and what is built of them


def _push_global(machine: _Machine) -> None:
    module, name = machine.line(), machine.line()
    machine.push(find_name(module.decode("utf-8"), name.decode("utf-8")))


def _push_stacked_global(machine: _Machine) -> None:
    module, name = machine.pop_last(2)
    if not (isinstance(module, str) and isinstance(name, str)):
        raise TypeError(f"a name that is no text: {type(module).__name__}, {type(name).__name__}")
    machine.push(find_name(module, name))


def _build(machine: _Machine) -> None:
    name, arguments = machine.pop_last(2)
    machine.push(build_object(name, arguments, machine.spend))


def _set_state(machine: _Machine) -> None:
    state = machine.pop()
    set_state(machine.stack[-1], state, machine.spend)


_INSTRUCTIONS: dict[bytes, Callable[[_Machine], Any]] = {
    b"\x80": _check_protocol,
    b"\x95": _skip_frame,
    b"N": lambda machine: machine.push(None),
    b"\x88": lambda machine: machine.push(True),
    b"\x89": lambda machine: machine.push(False),
    b"I": _push_integer_line,
    b"L": _push_long_line,
    b"F": lambda machine: machine.push(float(machine.line())),
    b"J": _push_number("<i"),
    b"K": _push_number("<B"),
    b"M": _push_number("<H"),
    b"G": lambda machine: machine.push(struct.unpack(">d", machine.take(8))[0]),
    b"\x8a": _push_long("<B"),
    b"\x8b": _push_long("<i"),
    b"S": _push_quoted,
    b"T": _push_old_text("<i"),
    b"U": _push_old_text("<B"),
    b"V": lambda machine: machine.push(machine.line().decode("raw-unicode-escape")),
    b"X": _push_text("<I"),
    b"\x8c": _push_text("<B"),
    b"\x8d": _push_text("<Q"),
    b"B": _push_bytes("<I"),
    b"C": _push_bytes("<B"),
    b"\x8e": _push_bytes("<Q"),
    b"\x96": _push_bytes("<Q"),
    b"]": lambda machine: machine.push([]),
    b"l": lambda machine: machine.push(machine.pop_mark()),
    b"a": _append,
    b"e": _append_all,
    b")": lambda machine: machine.push(()),
    b"t": lambda machine: machine.push(tuple(machine.pop_mark())),
    b"\x85": lambda machine: machine.push(machine.pop_last(1)),
    b"\x86": lambda machine: machine.push(machine.pop_last(2)),
    b"\x87": lambda machine: machine.push(machine.pop_last(3)),
    b"}": lambda machine: machine.push({}),
    b"d": _push_dict,
    b"s": _set_item,
    b"u": _set_items,
    b"(": lambda machine: machine.marks.append(len(machine.stack)),
    b"0": lambda machine: machine.pop(),
    b"1": lambda machine: machine.pop_mark(),
    b"2": lambda machine: machine.push(machine.stack[-1]),
    b"g": lambda machine: machine.push(machine.memo[int(machine.line())]),
    b"h": lambda machine: machine.push(machine.memo[machine.number("<B")]),
    b"j": lambda machine: machine.push(machine.memo[machine.number("<I")]),
    b"p": lambda machine: _remember(machine, int(machine.line())),
    b"q": lambda machine: _remember(machine, machine.number("<B")),
    b"r": lambda machine: _remember(machine, machine.number("<I")),
    b"\x94": lambda machine: _remember(machine, len(machine.memo)),
    b"c": _push_global,
    b"\x93": _push_stacked_global,
    b"R": _build,
    b"b": _set_state,
}
"""What the machine does, by the byte that asks for it."""
