"""How often something was detected, and when: a heat map of classes and times."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from hearsight.drawing.canvas import BLUE, INK, drawing, shade_all, shorten
from hearsight.errors import UsageError

MOST_CLASSES = 60
"""Classes that are drawn; the most frequent ones come first."""
MOST_NUMBERS = 26
"""Columns up to which each cell has its number in it."""
LABELS = 24
"""Columns that have a name, at most."""


def draw_heat(
    values: Int64[np.ndarray, "classes times"], classes: Sequence[str], times: Sequence[str], title: str
) -> Any:
    """Draw counts as shades, each row relative to its largest; return the Matplotlib figure.

    Parameters
    ----------
    values
        Counts.
    classes
        Names of the rows; those after ``MOST_CLASSES`` are left out.
    times
        Names of the columns.
    title
        What was counted.

    Raises
    ------
    UsageError
        When there is nothing to draw.
    """
    if not values.size:
        raise UsageError("counts", f"{len(classes)} classes at {len(times)} times", "at least one of each")
    values, classes = values[:MOST_CLASSES], classes[:MOST_CLASSES]
    shares = values / np.maximum(values.max(axis=1, keepdims=True), 1)
    with drawing(min(4.0 + 0.28 * len(times), 14.0), 1.2 + 0.26 * len(classes)) as figure:
        axes = figure.add_subplot()
        axes.imshow(shade_all(shares, BLUE), aspect="auto", interpolation="nearest")
        axes.set_yticks(
            range(len(classes)),
            [f"{shorten(name, 28)} ({row.sum():,})" for name, row in zip(classes, values, strict=True)],
        )
        step = -(-len(times) // LABELS)
        axes.set_xticks(range(0, len(times), step), list(times[::step]), rotation=60, ha="right")
        if len(times) <= MOST_NUMBERS:
            for row, column in zip(*np.nonzero(values), strict=True):
                colour = "white" if shares[row, column] > 0.6 else INK
                axes.text(column, row, f"{values[row, column]:,}", ha="center", va="center", fontsize=6.0, color=colour)
        axes.set_title(title)
    return figure
