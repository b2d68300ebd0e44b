"""What pydantic finds wrong in a configuration, in the form of our own errors: what was found, what was wanted, and a hint."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hearsight.errors import ConfigError, guess

_WANTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "at least {ge}",
    "less_than": "less than {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "finite_number": "a finite number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "a string",
    "tuple_type": "a list",
    "path_type": "a path",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
"""What is wanted in place of a value, by pydantic's name of the mistake."""


@dataclasses.dataclass(frozen=True)
class _Mistake:
    """One mistake."""

    found: str
    wanted: str = ""
    hint: str = ""


def explain_mistakes(error: ValidationError, model: type[BaseModel], where: str) -> ConfigError:
    """Return the error for all mistakes in a configuration.

    Parameters
    ----------
    error
        What pydantic raised.
    model
        The configuration's class, whose keys are guessed from.
    where
        The file, option or class that the values come from.
    """
    known = list_keys(model)
    problems: dict[str, list[Any]] = {}
    for problem in error.errors(include_url=False):
        # a value that may be of several kinds is wrong once for each of them
        problems.setdefault(_name_key(problem["loc"], known), []).append(problem)
    mistakes = [_explain(key, alternatives, known) for key, alternatives in problems.items()]
    hint = "; ".join(mistake.hint for mistake in mistakes if mistake.hint)
    if len(mistakes) == 1:
        return ConfigError(where, mistakes[0].found, mistakes[0].wanted, hint)
    lines = [f"{one.found}, wanted {one.wanted}" if one.wanted else one.found for one in mistakes]
    return ConfigError(where, "; ".join(lines), hint=hint)


def list_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List the dotted keys of a configuration model, with those of inner tables."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        keys += list_keys(inner, f"{prefix}{name}.") if inner else [f"{prefix}{name}"]
    return keys


def _name_key(place: Sequence[Any], known: Sequence[str]) -> str:
    """Return the dotted key of a mistake, without the names of kinds that pydantic adds to it."""
    for count in range(1, len(place) + 1):
        key = ".".join(map(str, place[:count]))
        if key in known:
            is_free = key.endswith("options") and count < len(place)
            return f"{key}.{place[count]}" if is_free else key
    return ".".join(map(str, place))


def _explain(key: str, problems: Sequence[Any], known: Sequence[str]) -> _Mistake:
    problem = problems[0]
    if problem["type"] == "extra_forbidden":
        return _Mistake(f"unknown key {key!r}", hint=f"{key}: {guess(key, known)}")
    if any(one["type"] not in _WANTED for one in problems):
        message = problem["msg"].removeprefix("Value error, ")
        return _Mistake(f"{key}: {message}" if key else message)
    wanted = list(dict.fromkeys(_WANTED[one["type"]].format(**_round(one.get("ctx", {}))) for one in problems))
    value = problem["input"]
    names = [name for one in problems for name in re.findall(r"'([^']*)'", str(one.get("ctx", {}).get("expected", "")))]
    near = guess(value, names) if isinstance(value, str) and names else ""
    found = f"{key} = {value!r:.60}" if not isinstance(value, Mapping) else f"{key} is a table"
    return _Mistake(found, " or ".join(wanted), near if near.startswith("did you mean") else "")


def _round(context: Mapping[str, Any]) -> dict[str, Any]:
    return {name: f"{value:g}" if isinstance(value, int | float) else value for name, value in context.items()}
