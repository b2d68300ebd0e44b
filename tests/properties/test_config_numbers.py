"""Whatever number a key of a configuration is given: it is accepted within known bounds, or refused in one clear message."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Iterator
from typing import Any

import pytest
from annotated_types import Ge, Gt, Le, Lt
from hypothesis import given
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

import hearsight.config
from hearsight.config.stage import Stage
from hearsight.errors import ConfigError

ABSURD = (-1, 0, 10**30, -(10**30), 1e308, -1e308, 5e-324, math.nan, math.inf, -math.inf, "many", "", None, [], {})
LARGEST = 1e15
"""No key accepts a larger number: above it, counts of bytes and of steps overflow somewhere."""


def list_stages(kind: type[Stage] = Stage) -> Iterator[type[Stage]]:
    for one in kind.__subclasses__():
        yield one
        yield from list_stages(one)


def list_kinds(hint: Any) -> set[Any]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return set().union(*(list_kinds(part) for part in typing.get_args(hint)))
    if typing.get_origin(hint) is typing.Annotated:
        return list_kinds(typing.get_args(hint)[0])
    return {hint}


def list_metadata(field: FieldInfo) -> list[Any]:
    """Return the bounds of a field, also of those of its parts."""
    parts = [part for part in typing.get_args(field.annotation) if typing.get_origin(part) is typing.Annotated]
    return [*field.metadata, *(one for part in parts for one in getattr(part, "__metadata__", ())), *_flatten(parts)]


def _flatten(parts: list[Any]) -> Iterator[Any]:
    for part in parts:
        for one in getattr(part, "__metadata__", ()):
            yield from getattr(one, "metadata", ())


NUMBERS = sorted(
    {
        (stage.__name__, name): (stage, name)
        for stage in list_stages()
        if stage.__module__.startswith(hearsight.config.__name__)
        for name, field in stage.model_fields.items()
        if list_kinds(field.annotation) & {int, float}
    }.items()
)


@pytest.mark.parametrize(("stage", "name"), [pair for _, pair in NUMBERS], ids=[".".join(key) for key, _ in NUMBERS])
def test_every_number_has_a_lowest_and_a_highest_value(stage: type[Stage], name: str) -> None:
    bounds = list_metadata(stage.model_fields[name])
    assert any(isinstance(one, Ge | Gt) for one in bounds), bounds
    (highest,) = [one.le if isinstance(one, Le) else one.lt for one in bounds if isinstance(one, Le | Lt)]
    assert highest <= LARGEST
    for value in ABSURD:
        check_value(stage, name, value)


def check_value(stage: type[Stage], name: str, value: Any) -> None:
    """Check that a value is accepted as a number within its bounds, or refused by a message that names its key."""
    refusal = ""
    found: Any = None
    try:
        found = getattr(stage.parse({name: value}, "--set"), name)
    except ConfigError as error:
        refusal = error.summary
    if refusal:
        assert name in refusal
        assert len(refusal) < 400
    else:
        assert not isinstance(found, int | float) or -LARGEST <= found <= LARGEST


@given(
    place=st.integers(0, len(NUMBERS) - 1),
    value=st.one_of(st.integers(), st.floats(), st.text(max_size=8), st.booleans(), st.none()),
)
def test_no_value_raises_anything_else(place: int, value: Any) -> None:
    check_value(*NUMBERS[place][1], value)
