"""Hierarchies of classes, as AudioSet and ML-Images publish theirs: which group, and which part of it, a class belongs to."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearsight.errors import TableError

UNKNOWN = "not in the hierarchy"
"""The group of classes that no hierarchy names."""

_COLUMNS = ("category_index", "index_of_parent_category", "category name")


def read_parents(path: Path) -> dict[str, str]:
    """Read a hierarchy: the parent of each class by name, empty for those at the top.

    Parameters
    ----------
    path
        AudioSet's ``ontology.json`` (a list of objects with ``id``, ``name`` and ``child_ids``; of several parents the first
        counts), or ML-Images' ``dictionary_and_semantic_hierarchy.txt`` (tab-separated, with the index of each class's parent).

    Raises
    ------
    TableError
        When the file is neither.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return _read_ontology(json.loads(text)) if text.lstrip().startswith("[") else _read_dictionary(text)
    except (OSError, UnicodeDecodeError) as error:
        raise TableError(path, f"cannot be read ({error})", "a hierarchy of classes") from error
    except (ValueError, KeyError, TypeError) as error:
        found = f"no hierarchy ({type(error).__name__}: {error})"
        raise TableError(
            path, found, "AudioSet's ontology.json, or ML-Images' dictionary_and_semantic_hierarchy.txt"
        ) from error


def _read_ontology(nodes: list[dict[str, Any]]) -> dict[str, str]:
    names = {str(node["id"]): str(node["name"]) for node in nodes}
    parents = dict.fromkeys(names.values(), "")
    for node in nodes:
        for child in node["child_ids"]:
            if not parents[names[child]]:
                parents[names[child]] = str(node["name"])
    return parents


def _read_dictionary(text: str) -> dict[str, str]:
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        raise ValueError(f"no columns {', '.join(_COLUMNS)}")
    names = {row["category_index"]: row["category name"] for row in rows}
    return {row["category name"]: names.get(row["index_of_parent_category"], "") for row in rows}


def group_counts(
    counts: Mapping[str, int], hierarchies: Sequence[Mapping[str, str]], level: int = 0
) -> dict[str, dict[str, int]]:
    """Sum up the counts of classes by primary and secondary group of the first hierarchy that knows them.

    Parameters
    ----------
    counts
        Labels of each class.
    hierarchies
        As :func:`read_parents` gives them.
    level
        How far below the top the primary groups lie; the secondary ones are a step below them. A class that is not so far down is
        its own group.
    """
    groups: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        parents = next((one for one in hierarchies if name in one), None)
        primary, secondary = (UNKNOWN, UNKNOWN) if parents is None else _climb(name, parents, level)
        parts = groups.setdefault(primary, {})
        parts[secondary] = parts.get(secondary, 0) + count
    return groups


def _climb(name: str, parents: Mapping[str, str], level: int) -> tuple[str, str]:
    path = [name]
    while parents.get(path[-1]) and parents[path[-1]] not in path:  # a file's circle ends where it closes
        path.append(parents[path[-1]])
    path.reverse()
    return path[min(level, len(path) - 1)], path[min(level + 1, len(path) - 1)]
