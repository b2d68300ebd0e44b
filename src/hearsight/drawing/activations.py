"""What units of a network respond to: pictures of the clips whose sound activates them most."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8

from hearsight.drawing.canvas import FAINT, INK, drawing, shorten
from hearsight.errors import UsageError

LETTERS = 24
"""Longest name of a clip."""


@dataclasses.dataclass(frozen=True)
class Activation:
    """A clip that excites a unit: its picture, how much, and what it is called."""

    picture: UInt8[np.ndarray, "height width 3"]
    value: float
    name: str


def draw_activations(units: Sequence[tuple[str, Sequence[Activation]]]) -> Any:
    """Draw a row of pictures for each unit, the clip that excites it most first (after Aytar 2016, figure 6).

    The network got the sound of these clips, never the pictures.

    Parameters
    ----------
    units
        Name of each unit and its clips; rows may have different numbers of clips.

    Raises
    ------
    UsageError
        When there is no unit, or one without clips.
    """
    empty = [name for name, clips in units if not clips]
    if not units or empty:
        raise UsageError("activations", f"no clips for {', '.join(empty) or 'any unit'}", "at least one for each unit")
    columns = max(len(clips) for _, clips in units)
    shapes = [clip.picture.shape for _, clips in units for clip in clips]
    aspect = float(np.median([height / width for height, width, _ in shapes]))
    side = 1.45
    with drawing(side * columns + 0.9, (side * aspect + 0.34) * len(units)) as figure:
        panels = figure.subplots(len(units), columns, squeeze=False)
        for row, (name, clips) in zip(panels, units, strict=True):
            for axes in row:
                axes.set_axis_off()
            for axes, clip in zip(row, clips, strict=False):
                axes.imshow(clip.picture)
                axes.set_title(shorten(clip.name, LETTERS), fontsize=6.5, color=FAINT, loc="center", pad=2.0)
                axes.text(
                    *(0.03, 0.04, f"{clip.value:.2f}"),
                    transform=axes.transAxes,
                    fontsize=6.5,
                    color="white",
                    bbox={"facecolor": INK, "alpha": 0.7, "edgecolor": "none", "pad": 1.5},
                )
            row[0].text(
                *(-0.06, 0.5, name),
                transform=row[0].transAxes,
                fontsize=8.0,
                color=INK,
                rotation=90,
                ha="right",
                va="center",
            )
        return figure
