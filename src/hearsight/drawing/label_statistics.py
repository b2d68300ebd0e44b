"""How often each class of a dataset appears, and which ones appear most."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hearsight.drawing.canvas import BLUE, FAINT, GRAY, INK, ORANGE, drawing, format_percent, shorten
from hearsight.errors import UsageError

NAMED = 15
"""Classes of each modality that are named."""
LETTERS = 34
"""Longest name of a class."""

_WORDS = {"vision": "seen", "audio": "heard"}
_COLOURS = {"vision": BLUE, "audio": ORANGE}


def draw_label_statistics(counts: Mapping[str, Mapping[str, int]], num_clips: int) -> Any:
    """Draw how the labels of a dataset are spread over its classes (after Jia 2019, figure 2); return the Matplotlib figure.

    Above, the number of clips of every class, most frequent first, in powers of two as the paper; below, the most frequent classes
    by name, with the share of all clips that carries them. A column for each modality.

    Parameters
    ----------
    counts
        Clips of each class by its name, by modality: ``vision``, ``audio``. Classes that no clip carries are left out.
    num_clips
        Clips of the dataset.

    Raises
    ------
    UsageError
        When no class has a clip.
    """
    used = {
        modality: sorted(
            ((count, name) for name, count in names.items() if count > 0), key=lambda one: (-one[0], one[1])
        )
        for modality, names in counts.items()
    }
    used = {modality: found for modality, found in used.items() if found}
    if not used:
        raise UsageError(
            "label statistics", f"no class with a clip, of {sum(map(len, counts.values())):,}", "at least one"
        )
    rows = max(min(NAMED, len(found)) for found in used.values())
    with drawing(4.2 * len(used), 2.3 + 0.17 * rows) as figure:
        panels = figure.subplots(2, len(used), squeeze=False, height_ratios=(1.9, 0.17 * rows + 0.3))
        highest = max(found[0][0] for found in used.values())
        for column, (modality, found) in enumerate(used.items()):
            above, below = panels[0, column], panels[1, column]
            _draw_curve(above, [count for count, _ in found], _COLOURS.get(modality, GRAY), highest)
            classes = "1 class" if len(found) == 1 else f"{len(found):,} classes"
            above.set_title(f"{classes} {_WORDS.get(modality, modality)}")
            _draw_bars(below, found[:NAMED], _COLOURS.get(modality, GRAY), num_clips, rows)
        panels[0, 0].set_ylabel("clips")
        return figure


def _draw_curve(axes: Any, counts: list[int], colour: str, highest: int) -> None:
    ranks = np.arange(1, len(counts) + 1)
    axes.step(ranks, counts, where="mid", color=colour)
    axes.fill_between(ranks, counts, 0.7, step="mid", color=colour, alpha=0.15, linewidth=0.0)
    if len(counts) == 1:
        axes.plot(ranks, counts, "o", color=colour)
    top = int(np.ceil(np.log2(max(highest, 2))))
    axes.set_yscale("log", base=2)
    axes.set_ylim(0.7, 2.0 ** (top + 0.3))
    ticks = range(0, top + 1, max(1, top // 6))
    axes.set_yticks([2.0**power for power in ticks], [f"{2**power:,}" for power in ticks])
    axes.minorticks_off()
    axes.set_xlim(0.5, len(counts) + 0.5)
    if len(counts) < 8:
        axes.set_xticks(ranks)
    axes.set_xlabel("classes, most frequent first")
    axes.grid(axis="y")


def _draw_bars(axes: Any, found: list[tuple[int, str]], colour: str, num_clips: int, rows: int) -> None:
    shares = [100.0 * count / max(num_clips, 1) for count, _ in found]
    axes.barh(range(len(found)), shares, 0.7, color=colour, alpha=0.75)
    for row, share in enumerate(shares):
        axes.text(
            share + 0.012 * max(shares), row, format_percent(share / 100.0), va="center", fontsize=7.0, color=FAINT
        )
    axes.set_yticks(range(len(found)), [shorten(name, LETTERS) for _, name in found], fontsize=7.5)
    axes.set_ylim(rows - 0.4, -0.6)
    axes.set_xlim(0.0, 1.16 * max(shares))
    axes.set_xlabel("% of the clips")
    axes.tick_params(axis="y", left=False, labelcolor=INK)
    axes.spines["left"].set_visible(False)
