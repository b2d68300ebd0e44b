"""Paper and ink: figures of one style, given out as SVG, PNG, PDF or pixels. The only file that imports Matplotlib.

Figures are drawn with a few named colours. In SVG those for text, lines and ground become CSS variables, so that a figure in a page
follows the page's light or dark theme; text stays text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import matplotlib
import matplotlib.colors
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patheffects import AbstractPathEffect, withStroke

INK = "#1b1f24"
FAINT = "#6e7781"
HAIR = "#d0d7de"
BLUE = "#2f6fb5"
ORANGE = "#c4622d"
GREEN = "#4d8b4a"
GRAY = "#8c959f"
"""Colours of text, lines, curves and bars, legible on light and dark backgrounds and in grey."""

CATEGORIES = (
    *(BLUE, ORANGE, GREEN, "#7d5aa6", "#c9a227", "#2f8f8f", "#b5446e"),
    *("#6b4f3a", "#88a53c", "#5d6bd1", "#d98b8b", "#1f4e5f"),
)
"""Colours of named groups of points, distinguishable side by side on a light ground."""

_VARIABLES = {INK: "--ink", FAINT: "--faint", HAIR: "--hair"}
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.labelcolor": FAINT,
    "axes.edgecolor": HAIR,
    "axes.linewidth": 0.8,
    "axes.titlesize": 9.0,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "xtick.color": HAIR,
    "ytick.color": HAIR,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "grid.color": HAIR,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "image.cmap": "magma",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
    "svg.hashsalt": "hearsight",
}


@contextmanager
def drawing(width: float, height: float) -> Generator[Figure]:
    """Yield an empty figure in this project's style, with a size in inches.

    Matplotlib's own settings are as before when the block ends.
    """
    with matplotlib.rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout="constrained")


def to_svg(figure: Figure, title: str) -> str:
    """Return a figure as an ``<svg>`` element for a page; the same figure gives the same text.

    Parameters
    ----------
    figure
        What was drawn.
    title
        The text that a screen reader reads instead.
    """
    stream = io.StringIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
    text = stream.getvalue()
    text = text[text.index("<svg") :]
    for colour, variable in _VARIABLES.items():
        text = text.replace(colour, f"var({variable}, {colour})")
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"\s*<style type=.*?</style>", "", text, flags=re.DOTALL)  # it would speak for the whole page
    text = re.sub(r'font-family: [^;"]*', "font-family: inherit", text)
    return text.replace("<svg ", '<svg role="img" class="figure" ', 1)


def to_file(figure: Figure, kind: str, title: str, dots_per_inch: int = 200) -> bytes:
    """Return a figure as a self-contained file on a white ground; the same figure results in the same bytes.

    Parameters
    ----------
    figure
        What was drawn.
    kind
        ``png``, or ``svg`` or ``pdf``, whose lines and text stay lines and text.
    title
        The title in the file's metadata.
    dots_per_inch
        Of a PNG, and of the pictures within the others.
    """
    dates: dict[str, Any] = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None}}.get(
        kind, {"CreationDate": None, "Creator": None, "Producer": None}
    )
    stream = io.BytesIO()
    with matplotlib.rc_context(_STYLE):
        figure.savefig(stream, format=kind, dpi=dots_per_inch, facecolor="white", metadata={**dates, "Title": title})
    return stream.getvalue()


def to_pixels(figure: Figure, width: int, height: int) -> UInt8[np.ndarray, "height width 4"]:
    """Return red, green, blue and opacity of every pixel of a figure, on a transparent ground.

    The figure keeps its width in inches, so a larger picture has larger letters. Its height follows from the size in pixels.
    """
    inches = figure.get_figwidth()
    figure.set_size_inches(inches, inches * height / width)
    with matplotlib.rc_context(_STYLE):
        canvas = FigureCanvasAgg(figure)
        figure.set_dpi(width / inches)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba()).copy()


def outline(colour: str) -> list[AbstractPathEffect]:
    """Return the effects that draw letters with a rim of a colour, so that they are legible on any ground."""
    return [withStroke(linewidth=2.0, foreground=colour)]


def shorten(name: str, most: int) -> str:
    """Shorten a name to ``most`` letters, the last an ellipsis."""
    return name if len(name) <= most else f"{name[: most - 1].rstrip(' ,;:-')}…"


def format_percent(share: float) -> str:
    """Return a share (0 to 1) as a percentage, with two digits where it is small."""
    return f"{100.0 * share:.0f} %" if share >= 0.0995 else f"{100.0 * share:.2g} %"


def to_heat(values: Float[np.ndarray, "rows columns"]) -> UInt8[np.ndarray, "rows columns 3"]:
    """Return values from 0 to 1 as the colours that heat maps of figures have, dark to bright; values beyond are cut off."""
    colours = matplotlib.colormaps[_STYLE["image.cmap"]](np.clip(values, 0.0, 1.0), bytes=True)
    return np.ascontiguousarray(np.asarray(colours)[..., :3])


def shade_all(values: Float[np.ndarray, "rows columns"], colour: str) -> Float[np.ndarray, "rows columns 4"]:
    """Return a colour whose opacities are a matrix (0 to 1); it is legible on a light and on a dark ground."""
    plane = np.empty((*values.shape, 4))
    plane[..., :3] = matplotlib.colors.to_rgb(colour)
    plane[..., 3] = values
    return plane


def shade(values: Any, colour: str) -> list[tuple[float, float, float, float]]:
    """Return a colour once for each value from 0 to 1, with that opacity."""
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return [(red, green, blue, float(value)) for value in values]
