"""Scores side by side, with their intervals."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from hearsight.drawing.canvas import BLUE, FAINT, GRAY, INK, drawing


@dataclasses.dataclass(frozen=True)
class Score:
    """One bar: accuracy and its 95 % interval, 0..1, and whether it is the one that the figure is about."""

    name: str
    accuracy: float
    interval: tuple[float, float]
    is_ours: bool = False


def draw_scores(scores: Sequence[Score], chance: float | None = None) -> Any:
    """Draw accuracies as bars with intervals, and a line at chance; return the Matplotlib figure."""
    with drawing(6.6, 0.45 + 0.36 * len(scores)) as figure:
        axes = figure.add_subplot()
        for row, score in enumerate(scores):
            value, (low, high) = 100.0 * score.accuracy, (100.0 * bound for bound in score.interval)
            axes.barh(row, value, 0.62, color=BLUE if score.is_ours else GRAY, alpha=1.0 if score.is_ours else 0.55)
            axes.plot([low, high], [row, row], color=INK, linewidth=1.2, solid_capstyle="butt")
            axes.text(
                max(value, high) + 1.5,
                row,
                f"{value:.1f}",
                va="center",
                color=INK,
                fontweight="bold" if score.is_ours else "normal",
            )
        if chance is not None:
            axes.axvline(100.0 * chance, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
            axes.text(100.0 * chance + 0.8, len(scores) - 0.42, "chance", color=FAINT, fontsize=7.5, va="center")
        axes.set_yticks(range(len(scores)), [score.name for score in scores])
        axes.tick_params(axis="y", left=False, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_ylim(len(scores) - 0.3, -0.6)
        axes.set_xlim(0.0, 108.0)
        axes.set_xticks(range(0, 101, 20), [f"{tick} %" for tick in range(0, 101, 20)])
        return figure
