"""What the first layer of a network listens for: its kernels, as curves or as small pictures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from jaxtyping import Float

from hearsight.drawing.canvas import BLUE, FAINT, HAIR, drawing
from hearsight.errors import UsageError
from hearsight.finite import describe_not_finite

MOST = 512
"""Most filters in one figure."""


def draw_wave_filters(kernels: Float[np.ndarray, "filters samples"], sample_rate: int) -> Any:
    """Draw filters of the waveform as curves, with the frequency of its maximum response (after Aytar 2016, figure 5).

    They are in the order of that frequency, each scaled to its own highest amplitude; the zero line is grey.

    Parameters
    ----------
    kernels
        One row per filter.
    sample_rate
        Hz of the waveforms.

    Raises
    ------
    UsageError
        When there is no filter, there are more than ``MOST``, or a weight is not finite.
    """
    _check(kernels)
    frequencies = find_frequencies(kernels, sample_rate)
    order = np.argsort(frequencies, kind="stable")
    columns, rows = _lay_out(len(kernels), 8)
    with drawing(0.95 * columns, 0.8 * rows + 0.1) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, index in zip(panels, order, strict=False):
            kernel = kernels[index] / max(np.abs(kernels[index]).max(), 1e-12)
            axes.axhline(0.0, color=HAIR, linewidth=0.6)
            axes.plot(kernel, color=BLUE, linewidth=1.0)
            axes.set_ylim(-1.15, 1.15)
            axes.set_title(_spell_hertz(float(frequencies[index])), fontsize=7.0, color=FAINT, loc="center", pad=1.0)
        for axes in panels:
            axes.set_axis_off()
        return figure


def draw_patch_filters(kernels: Float[np.ndarray, "filters frames mels"]) -> Any:
    """Draw filters of a log-mel matrix as small pictures: time to the right, frequency upwards, blue below zero and red above.

    Each is scaled to its own largest weight; they are in the order of the channels.

    Raises
    ------
    UsageError
        When there is no filter, there are more than ``MOST``, or a weight is not finite.
    """
    _check(kernels)
    columns, rows = _lay_out(len(kernels), 16)
    frames, mels = kernels.shape[1:]
    side = 0.62 if columns <= 12 else 0.45
    with drawing(max(3.0, side * columns), side * rows * max(0.5, min(2.0, mels / frames)) + 0.35) as figure:
        panels = figure.subplots(rows, columns, squeeze=False).ravel()
        for axes, kernel in zip(panels, kernels, strict=False):
            most = max(np.abs(kernel).max(), 1e-12)
            axes.imshow(
                kernel.T, origin="lower", aspect="auto", cmap="RdBu_r", vmin=-most, vmax=most, interpolation="nearest"
            )
            axes.set_xticks([])
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_visible(True)
        for axes in panels[len(kernels) :]:
            axes.set_axis_off()
        said = f"\N{RIGHTWARDS ARROW} {frames} frames of time, \N{UPWARDS ARROW} {mels} bands of frequency"
        figure.supxlabel(said, fontsize=8.0, color=FAINT)
        return figure


def find_frequencies(kernels: Float[np.ndarray, "filters samples"], sample_rate: int) -> Float[np.ndarray, " filters"]:
    """Find the frequency in Hz of each filter's maximum response."""
    size = max(1024, kernels.shape[1])
    gains = np.abs(np.fft.rfft(kernels, size, axis=1))
    return gains.argmax(axis=1) * sample_rate / size


def _check(kernels: np.ndarray) -> None:
    if not 0 < len(kernels) <= MOST:
        raise UsageError("filters", f"{len(kernels)} filters", f"1 to {MOST}")
    if not np.isfinite(kernels).all():
        raise UsageError(
            "filters",
            f"weights that are not finite: {describe_not_finite(kernels)}",
            "numbers",
            "the network's training diverged",
        )


def _lay_out(count: int, columns: int) -> tuple[int, int]:
    """Return columns and rows of panels, not much wider than they are high."""
    columns = min(count, max(columns, math.ceil(math.sqrt(count))))
    return columns, math.ceil(count / columns)


def _spell_hertz(frequency: float) -> str:
    return f"{frequency / 1000.0:.1f} kHz" if frequency >= 1000.0 else f"{frequency:.0f} Hz"
