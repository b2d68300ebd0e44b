"""The categories that a dataset's labels fall into, as tables, and the figures of its statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hearsight.dataset.survey.quality import read_class_names
from hearsight.dataset.survey.survey import Survey
from hearsight.drawing.category_rings import draw_category_rings
from hearsight.drawing.label_groups import draw_label_groups
from hearsight.drawing.label_statistics import draw_label_statistics
from hearsight.figures.hierarchy import ClassCount, group_counts, read_hierarchy
from hearsight.inspection.table import Column, Table
from hearsight.inspection.tables import SENSES

Groups = dict[str, dict[str, dict[str, int]]]
"""Labels by modality, primary and secondary category."""
_PARTS = 5


def group_labels(survey: Survey, hierarchies: Sequence[Path]) -> Groups:
    """Sum up the labels of a dataset by the categories of hierarchies; return nothing where there is no hierarchy.

    A class is found by its identifier, else by the name that its teacher gives it, so that classes whose name the vocabulary had to
    change are found, too.

    Raises
    ------
    TableError
        When a file is no hierarchy.
    """
    if not hierarchies:
        return {}
    trees = [read_hierarchy(path) for path in hierarchies]
    names = read_class_names(survey.tables)
    classes: dict[str, list[ClassCount]] = {}
    for record in survey.tables.classes:
        name, identity = names[record.index]
        classes.setdefault(record.modality, []).append(ClassCount(name, identity, record.count))
    return {modality: group_counts(some, trees) for modality, some in classes.items()}


def tabulate_groups(groups: Groups) -> list[Table]:
    """Return a table of the categories of each modality: the share of all labels, and the largest parts."""
    columns = (
        Column("category", "category"),
        Column("labels", "labels", "count"),
        Column("share", "of all", "share"),
        Column("parts", "largest parts"),
    )
    tables: list[Table] = []
    for modality, some in groups.items():
        sizes = {name: sum(parts.values()) for name, parts in some.items()}
        total = max(1, sum(sizes.values()))
        order = sorted(sizes, key=lambda name: (-sizes[name], name))
        rows = [(name, sizes[name], sizes[name] / total, _name_parts(some[name], sizes[name])) for name in order]
        tables.append(Table(f"categories_{SENSES[modality]}", f"Categories {SENSES[modality]}", columns, rows))
    return tables


def _name_parts(parts: Mapping[str, int], size: int) -> str:
    order = sorted(parts, key=lambda name: (-parts[name], name))[:_PARTS]
    return "; ".join(f"{name} {100.0 * parts[name] / max(1, size):.0f} %" for name in order)


def draw_figures(survey: Survey, groups: Groups) -> dict[str, tuple[str, Any]]:
    """Return title and Matplotlib figure of each figure, by the name of its file.

    Parameters
    ----------
    survey
        Of the dataset.
    groups
        As :func:`group_labels` returns them; without any, there is no figure of categories.
    """
    figures: dict[str, tuple[str, Any]] = {}
    classes = survey.tables.classes
    if classes:
        counts = {
            modality: {classes[k].name: classes[k].count for k in survey.tables.find_classes(modality).tolist()}
            for modality in survey.labels_per_clip
        }
        figures["labels"] = ("clips per class", draw_label_statistics(counts, survey.clips.num_clips))
    if any(groups.values()):
        figures["categories"] = ("categories of the labels", draw_category_rings(groups))
        figures["groups"] = ("categories and their parts", draw_label_groups(groups))
    return figures
