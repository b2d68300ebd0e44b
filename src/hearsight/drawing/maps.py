"""Vectors of many clips as points of a plane, side by side as they were heard and as they were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from hearsight.drawing.canvas import CATEGORIES, FAINT, HAIR, drawing, shorten
from hearsight.errors import UsageError
from hearsight.finite import describe_not_finite

LETTERS = 24
"""Longest name of a class."""
TITLE = 44
"""Longest name of a map."""
OTHERS = "others"


def draw_maps(maps: Mapping[str, Float[np.ndarray, "clips 2"]], labels: Sequence[str]) -> Any:
    """Draw the same clips in several planes, each in the colour of its class (after Aytar 2016, figure 4).

    The most frequent classes have a colour, as many as there are distinguishable colours (12); clips of all others are grey.

    Parameters
    ----------
    maps
        Points of the clips by what they show: ``{"vision": …, "sound": …}``.
    labels
        Class of each clip, which the planes were made without.

    Raises
    ------
    UsageError
        When there is no map or no clip, a map has another number of clips than there are labels, or a point is not finite.
    """
    if not maps or not len(labels):
        raise UsageError("maps", f"{len(maps)} maps of {len(labels)} clips", "at least one of each")
    for name, points in maps.items():
        if len(points) != len(labels):
            raise UsageError(f"map of {name}", f"{len(points)} points", f"{len(labels)}, one per label")
        if not np.isfinite(points).all():
            raise UsageError(f"map of {name}", f"points that are not finite: {describe_not_finite(points)}", "numbers")
    counts = Counter(labels)
    named = sorted(counts, key=lambda name: (-counts[name], name))[: len(CATEGORIES)]
    size = 26.0 if len(labels) < 150 else 10.0 if len(labels) < 1500 else 3.0
    with drawing(3.7 * len(maps) + 1.9, 3.9) as figure:
        panels = figure.subplots(1, len(maps), squeeze=False)[0]
        for axes, (name, points) in zip(panels, maps.items(), strict=True):
            groups = [(OTHERS, HAIR, [label not in named for label in labels])]
            groups += [
                (one, colour, [label == one for label in labels])
                for one, colour in zip(named, CATEGORIES, strict=False)
            ]
            for group, colour, chosen in groups:
                rows = points[np.array(chosen)]
                if len(rows):
                    told = f"{shorten(group, LETTERS)} ({len(rows)})"
                    axes.scatter(rows[:, 0], rows[:, 1], s=size, color=colour, linewidths=0.0, alpha=0.85, label=told)
            axes.set_title(shorten(name, TITLE))
            axes.set_xticks([])
            axes.set_yticks([])
            axes.set_aspect("equal", adjustable="datalim")
            for spine in axes.spines.values():
                spine.set_visible(True)
        handles, names = panels[-1].get_legend_handles_labels()
        if len(counts) > len(named):  # the others come last
            handles, names = [*handles[1:], handles[0]], [*names[1:], names[0]]
        legend: Any = figure.legend(handles, names, loc="outside right center", labelcolor=FAINT, markerscale=1.0)
        for handle in legend.legend_handles:
            handle.set_sizes([26.0])
        return figure
