"""What no linter can see: axis names look like undefined names to it, so that it does not look for those."""

from __future__ import annotations

import builtins
import dis
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

import hearsight

MODULES = sorted(module.name for module in pkgutil.walk_packages(hearsight.__path__, "hearsight."))


def walk_code(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from walk_code(constant)


def list_global_names(source: str, path: str) -> set[str]:
    codes = walk_code(compile(source, path, "exec"))
    return {one.argval for code in codes for one in dis.get_instructions(code) if one.opname == "LOAD_GLOBAL"}


def test_the_check_finds_a_name_that_is_not_there() -> None:
    source = "def f():\n    here = 1\n    return [here, nowhere]\n"
    assert list_global_names(source, "f.py") == {"nowhere"}


@pytest.mark.parametrize("name", [name for name in MODULES if not name.endswith("__main__")])
def test_every_name_is_defined(name: str) -> None:
    module = importlib.import_module(name)
    path = module.__file__
    assert path is not None
    names = list_global_names(Path(path).read_text(encoding="utf-8"), path)
    assert names <= {*vars(module), *vars(builtins)}
