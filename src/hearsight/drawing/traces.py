"""Class probabilities over time: a lane for each class, over the spectrogram or over the pictures themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64

from hearsight.drawing.canvas import BLUE, FAINT, HAIR, INK, drawing, outline, shorten
from hearsight.drawing.sound import show_log_mel
from hearsight.errors import UsageError
from hearsight.signal.front_ends import FrontEnd

TOP = 16
"""Classes that are shown (Hershey 2017, figure 2)."""
LETTERS = 30
"""Longest name of a class."""


@dataclasses.dataclass(frozen=True)
class Traces:
    """Probabilities of some classes over the time of a file.

    Attributes
    ----------
    names
        The classes, in the order in which they peak.
    edges
        Where each segment begins, and where the last one ends, in seconds.
    values
        Probability of each class in each segment.
    """

    names: tuple[str, ...]
    edges: Float64[np.ndarray, " segments_and_one"]
    values: Float64[np.ndarray, "classes segments"]


def choose_traces(
    probabilities: Float[np.ndarray, "segments classes"],
    starts: Float64[np.ndarray, " _"],
    duration: float,
    classes: Sequence[str],
    top: int = TOP,
) -> Traces:
    """Choose the classes that reach the highest peaks anywhere in a file (Hershey 2017, figure 2).

    Parameters
    ----------
    probabilities, starts
        Of each segment; a last one that overlaps the one before it, so as to end with the file, counts from where that one ends.
    duration
        Of the file, in seconds.
    classes
        Names of the columns.
    top
        Maximum number of classes. Lanes are ordered by the time of their peaks, so that simultaneous ones are neighbours.

    Raises
    ------
    UsageError
        When there is no segment or class, the shapes do not fit, or ``top`` is below 1.
    """
    if probabilities.shape != (len(starts), len(classes)) or not probabilities.size:
        found = f"{len(starts)} starts and {len(classes)} names for probabilities of shape {probabilities.shape}"
        raise UsageError("traces", found, "a start per row and a name per column, at least one of each")
    if top < 1:
        raise UsageError("top", f"{top}", "at least 1")
    peaks = probabilities.max(axis=0)
    chosen: Int64[np.ndarray, " classes"] = np.argsort(-peaks, kind="stable")[:top]
    when = probabilities[:, chosen].argmax(axis=0)
    chosen = chosen[np.lexsort((-peaks[chosen], when))]
    hop = float(starts[1] - starts[0]) if len(starts) > 1 else 0.0
    edges = starts[0] + hop * np.arange(len(starts) + 1)
    edges[-1] = max(duration, edges[-2] + 1e-3)
    return Traces(tuple(classes[int(index)] for index in chosen), edges, probabilities[:, chosen].T.astype(np.float64))


def draw_traces(log_mel: Float32[np.ndarray, "frames mels"], front_end: FrontEnd, traces: Traces) -> Any:
    """Draw a lane for each class above the log-mel matrix of the sound; return the Matplotlib figure.

    All lanes have one scale, whose top is the highest peak of all; the number at the end of a lane is its own peak.
    """
    lanes = 0.26 * len(traces.names)
    with drawing(8.0, lanes + 2.0) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(lanes + 0.1, 1.3))
        _draw_lanes(above, traces, BLUE, INK)
        above.set_yticks(range(len(traces.names)), [shorten(name, LETTERS) for name in traces.names], fontsize=8.0)
        above.tick_params(axis="y", left=False, labelcolor=INK)
        above.tick_params(axis="x", bottom=False)
        above.spines[["left", "bottom"]].set_visible(False)
        show_log_mel(below, log_mel, front_end)
        below.set_xlim(traces.edges[0], traces.edges[-1])
        return figure


def draw_overlay(traces: Traces, width: float, height: float) -> Any:
    """Draw the lanes in light colours, to be laid over dark pictures; their time runs from the left edge to the right.

    Parameters
    ----------
    traces
        What the network predicted.
    width, height
        Inches; a lane of less than 0.2 inches cannot be read.
    """
    light = "#f2f4f6"
    with drawing(width, height) as figure:
        figure.set_layout_engine("none")
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        _draw_lanes(axes, traces, "#7fb4e8", light, peaks=False)
        for row, name in enumerate(traces.names):
            axes.annotate(
                f"{shorten(name, LETTERS)}  {traces.values[row].max():.2f}",
                (0.0, row),
                xycoords=("axes fraction", "data"),
                xytext=(5.0, 0.0),
                textcoords="offset points",
                va="center",
                fontsize=min(9.0, 50.0 * height / len(traces.names)),
                color=light,
                path_effects=outline(INK),
            )
        axes.set_axis_off()
        return figure


def _draw_lanes(axes: Any, traces: Traces, colour: str, ink: str, *, peaks: bool = True) -> None:
    """Draw each class's probability as a filled step in its own lane, the first at the top."""
    highest = max(float(traces.values.max()), 1e-9)
    for row, values in enumerate(traces.values):
        floor = row + 0.42
        steps = floor - 0.84 * values / highest
        axes.stairs(steps, traces.edges, baseline=floor, fill=True, color=colour, alpha=0.8, linewidth=0.0)
        axes.axhline(floor, color=HAIR, linewidth=0.5)
        if peaks:
            place = (1.0, row)
            axes.annotate(
                f"{values.max():.2f}",
                place,
                xycoords=("axes fraction", "data"),
                xytext=(4.0, 0.0),
                textcoords="offset points",
                va="center",
                fontsize=7.0,
                color=FAINT if ink == INK else ink,
            )
    axes.set_ylim(len(traces.names) - 0.4, -0.6)
    axes.set_xlim(traces.edges[0], traces.edges[-1])
