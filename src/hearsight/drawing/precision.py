"""Precision against threshold, a panel per class."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from hearsight.drawing.canvas import BLUE, FAINT, ORANGE, drawing, shorten

COLUMNS = 3
MOST_PANELS = 60
"""Classes that are drawn."""


@dataclasses.dataclass(frozen=True)
class PrecisionPanel:
    """The curve of one class, as shares from 0 to 1; ``threshold`` is the one that was chosen, None where none was."""

    name: str
    thresholds: Float64[np.ndarray, " thresholds"]
    precision: Float64[np.ndarray, " thresholds"]
    low: Float64[np.ndarray, " thresholds"]
    high: Float64[np.ndarray, " thresholds"]
    threshold: float | None


def draw_precision(panels: Sequence[PrecisionPanel], wanted: float) -> Any:
    """Draw precision with its interval against the threshold, the wanted precision and the chosen threshold; return the figure."""
    shown = panels[:MOST_PANELS]
    rows = -(-len(shown) // COLUMNS)
    columns = min(COLUMNS, len(shown))
    with drawing(0.4 + 2.2 * columns, 0.3 + 1.9 * rows) as figure:
        grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
        for place, axes in enumerate(grid.ravel()):
            if place >= len(shown):
                axes.set_visible(False)
                continue
            panel = shown[place]
            # below the lowest score that was judged nothing is known; a curve holds up to its threshold
            style = {"step": "pre", "linewidth": 0.0}
            axes.fill_between(panel.thresholds, 100 * panel.low, 100 * panel.high, color=BLUE, alpha=0.2, **style)
            axes.step(panel.thresholds, 100 * panel.precision, where="pre", color=BLUE, linewidth=1.4)
            axes.axhline(100 * wanted, color=FAINT, linewidth=0.8, linestyle=(0, (2, 2)))
            if panel.threshold is not None:
                axes.axvline(panel.threshold, color=ORANGE, linewidth=1.2)
            axes.set_title(shorten(panel.name, 28))
            axes.set_xlim(0.0, 1.0)
            axes.set_ylim(0.0, 102.0)
        figure.supxlabel("threshold", fontsize=8.5, color=FAINT)
        figure.supylabel("precision, %", fontsize=8.5, color=FAINT)
        return figure
