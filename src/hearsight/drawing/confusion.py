"""What is taken for what: confusion matrices of any number of classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int64

from hearsight.drawing.canvas import BLUE, FAINT, INK, drawing, shade_all, shorten
from hearsight.errors import UsageError

NAMED_CLASSES = 120
"""Classes up to which each has its name at its row; above, rows have numbers and the worst confusions are named."""
NUMBERED_CLASSES = 60
"""Classes up to which a cell has its share written in it."""
LISTED = 20
"""Most confusions that are named next to a matrix without names."""
LETTERS = 28
"""Longest name at a row."""


def count_confusions(
    truths: Int[np.ndarray, " clips"], choices: Int[np.ndarray, " _"], num_classes: int
) -> Int64[np.ndarray, "classes classes"]:
    """Count how many clips of each class (rows) were taken for each class (columns).

    Raises
    ------
    UsageError
        When the lengths differ, or a class is out of range.
    """
    if len(truths) != len(choices):
        raise UsageError("confusions", f"{len(truths)} truths, {len(choices)} choices", "one each per clip")
    both = np.concatenate([truths, choices])
    if both.size and not (both.min() >= 0 and both.max() < num_classes):
        raise UsageError("confusions", f"classes {both.min()} to {both.max()}", f"0 to {num_classes - 1}")
    counts = np.bincount(truths.astype(np.int64) * num_classes + choices, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def draw_confusion(counts: Int[np.ndarray, "classes classes"], classes: Sequence[str], title: str = "") -> Any:
    """Draw which classes are confused with which (after Aytar 2016, figure 3); return the Matplotlib figure.

    Parameters
    ----------
    counts
        Clips of each class (rows) that were taken for each class (columns). Cells are shown as shares of their row; a class without
        clips is an empty row.
    classes
        Their names. Long ones are shortened; above ``NAMED_CLASSES`` rows are numbered from 0, and the most frequent confusions are
        named at the side.
    title
        What was scored on what.

    Raises
    ------
    UsageError
        When there is no class, or the names are not as many as the rows.
    """
    if len(classes) != len(counts) or not len(counts):
        raise UsageError("confusion", f"{len(classes)} names for a matrix of shape {counts.shape}", "a name per class")
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    named = len(classes) <= NAMED_CLASSES
    side = max(2.4, len(classes) * (0.34 if len(classes) <= 15 else 0.2 if named else 0.012))
    margin = 0.075 * min(LETTERS, max(map(len, classes))) + 0.5 if named else 0.9
    with drawing(side + margin + (0.0 if named else 3.4), side + margin) as figure:
        if named:
            axes = figure.add_subplot()
        else:
            axes, words = figure.subplots(1, 2, width_ratios=(side + margin, 3.4))
            _list_confusions(words, shares, classes)
        axes.imshow(shade_all(shares, BLUE), interpolation="nearest")
        if len(classes) <= NUMBERED_CLASSES:
            _write_shares(axes, shares, 7.5 if len(classes) <= 15 else 5.0)
        if named:
            names = [shorten(name, LETTERS) for name in classes]
            size = 8.0 if len(classes) <= 15 else 6.5
            axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
            axes.set_yticks(range(len(names)), names, fontsize=size)
            axes.tick_params(length=0.0, labelcolor=INK)
        axes.set_xlabel("what it is taken for, % of the row")
        axes.set_ylabel("what it is")
        axes.set_title(title)
        for spine in axes.spines.values():
            spine.set_visible(True)
        return figure


def _write_shares(axes: Any, shares: Float[np.ndarray, "classes classes"], size: float) -> None:
    for row, column in zip(*np.nonzero(shares >= 0.005), strict=True):
        share = float(shares[row, column])
        colour = "white" if share > 0.55 else INK
        axes.text(
            column, row, f"{math.floor(100 * share + 0.5)}", ha="center", va="center", fontsize=size, color=colour
        )


def _list_confusions(axes: Any, shares: Float[np.ndarray, "classes classes"], classes: Sequence[str]) -> None:
    """Name the most frequent confusions, the worst first."""
    wrong = shares * ~np.eye(len(shares), dtype=bool)
    order = np.argsort(-wrong, axis=None, kind="stable")[:LISTED]
    pairs = [(int(place) // len(shares), int(place) % len(shares)) for place in order]
    lines = [
        f"{100 * wrong[row, column]:.0f} %  {shorten(classes[row], 22)} ({row}) \N{RIGHTWARDS ARROW} "
        f"{shorten(classes[column], 22)} ({column})"
        for row, column in pairs
        if wrong[row, column] > 0.0
    ]
    axes.set_axis_off()
    axes.set_title("most often confused")
    axes.text(0.0, 1.0, "\n".join(lines or ["none"]), va="top", fontsize=6.5, color=FAINT, transform=axes.transAxes)
