"""Each third-party package is imported in one file, so that it can be exchanged there."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

import hearsight

PACKAGE = Path(hearsight.__file__).parent
EVERYWHERE = {"numpy", "jaxtyping", "torch", "pyarrow", "pydantic", "scipy"}
"""What arrays, tables, networks and configurations are written in."""
ROOMS = {"sklearn": "learners", "huggingface_hub": "models"}
"""Packages that have a room of several files."""
ERRORS_ALONE = {"safetensors": {"teachers/runtimes/hugging_face.py"}}
"""Where a package is imported for the error that another one lets through."""
MODULES = sorted(PACKAGE.rglob("*.py"))


def list_imports(path: Path) -> Iterator[str]:
    """Give the packages from outside that a module imports, at its head, in a function or as an optional one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str | None] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "require":
            names = [node.args[0].value if isinstance(node.args[0], ast.Constant) else None]
        for name in names:
            package = (name or "").split(".")[0]
            if package and package != "hearsight" and package not in sys.stdlib_module_names:
                yield package


def collect_importers() -> dict[str, set[str]]:
    """Give the modules that import each package."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in MODULES:
        for package in list_imports(path):
            found[package].add(path.relative_to(PACKAGE).as_posix())
    return found


IMPORTERS = collect_importers()


@pytest.mark.parametrize("package", sorted(set(IMPORTERS) - EVERYWHERE - set(ROOMS)))
def test_a_package_is_imported_in_one_file(package: str) -> None:
    importers = IMPORTERS[package] - ERRORS_ALONE.get(package, set())
    assert len(importers) == 1, f"{package} is imported in {sorted(importers)}"


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_a_package_with_a_room_stays_in_it(package: str) -> None:
    assert {name.split("/")[0] for name in IMPORTERS[package]} == {ROOMS[package]}


def test_optional_packages_are_seen_too() -> None:
    assert {"av", "duckdb", "onnxruntime", "transformers"} <= set(IMPORTERS)
