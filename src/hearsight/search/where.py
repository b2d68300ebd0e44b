"""Conditions on the rows of an index, as a user writes them: one expression of SQL, evaluated where it can do no harm.

The expression is parsed first: anything that is more than an expression over the columns is refused. Then it is evaluated by a
database without files, network, extensions or settings that could be changed, with a bound on memory and time. Only functions of a
short list can be called.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from hearsight.clips.database import QueryError, Sandbox, open_sandbox
from hearsight.errors import UsageError, guess

LONGEST = 4096
"""Characters of the longest condition."""
SECONDS = 20.0
"""Time after which a condition is given up."""
_ROW = "__row"
_PLACES = frozenset({"query_location", "query_location_length"})
_REFUSED = {
    "SUBQUERY": "a query inside the expression",
    "WINDOW": "a window function",
    "PARAMETER": "a parameter",
    "STAR": "a star",
    "LAMBDA": "a lambda function",
}
_OPERATORS = "+ - * / // % || ~~ !~~ ~~* !~~*"
_TEXT = (
    "lower upper trim length len strlen contains starts_with ends_with prefix suffix regexp_matches regexp_full_match"
)
_LISTS = "list_contains list_has list_has_any list_has_all list_position list_extract array_extract array_contains list_value"
_TIMES = "year month day hour minute second dayofweek isodow dayofyear week date_part date_trunc strftime"
_NUMBERS = "abs floor ceil round greatest least coalesce"
FUNCTIONS = frozenset(name for names in (_OPERATORS, _TEXT, _LISTS, _TIMES, _NUMBERS) for name in names.split(" "))
"""Functions and operators that a condition may call, except comparisons: none makes long values, reads settings or has
effects."""


def select_rows(rows: pa.Table, where: str, option: str = "--where") -> Int64[np.ndarray, " selected"]:
    """Return the numbers of the rows that fulfil a condition, in ascending order.

    Parameters
    ----------
    rows
        The table of an index.
    where
        An expression of DuckDB's SQL over its columns, such as ``site = 'north' AND hour(time) < 6``.
    option
        What errors name.

    Raises
    ------
    UsageError
        When it is no single expression, or cannot be evaluated.
    """
    if len(where) > LONGEST:
        raise UsageError(option, f"{len(where):,} characters", f"at most {LONGEST:,}")
    numbered = rows.append_column(_ROW, pa.array(np.arange(len(rows))))
    try:
        with open_sandbox(numbered, SECONDS) as sandbox:
            _check_expression(sandbox, where, option)
            found = sandbox.query(f"{_write(where)} ORDER BY {_ROW}")
    except QueryError as error:
        raise UsageError(
            option, f"{where!r:.200} ({error})", "a condition on the columns", _name(rows, where)
        ) from error
    return found[_ROW].to_numpy().astype(np.int64)


def _write(where: str) -> str:
    # on a separate line, so that a comment at its end does not reach the bracket
    return f"SELECT {_ROW} FROM rows WHERE (\n{where}\n)"


def _check_expression(sandbox: Sandbox, where: str, option: str) -> None:
    """Refuse all that makes the statement differ from the one with ``true`` beyond the expression itself."""
    found, plain = _parse(sandbox, where), _parse(sandbox, "true")
    condition = _remove_condition(found)
    _remove_condition(plain)
    if condition is None or _strip(found) != _strip(plain):
        raise UsageError(option, f"{where!r:.200}", "one expression, without further clauses")
    for node in _list_nodes(condition):
        kind = node["class"]
        if kind in _REFUSED:
            raise UsageError(option, f"{_REFUSED[kind]} in {where!r:.200}", "an expression over the columns")
        if kind == "FUNCTION" and str(node.get("function_name")).lower() not in FUNCTIONS:
            hint = guess(str(node.get("function_name")), [name for name in FUNCTIONS if name.isidentifier()])
            raise UsageError(
                option, f"the function {node.get('function_name')!s:.80}", "one that is allowed here", hint
            )


def _parse(sandbox: Sandbox, where: str) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(sandbox.parse(_write(where)))
    if tree.get("error"):
        raise QueryError(str(tree.get("error_message", "not SQL")))
    return tree


def _remove_condition(tree: dict[str, Any]) -> dict[str, Any] | None:
    statements = tree.get("statements", [])
    node = statements[0].get("node", {}) if len(statements) == 1 else {}
    return node.pop("where_clause", None)


def _strip(value: Any) -> Any:
    """Return a tree without places in the text."""
    if isinstance(value, dict):
        return {key: _strip(one) for key, one in value.items() if key not in _PLACES}
    return [_strip(one) for one in value] if isinstance(value, list) else value


def _list_nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if isinstance(value.get("class"), str):
            yield value
        for one in value.values():
            yield from _list_nodes(one)
    elif isinstance(value, list):
        for one in value:
            yield from _list_nodes(one)


def _name(rows: pa.Table, where: str) -> str:
    """Return a hint that lists the columns; it names no other one where the text is long."""
    words = where.replace('"', " ").split()
    return f"columns: {', '.join(rows.column_names)}" if len(words) != 1 else guess(words[0], rows.column_names)
