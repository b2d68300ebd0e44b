"""The scores of a study's rows, with their intervals and the score of each seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from hearsight.drawing.canvas import CATEGORIES, FAINT, HAIR, INK, drawing, shorten

LONGEST = 48
"""Letters of a row's name that are shown."""


@dataclasses.dataclass(frozen=True)
class StudyPoint:
    """One row.

    Attributes
    ----------
    name, group
        Its name, and the number of its group, which has a colour.
    value, low, high
        The mean over seeds, and the ends of its interval.
    runs
        The value of each seed.
    """

    name: str
    group: int
    value: float
    low: float
    high: float
    runs: tuple[float, ...]


def draw_study(panels: Sequence[tuple[str, Sequence[StudyPoint]]], measure: str) -> Any:
    """Draw a panel for each benchmark: a point for each row, a line for its interval, a tick for each seed.

    Parameters
    ----------
    panels
        Title and rows of each benchmark.
    measure
        Name of what was measured, with its unit.
    """
    most = max(len(points) for _, points in panels)
    with drawing(7.2, (0.6 + 0.28 * most) * len(panels) + 0.4) as figure:
        for place, (title, points) in enumerate(panels):
            axes = figure.add_subplot(len(panels), 1, place + 1)
            for row, point in enumerate(points):
                colour = CATEGORIES[point.group % len(CATEGORIES)]
                axes.plot(
                    [point.low, point.high], [row, row], color=colour, linewidth=2.0, solid_capstyle="butt", alpha=0.45
                )
                axes.plot(point.runs, [row] * len(point.runs), "|", color=INK, markersize=6.0, markeredgewidth=0.8)
                axes.plot([point.value], [row], "o", color=colour, markersize=5.0)
            axes.set_title(title, color=INK)
            axes.set_yticks(range(len(points)), [shorten(point.name, LONGEST) for point in points])
            axes.tick_params(axis="y", left=False, labelcolor=INK)
            axes.spines["left"].set_visible(False)
            axes.set_ylim(len(points) - 0.5, -0.5)
            axes.grid(axis="x", color=HAIR)
            axes.set_axisbelow(True)
            if place == len(panels) - 1:
                axes.set_xlabel(
                    f"{measure}; mean of seeds, 95 % interval over clips and seeds, a tick per seed", color=FAINT
                )
        return figure
