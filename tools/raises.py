"""Find errors whose message does not state the value that was found.

``python -m tools.raises`` prints one line per ``raise`` whose message is constant, and the share of those that
carry a value. An error has the form *where: what was found, what was wanted*; "what was found" is the second argument of a
:class:`~hearsight.errors.HearsightError` and the first of every other error. It carries a value when it is computed: an f-string
with a field, a variable, a call. So does an error that is made by a function which takes arguments.

What is absent or empty has no other value than its path, which is the first argument; these messages are in :data:`PLACES`.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from hearsight import errors
from tools.shares import Place, report_share

FLOOR = 0.93
"""The least share of raises that carry the value found."""
OURS = frozenset(
    name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.HearsightError)
)
"""Errors whose second argument is what was found."""
SIGNALS = frozenset(
    {"AttributeError", "StopIteration", "SystemExit", "NotImplementedError", "KeyboardInterrupt", "EOFError"}
)
"""What is raised to obey a protocol, and read by no user."""
PLACES = re.compile(r"no such (file|folder)|an? (empty|unfinished)|empty|another (process|build) ")
"""Messages about a place as such, whose value is the place."""


def find_raises(path: Path) -> Iterator[Place]:
    """Find the raises of a module that make a new error; ``raise`` alone and ``raise error`` pass one on."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Raise) or node.exc is None:
            continue
        name, arguments = _split(node.exc)
        if not name or name in SIGNALS:
            continue
        yield Place(path, node.lineno, " ".join(ast.unparse(node).split()), _carries(name, arguments))


def _split(error: ast.expr) -> tuple[str, ast.Call | None]:
    """Return the name of what makes an error, and its call; no name where an existing error is passed on."""
    if not isinstance(error, ast.Call):
        return (error.id, None) if isinstance(error, ast.Name) and error.id.endswith("Error") else ("", None)
    made_by = error.func
    name = made_by.id if isinstance(made_by, ast.Name) else made_by.attr if isinstance(made_by, ast.Attribute) else ""
    return name, error


def _carries(name: str, call: ast.Call | None) -> bool:
    if call is None:
        return False
    if name not in OURS and name != "kind":
        return any(map(is_computed, [*call.args, *(keyword.value for keyword in call.keywords)]))
    if any(isinstance(part, ast.Starred) for part in call.args):
        return True
    found = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "found")]
    if not found or is_computed(found[0]):
        return bool(found)
    told = found[0].value if isinstance(found[0], ast.Constant) else ""
    return isinstance(told, str) and PLACES.match(told) is not None and is_computed(call.args[0])


def is_computed(message: ast.expr) -> bool:
    """Return whether an expression depends on a variable."""
    return any(isinstance(node, ast.Name | ast.Attribute) for node in ast.walk(message))


def main() -> int:
    """Print the raises without a value, and the share of the others; return 1 if it is below the floor."""
    return report_share(find_raises, "raises: {} carry the value found", FLOOR)


if __name__ == "__main__":
    sys.exit(main())
