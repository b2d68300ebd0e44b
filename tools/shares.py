"""Shares of the package's lines that keep a rule: counted over all modules, printed, and compared with the least share wanted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

from tools.pages import ROOT


@dataclasses.dataclass(frozen=True)
class Place:
    """One place that a rule is about.

    Attributes
    ----------
    path, line
        Where it is.
    text
        What is printed of it if it breaks the rule.
    passes
        Whether it keeps the rule.
    """

    path: Path
    line: int
    text: str
    passes: bool


def count_places(find: Callable[[Path], Iterator[Place]]) -> tuple[list[Place], float]:
    """Return all places of the package that a function finds, and the share that keep the rule."""
    found = [one for path in sorted((ROOT / "src").rglob("*.py")) for one in find(path)]
    return found, sum(one.passes for one in found) / len(found)


def report_share(find: Callable[[Path], Iterator[Place]], rule: str, floor: float) -> int:
    """Print the places that break a rule, and the share of the others; return 1 if it is below the floor.

    Parameters
    ----------
    find
        The function that finds the places in a module.
    rule
        The last line, with ``{}`` for the numbers, as in ``arrays: {} have a shape``.
    floor
        The least share.
    """
    found, share = count_places(find)
    for one in found:
        if not one.passes:
            print(f"{one.path.relative_to(ROOT)}:{one.line}: {one.text}")
    passing = sum(one.passes for one in found)
    print(f"{rule.format(f'{passing} of {len(found)}')} ({share:.1%}, wanted {floor:.0%})")
    return int(share < floor)
