"""The separation of each class against its frequency."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float64

from hearsight.drawing.canvas import FAINT, HAIR, INK, drawing, shorten
from hearsight.errors import UsageError

NAMED_CLASSES = 14
"""Classes up to which every point has its name."""
NAMED_ENDS = 4
"""Above, how many of the best and of the worst classes have theirs, if there is room."""
LETTERS = 24
"""Longest name at a point."""

_EXTENT = (5.2, 3.2)
"""Inches of the ground that points are drawn on, nearly: what names need is measured by it."""


def draw_d_prime(
    priors: Float[np.ndarray, " classes"],
    d_primes: Float64[np.ndarray, " _"],
    precisions: Float64[np.ndarray, " _"],
    classes: Sequence[str],
    title: str = "",
) -> Any:
    """Draw each class's d-prime against its prior, coloured by its average precision (Hershey 2017, figure 1).

    Parameters
    ----------
    priors
        Share of the training clips that carries the class, 0..1.
    d_primes
        Separation of each class; infinite ones stand as triangles at the edge, undefined ones (NaN) and classes without a training
        clip are left out, and the figure states how many.
    precisions
        Average precision of each class, 0..1.
    classes
        Their names.
    title
        What was scored on what.

    Raises
    ------
    UsageError
        When the lengths differ, or no class is left to draw.
    """
    if not len(priors) == len(d_primes) == len(precisions) == len(classes):
        found = f"{len(priors)} priors, {len(d_primes)} d-primes, {len(precisions)} precisions, {len(classes)} names"
        raise UsageError("d-prime", found, "one of each per class")
    shown = np.flatnonzero(~np.isnan(d_primes) & (priors > 0.0))
    if not shown.size:
        raise UsageError("d-prime", f"none of {len(classes)} classes has a prior and a d-prime", "at least one")
    finite = d_primes[shown][np.isfinite(d_primes[shown])]
    low, high = (min(0.0, finite.min()), finite.max()) if finite.size else (0.0, 4.0)
    margin = 0.08 * max(high - low, 1.0)
    heights = np.clip(d_primes[shown], low - margin / 2, high + margin)
    with drawing(6.6, 4.2) as figure:
        axes = figure.add_subplot()
        for marker, chosen in (
            ("o", np.isfinite(d_primes[shown])),
            ("^", d_primes[shown] > 0),
            ("v", d_primes[shown] < 0),
        ):
            rows = chosen if marker == "o" else chosen & ~np.isfinite(d_primes[shown])
            if rows.any():
                points = axes.scatter(
                    priors[shown][rows],
                    heights[rows],
                    s=34.0 if len(shown) < 100 else 14.0,
                    c=100.0 * precisions[shown][rows],
                    marker=marker,
                    cmap="viridis",
                    vmin=0.0,
                    vmax=100.0,
                    edgecolors=INK,
                    linewidths=0.3,
                )
                points.set_gid(f"points {marker}")
        colours = figure.colorbar(axes.collections[0], ax=axes, label="average precision, %", pad=0.01)
        colours.outline.set_edgecolor(HAIR)
        axes.set_xscale("log")
        _frame(axes, priors[shown], (low - margin, high + 2.0 * margin))
        _name_points(axes, priors[shown], heights, [classes[int(index)] for index in shown])
        left_out = len(classes) - len(shown)
        said = f"{left_out:,} of {len(classes):,} classes left out: no training clip, or not in what was scored"
        axes.set_title("\n".join(line for line in (title, said if left_out else "") if line), fontsize=8.0, color=FAINT)
        return figure


def _frame(axes: Any, priors: Float[np.ndarray, " shown"], heights: tuple[float, float]) -> None:
    low, high = math.log10(priors.min()), math.log10(priors.max())
    room = max(0.06 * (high - low) + 0.02, (1.0 - high + low) / 2.0)  # at least a power of ten is shown
    axes.set_xlim(10 ** (low - room), 10 ** (high + room))
    axes.set_ylim(*heights)
    axes.set_xlabel("share of the training clips (prior)")
    axes.set_ylabel("d-prime")
    axes.grid()
    axes.set_axisbelow(True)


def _name_points(
    axes: Any, priors: Float[np.ndarray, " shown"], heights: Float[np.ndarray, " shown"], names: list[str]
) -> None:
    """Name all points where they are few, else the best and the worst; a name that finds no free place is left out."""
    left, right = np.log10(axes.get_xlim())
    low, high = axes.get_ylim()
    places = np.stack([(np.log10(priors) - left) / (right - left), (heights - low) / (high - low)], axis=1) * _EXTENT
    order = np.argsort(-heights, kind="stable")
    named = len(names) <= NAMED_CLASSES
    wanted = [(order, len(names))] if named else [(order, NAMED_ENDS), (order[::-1], NAMED_ENDS)]
    boxes: list[tuple[float, float, float, float]] = []
    for indices, count in wanted:
        told = 0
        for index in indices[: 10 * count]:
            name = shorten(names[index], LETTERS)
            found = _find_place(places[index], name, places, boxes)
            if found is None or told == count:
                continue
            box, (sideways, upwards) = found
            boxes.append(box)
            told += 1
            alignment = {-1: "right", 0: "center", 1: "left"}[sideways]
            axes.annotate(
                name,
                (priors[index], heights[index]),
                xytext=(5.0 * sideways, 8.0 * upwards),
                textcoords="offset points",
                ha=alignment,
                va="center",
                fontsize=7.0,
                color=INK,
            )


def _find_place(
    place: Float[np.ndarray, 2],
    name: str,
    places: Float[np.ndarray, "points 2"],
    boxes: list[tuple[float, float, float, float]],
) -> tuple[tuple[float, float, float, float], tuple[int, int]] | None:
    """Find on which side of a point its name covers no other point and no other name; a box is left, right, below, above."""
    width, height, away = 0.056 * len(name), 0.12, 0.05
    for sideways, upwards in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        left = place[0] + (away if sideways > 0 else -away - width if sideways < 0 else -width / 2)
        below = place[1] + 0.11 * upwards - height / 2
        box = (left, left + width, below, below + height)
        inside = box[0] > 0.0 and box[1] < _EXTENT[0] and box[2] > 0.0 and box[3] < _EXTENT[1]
        covers = ((places[:, 0] > box[0] - 0.03) & (places[:, 0] < box[1] + 0.03)) & (
            (places[:, 1] > box[2] - 0.03) & (places[:, 1] < box[3] + 0.03)
        )
        crosses = any(box[0] < b[1] and b[0] < box[1] and box[2] < b[3] and b[2] < box[3] for b in boxes)
        if inside and not covers.any() and not crosses:
            return box, (sideways, upwards)
    return None
