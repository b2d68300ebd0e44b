"""Mutants of a small module: every kind of change, nothing in annotations, and a run that tells survivors from killed ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutation.__main__ import MODULES, REPOSITORY
from tests.mutation.mutate import list_mutants

SOURCE = '''"""A module."""
LIMIT: int = 5
Alias = dict[str, 3]

def f(a: "float[3]", b: int = 2) -> bool:
    """Return something of 7."""
    if a < b and not b == 4:
        print(a)
        raise ValueError(max(a, -b))
    a += 0.5
    return True if a else a in [b // 2]
'''


def test_every_kind_of_expression_is_changed_once():
    changes = [(mutant.line, mutant.description) for mutant in list_mutants(SOURCE)]
    assert (2, "5 -> 6") in changes
    assert (5, "2 -> 3") in changes
    assert {
        (7, "a < b -> a <= b"),
        (7, "b == 4 -> b != 4"),
        (7, "a < b and (not b == 4) -> a < b or not b == 4"),
        (7, "not b == 4 -> not not b == 4"),
        (9, "max -> min"),
        (9, "-b -> +b"),
        (10, "a += 0.5 -> a -= 0.5"),
        (10, "0.5 -> 1.0"),
        (11, "True -> False"),
        (11, "a in [b // 2] -> a not in [b // 2]"),
        (11, "b // 2 -> b * 2"),
    } <= set(changes)
    sources = [mutant.source for mutant in list_mutants(SOURCE)]
    assert len(set(sources)) == len(sources)
    assert sum("print(a)" not in source for source in sources) == 1
    assert sum("raise ValueError" not in source for source in sources) == 1


def test_annotations_docstrings_and_aliases_stay_as_they_are():
    for mutant in list_mutants(SOURCE):
        assert "Return something of 7." in mutant.source
        assert "a: 'float[3]', b: int" in mutant.source
        assert "dict[str, 3]" in mutant.source


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_their_tests_exist(module: str):
    assert (REPOSITORY / "src" / "hearsight" / f"{module}.py").is_file()
    assert all((REPOSITORY / "tests" / name).exists() for name in MODULES[module])


@pytest.mark.slow
def test_a_run_kills_the_mutants_of_a_tested_module():
    command = [sys.executable, "-m", "tests.mutation", "units", "--at-least", "0.95"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "mutants killed" in done.stdout


def test_an_unknown_module_is_named():
    done = subprocess.run(
        [sys.executable, "-m", "tests.mutation", "unit"],
        cwd=Path(REPOSITORY),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "unknown module 'unit'" in done.stderr
