"""How a network learned: loss and validation scores, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hearsight.drawing.canvas import BLUE, CATEGORIES, ORANGE, drawing


def draw_learning(epochs: Sequence[Mapping[str, Any]]) -> Any:
    """Draw the lines of kind ``epoch`` of a run log; return the Matplotlib figure.

    To the left the loss on training and validation clips, to the right the mean average precision on validation clips, where they
    were measured.
    """
    numbers = [line["epoch"] for line in epochs]
    with drawing(6.6, 2.3) as figure:
        left, right = figure.subplots(1, 2)
        for key, label, colour in (("loss", "training", BLUE), ("validation_loss", "validation", ORANGE)):
            points = [(n, line[key]) for n, line in zip(numbers, epochs, strict=True) if line.get(key) is not None]
            if points:
                left.plot(*zip(*points, strict=True), color=colour, label=label)
        left.set_title("cross-entropy")
        left.legend()
        key = "validation_mean_average_precision"
        points = [(n, 100.0 * line[key]) for n, line in zip(numbers, epochs, strict=True) if line.get(key) is not None]
        if points:
            right.plot(*zip(*points, strict=True), color=ORANGE)
        right.set_title("mAP over the machine's own labels, validation, %")
        right.set_ylim(bottom=0.0)
        for axes in (left, right):
            axes.set_xlabel("epoch")
            axes.set_xlim(min(numbers), max(*numbers, min(numbers) + 1))
            axes.grid(axis="y")
        return figure


def draw_curves(runs: Sequence[tuple[str, Sequence[Mapping[str, Any]]]]) -> Any:
    """Draw the learning curves of several runs over their steps; return the Matplotlib figure.

    To the left the training loss, to the right the mean average precision on validation clips, where it was measured.

    Parameters
    ----------
    runs
        The name of each run, and the lines of kind ``epoch`` of its log.
    """
    with drawing(6.6, 2.6 + 0.09 * len(runs)) as figure:
        panels = figure.subplots(1, 2)
        for axes, key, title, factor in (
            (panels[0], "loss", "training loss", 1.0),
            (panels[1], "validation_mean_average_precision", "mAP, validation, %", 100.0),
        ):
            for place, (name, lines) in enumerate(runs):
                points = [(line["step"], factor * line[key]) for line in lines if line.get(key) is not None]
                if points:
                    style = {"color": CATEGORIES[place % len(CATEGORIES)], "label": name}
                    axes.plot(*zip(*points, strict=True), marker=".", markersize=3, **style)
            axes.set_title(title)
            axes.set_xlabel("step")
            axes.set_xlim(left=0)
            axes.grid(axis="y")
        panels[1].set_ylim(bottom=0.0)
        handles, names = panels[0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower center", ncols=min(3, len(names)))
        return figure
