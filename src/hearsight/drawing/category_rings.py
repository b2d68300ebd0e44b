"""How the labels of a dataset are spread over the categories of a tree: two rings for each sense."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from hearsight.drawing.canvas import CATEGORIES, GRAY, INK, drawing, format_percent, shade, shorten
from hearsight.errors import UsageError

PRIMARY = 10
"""Primary categories that have a sector; the others share one."""
SECONDARY = 6
"""Most parts of a sector that are drawn separately: the largest."""

_NAMED_SHARE = 0.03
"""Share of all labels from which on a category has its name next to it."""
_WORDS = {"vision": "seen", "audio": "heard"}


def draw_category_rings(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Any:
    """Draw primary categories as the inner ring and their secondary ones as the outer ring (after Jia 2019, figure 2, below).

    Parameters
    ----------
    counts
        Labels by modality, primary and secondary category.

    Raises
    ------
    UsageError
        When there is no label.
    """
    used = {modality: _sort(groups) for modality, groups in counts.items()}
    used = {modality: groups for modality, groups in used.items() if groups}
    if not used:
        raise UsageError("category rings", "no label", "at least one")
    with drawing(5.2 * len(used), 3.9) as figure:
        panels = figure.subplots(1, len(used), squeeze=False)[0]
        for axes, (modality, groups) in zip(panels, used.items(), strict=True):
            _draw_rings(axes, groups)
            total = sum(sum(parts.values()) for parts in groups.values())
            axes.set_title(f"{total:,} labels {_WORDS.get(modality, modality)}", loc="center")
        return figure


def _draw_rings(axes: Any, groups: Mapping[str, Mapping[str, int]]) -> None:
    sizes = [sum(parts.values()) for parts in groups.values()]
    colours = [CATEGORIES[place % len(CATEGORIES)] for place in range(len(sizes))]
    outer: list[tuple[int, Any]] = []
    for parts, base in zip(groups.values(), colours, strict=True):
        strengths = [max(0.25, 0.8 - 0.1 * place) for place in range(len(parts))]
        outer += zip(parts.values(), shade(strengths, base), strict=True)
    edge: dict[str, Any] = {"linewidth": 0.8, "edgecolor": "white"}
    start: dict[str, Any] = {"startangle": 90.0, "counterclock": False}
    axes.pie(sizes, radius=0.72, colors=colours, wedgeprops={"width": 0.3, **edge}, **start)
    counts, shades = [count for count, _ in outer], [colour for _, colour in outer]
    axes.pie(counts, radius=1.0, colors=shades, wedgeprops={"width": 0.26, **edge}, **start)
    _name_sectors(axes, list(groups), sizes)
    axes.set_xlim(-2.2, 2.2)
    axes.set_ylim(-1.25, 1.25)


def _name_sectors(axes: Any, names: list[str], sizes: list[int]) -> None:
    """Write the names of the larger sectors next to them, without overlaps on either side."""
    total, before = sum(sizes), 0.0
    sides: dict[int, list[tuple[float, float, str]]] = {-1: [], 1: []}
    for name, size in zip(names, sizes, strict=True):
        angle = math.pi / 2.0 - 2.0 * math.pi * (before + size / 2.0) / total
        before += size
        if size >= _NAMED_SHARE * total:
            text = f"{shorten(name, 22)} {format_percent(size / total)}"
            sides[1 if math.cos(angle) >= 0.0 else -1].append((math.sin(angle), math.cos(angle), text))
    for side, found in sides.items():
        height = 9.0
        for sine, cosine, text in sorted(found, reverse=True):
            height = min(height - 0.13, 1.08 * sine)
            axes.annotate(
                text,
                (0.99 * cosine, 0.99 * sine),
                (1.12 * side, height),
                ha="left" if side > 0 else "right",
                va="center",
                fontsize=7.0,
                color=INK,
                arrowprops={"arrowstyle": "-", "color": GRAY, "linewidth": 0.5},
            )


def _sort(groups: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Sort categories and their parts by size, and join the small ones."""
    sizes = {name: sum(parts.values()) for name, parts in groups.items()}
    order = sorted((name for name in groups if sizes[name] > 0), key=lambda name: (-sizes[name], name))
    kept = {name: _join(groups[name]) for name in order[:PRIMARY]}
    rest = sum(sizes[name] for name in order[PRIMARY:])
    return kept | ({f"{len(order) - PRIMARY} others": {"others": rest}} if rest else {})


def _join(parts: Mapping[str, int]) -> dict[str, int]:
    order = sorted((name for name in parts if parts[name] > 0), key=lambda name: (-parts[name], name))
    rest = sum(parts[name] for name in order[SECONDARY:])
    return {name: parts[name] for name in order[:SECONDARY]} | ({"others": rest} if rest else {})
