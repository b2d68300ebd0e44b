"""Hierarchies of classes, as AudioSet and ML-Images publish theirs: which group, and which part of it, a class belongs to."""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hearsight.documents import parse_json, read_text
from hearsight.errors import TableError

UNKNOWN = "not in the hierarchy"
"""The group of classes that no hierarchy names."""

_WANTED = "AudioSet's ontology.json, or ML-Images' dictionary_and_semantic_hierarchy.txt"
_COLUMNS = ("category_index", "category_id", "index_of_parent_category", "category name")


@dataclasses.dataclass(frozen=True)
class ClassCount:
    """How many labels a dataset has of a class, which is identified as its teacher identifies it.

    Attributes
    ----------
    name, id
        The teacher's own name of the class, and its identifier in a public class list; None where the teacher knows none.
    count
        Labels.
    """

    name: str
    id: str | None
    count: int


@dataclasses.dataclass(frozen=True)
class Hierarchy:
    """A tree of classes.

    Attributes
    ----------
    names
        Name of each class by its identifier. Two classes may have the same name.
    parents
        Identifier of the parent of each class that has one.
    """

    names: Mapping[str, str]
    parents: Mapping[str, str]

    def find(self, name: str, identity: str | None) -> str | None:
        """Return the identifier of a class by its identifier, else by its name; None where the hierarchy has neither."""
        if identity in self.names:
            return identity
        return next((one for one, known in self.names.items() if known == name), None)

    def trace(self, identity: str) -> list[str]:
        """Return the names from the top of the hierarchy down to a class. A circle in a file ends where it closes."""
        path = [identity]
        while (parent := self.parents.get(path[-1])) is not None and parent not in path:
            path.append(parent)
        return [self.names[one] for one in reversed(path)]


def read_hierarchy(path: Path) -> Hierarchy:
    """Read a hierarchy.

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
    text = read_text(path, TableError, wanted="a hierarchy of classes")
    try:
        if text.lstrip().startswith("["):
            return _read_ontology(parse_json(text, path, TableError, wanted=_WANTED))
        return _read_dictionary(text)
    except (ValueError, LookupError, TypeError, csv.Error) as error:
        raise TableError(path, f"no hierarchy ({type(error).__name__}: {error})", _WANTED) from error


def _read_ontology(nodes: list[dict[str, Any]]) -> Hierarchy:
    names = {str(node["id"]): str(node["name"]) for node in nodes}
    parents: dict[str, str] = {}
    for node in nodes:
        for child in node["child_ids"]:
            _ = names[child]  # a child that is no node: this is another file
            parents.setdefault(child, str(node["id"]))
    return Hierarchy(names, parents)


def _read_dictionary(text: str) -> Hierarchy:
    rows = list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows or not set(_COLUMNS) <= set(rows[0]):
        raise ValueError(f"no columns {', '.join(_COLUMNS)}")
    ids = {row["category_index"]: row["category_id"] for row in rows}
    names = {row["category_id"]: row["category name"] for row in rows}
    above = {row["category_id"]: ids.get(row["index_of_parent_category"]) for row in rows}
    return Hierarchy(names, {child: parent for child, parent in above.items() if parent is not None})


def group_counts(
    classes: Iterable[ClassCount], hierarchies: Sequence[Hierarchy], level: int = 0
) -> dict[str, dict[str, int]]:
    """Sum up the counts of classes by primary and secondary group of the first hierarchy that knows them.

    Parameters
    ----------
    classes
        Classes and their labels.
    hierarchies
        As :func:`read_hierarchy` returns them.
    level
        How far below the top the primary groups lie; the secondary ones are a step below them. A class that is not so far down is
        its own group.

    Returns
    -------
    dict
        Labels by primary group, and within it by secondary group.
    """
    groups: dict[str, dict[str, int]] = {}
    for one in classes:
        primary, secondary = _find_groups(one, hierarchies, level)
        parts = groups.setdefault(primary, {})
        parts[secondary] = parts.get(secondary, 0) + one.count
    return groups


def _find_groups(one: ClassCount, hierarchies: Sequence[Hierarchy], level: int) -> tuple[str, str]:
    for hierarchy in hierarchies:
        identity = hierarchy.find(one.name, one.id)
        if identity is not None:
            path = hierarchy.trace(identity)
            return path[min(level, len(path) - 1)], path[min(level + 1, len(path) - 1)]
    return UNKNOWN, UNKNOWN
