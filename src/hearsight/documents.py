"""Documents that we read: JSON and text files, and what pydantic finds wrong in their values.

Every mistake in one becomes a :class:`~hearsight.errors.HearsightError` that names the place: no other exception leaves these
functions, whatever the file holds.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from hearsight.errors import HearsightError, InputError
from hearsight.files import read_regular

MOST_BYTES = 256 * 2**20
"""The largest document that is read, in bytes, unless its reader sets another bound."""
MOST_MISTAKES = 5
"""Mistakes of one document that are named."""

_LONGEST_VALUE = 60
_ModelT = TypeVar("_ModelT", bound=BaseModel)


def read_text(
    path: Path, kind: type[HearsightError] = InputError, *, wanted: str = "a text file", most_bytes: int = MOST_BYTES
) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Parameters
    ----------
    path
        A regular file; a named pipe or a device is refused without being opened.
    kind
        The error that is raised.
    wanted
        What the file should be, for the message.
    most_bytes
        The largest size that is read.

    Raises
    ------
    HearsightError
        Of the given kind, when the file is absent, not a regular file, too large, or not UTF-8.
    """
    try:
        content = read_regular(path, most_bytes)
    except FileNotFoundError as error:
        raise kind(path, "no such file", wanted) from error
    except OSError as error:
        raise kind(path, f"cannot be read ({_explain(error)})", wanted) from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise kind(path, f"no UTF-8 (byte {error.start})", wanted) from error


def read_json(
    path: Path,
    kind: type[HearsightError] = InputError,
    *,
    wanted: str = "a JSON file",
    most_bytes: int = MOST_BYTES,
    old: bool = False,
) -> Any:
    """Read a JSON file; parameters and errors as those of :func:`read_text` and :func:`parse_json`."""
    return parse_json(read_text(path, kind, wanted=wanted, most_bytes=most_bytes), path, kind, wanted=wanted, old=old)


def parse_json(
    text: str | bytes,
    where: object,
    kind: type[HearsightError] = InputError,
    *,
    wanted: str = "a JSON document",
    old: bool = False,
) -> Any:
    """Return the values of a JSON document.

    Parameters
    ----------
    text
        The document.
    where
        Its file, or where else it comes from, for the message.
    kind
        The error that is raised.
    wanted
        What the document should be, for the message.
    old
        Whether ``NaN`` and infinities, which are not JSON, are read as null instead of refused: earlier versions wrote them into
        run logs and checkpoints.

    Raises
    ------
    HearsightError
        Of the given kind, when it is not JSON, nested too deeply, or holds a number that is not finite or has thousands of digits.
    """
    convert = _read_old_number if old else _read_number
    try:
        return json.loads(text, parse_float=convert, parse_constant=convert)
    except json.JSONDecodeError as error:
        raise kind(where, f"not JSON (line {error.lineno}: {error.msg})", wanted) from error
    except RecursionError as error:
        raise kind(where, f"not usable JSON (nested too deeply in {len(text):,} characters)", wanted) from error
    except ValueError as error:
        raise kind(where, f"not usable JSON ({error})", wanted) from error


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text:.40} is not finite")
    return number


def _read_old_number(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def format_json(
    value: Any, *, indent: int | None = None, sort_keys: bool = False, default: Callable[[Any], Any] | None = None
) -> str:
    """Return a value as JSON text that every reader accepts: numbers that are not finite become null.

    Parameters
    ----------
    value
        Of dictionaries, lists, text, numbers, and what ``default`` converts to these.
    indent, sort_keys, default
        As of :func:`json.dumps`.
    """
    plain = drop_nonfinite(value)
    return json.dumps(plain, indent=indent, sort_keys=sort_keys, ensure_ascii=False, allow_nan=False, default=default)


def drop_nonfinite(value: Any) -> Any:
    """Return a value of dictionaries, lists and numbers with None for each number that is not finite."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: drop_nonfinite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [drop_nonfinite(one) for one in value]
    return value


def check_object(values: Any, where: object, kind: type[HearsightError] = InputError) -> dict[str, Any]:
    """Return the values of a JSON object as a dictionary.

    Raises
    ------
    HearsightError
        Of the given kind, when they are a list, a string, a number or nothing.
    """
    if not isinstance(values, dict):
        raise kind(where, f"JSON of the kind {type(values).__name__}", "an object")
    return values


def validate(
    model: type[_ModelT], values: Any, where: object, kind: type[HearsightError] = InputError, *, wanted: str = ""
) -> _ModelT:
    """Return values from a document as a pydantic model.

    Parameters
    ----------
    model
        What the values should be.
    values
        As :func:`parse_json` returns them.
    where
        The document.
    kind
        The error that is raised.
    wanted
        What the values should be, for the message.

    Raises
    ------
    HearsightError
        Of the given kind, naming the first mistakes with their places and values.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise kind(where, explain_validation(error), wanted) from error


def validate_list(
    model: type[_ModelT], values: Any, where: object, kind: type[HearsightError] = InputError, *, wanted: str = ""
) -> list[_ModelT]:
    """Return the elements of a JSON list as pydantic models; parameters as those of :func:`validate`.

    Raises
    ------
    HearsightError
        Of the given kind, when they are no list, or naming the first element with mistakes and these.
    """
    if not isinstance(values, list):
        raise kind(where, f"JSON of the kind {type(values).__name__}", wanted or "a list")
    return [validate(model, one, f"{where} entry {number}", kind, wanted=wanted) for number, one in enumerate(values)]


def explain_validation(error: ValidationError) -> str:
    """Return the mistakes that pydantic found in one line: the place of each, the value there, and what is wrong with it."""
    problems = error.errors(include_url=False, include_context=False)
    lines: list[str] = []
    for problem in problems[:MOST_MISTAKES]:
        place = ".".join(str(part) for part in problem["loc"])
        is_value = problem["type"] != "missing" and not isinstance(problem["input"], Mapping | list)
        value = f" = {_shorten(repr(problem['input']))}" if is_value else ""
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{place}{value}: {message}" if place else f"{message}{value}")
    if len(problems) > MOST_MISTAKES:
        lines.append(f"and {len(problems) - MOST_MISTAKES} more mistakes")
    return "; ".join(lines)


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def _explain(error: OSError) -> str:
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error))
