"""Which groups of a hierarchy the labels of a dataset fall into."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hearsight.drawing.canvas import BLUE, GRAY, INK, ORANGE, drawing, format_percent, shade, shorten
from hearsight.errors import UsageError

SHOWN = 14
"""Groups of each modality that have a bar, the largest; the others are one bar."""
PARTS = 8
"""Number of parts of a bar with their own colour, the largest ones; the others are one part."""

_WIDTH = 5.6
_WORDS = {"vision": "seen", "audio": "heard"}
_COLOURS = {"vision": BLUE, "audio": ORANGE}


def draw_label_groups(counts: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Any:
    """Draw how the labels of a dataset are spread over a hierarchy of classes (after Jia 2019, figure 2, below).

    A bar for each primary group; in black its share of all labels of the modality, in the bar the shares that its secondary groups
    have of it. Parts with room for it have their name in them.

    Parameters
    ----------
    counts
        Labels by modality, primary group, and secondary group; a label of the primary group itself stands under its own name.

    Raises
    ------
    UsageError
        When there is no label.
    """
    used = {modality: _sum_up(groups) for modality, groups in counts.items()}
    used = {modality: bars for modality, bars in used.items() if bars}
    if not used:
        raise UsageError("label groups", f"no label in {len(counts)} modalities", "at least one")
    rows = [len(bars) for bars in used.values()]
    with drawing(_WIDTH + 2.2, 0.55 * len(used) + 0.27 * sum(rows)) as figure:
        panels = figure.subplots(len(used), 1, squeeze=False, height_ratios=[row + 1.0 for row in rows])[:, 0]
        for axes, (modality, bars) in zip(panels, used.items(), strict=True):
            total = sum(sum(parts.values()) for parts in bars.values())
            for row, parts in enumerate(bars.values()):
                _draw_bar(axes, row, parts, _COLOURS.get(modality, GRAY))
            names = [
                f"{shorten(name, 26)}  {format_percent(sum(parts.values()) / total)}" for name, parts in bars.items()
            ]
            axes.set_yticks(range(len(bars)), names, fontsize=7.5)
            axes.tick_params(axis="y", left=False, labelcolor=INK)
            axes.set_ylim(len(bars) - 0.4, -0.6)
            axes.set_xlim(0.0, 100.0)
            axes.spines["left"].set_visible(False)
            axes.set_title(f"{total:,} labels {_WORDS.get(modality, modality)}")
        panels[-1].set_xlabel("% of the group")
        return figure


def _sum_up(groups: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, int]]:
    """Sort groups and their parts by size, and join the small ones."""
    sizes = {name: sum(parts.values()) for name, parts in groups.items()}
    order = sorted((name for name in groups if sizes[name] > 0), key=lambda name: (-sizes[name], name))
    bars = {name: _join(groups[name], PARTS) for name in order[:SHOWN]}
    rest = {name: sizes[name] for name in order[SHOWN:]}
    return bars | ({f"{len(rest)} other groups": _join(rest, PARTS)} if rest else {})


def _join(parts: Mapping[str, int], most: int) -> dict[str, int]:
    order = sorted((name for name in parts if parts[name] > 0), key=lambda name: (-parts[name], name))
    rest = sum(parts[name] for name in order[most:])
    return {name: parts[name] for name in order[:most]} | ({"others": rest} if rest else {})


def _draw_bar(axes: Any, row: int, parts: Mapping[str, int], colour: str) -> None:
    total, left = sum(parts.values()), 0.0
    colours = shade([max(0.18, 0.75 - 0.08 * place) for place in range(len(parts))], colour)
    for (name, count), colouring in zip(parts.items(), colours, strict=True):
        width = 100.0 * count / total
        axes.barh(row, width, 0.72, left=left, color=[colouring], edgecolor="white", linewidth=0.8)
        room = int(width / 100.0 * _WIDTH / 0.062)  # letters that fit
        if room >= min(len(name), 5) + 1:
            axes.text(left + width / 2.0, row, shorten(name, room), ha="center", va="center", fontsize=6.5, color=INK)
        left += width
