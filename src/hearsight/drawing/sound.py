"""A sound as a picture: its log-mel matrix, and what was heard in it, second by second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from hearsight.drawing.canvas import BLUE, FAINT, drawing, shade
from hearsight.records import Tag
from hearsight.signal.filters import hertz_to_mel, hertz_to_slaney
from hearsight.signal.front_ends import FrontEnd

_TICKS = (250.0, 500.0, 1000.0, 2000.0, 4000.0)


def draw_spectrogram(log_mel: Float32[np.ndarray, "frames mels"], front_end: FrontEnd, width: float = 2.4) -> Any:
    """Draw a log-mel matrix, small: seconds to the right, Hz upwards; give the Matplotlib figure."""
    with drawing(width, 1.05) as figure:
        show_log_mel(figure.add_subplot(), log_mel, front_end)
        return figure


def draw_tags(
    log_mel: Float32[np.ndarray, "frames mels"], front_end: FrontEnd, tags: Sequence[Tag], *, lanes: int = 6
) -> Any:
    """Draw a log-mel matrix with a lane below for each of the classes that were heard most.

    Parameters
    ----------
    log_mel, front_end
        The sound of the whole file.
    tags
        Tags of its segments; a lane's bars are as strong as its tags are probable.
    lanes
        Most lanes.
    """
    best: dict[str, float] = {}
    for tag in tags:
        best[tag.name] = max(best.get(tag.name, 0.0), tag.probability)
    names = sorted(best, key=lambda name: (-best[name], name))[:lanes]
    with drawing(8.0, 2.3 + 0.24 * len(names)) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.1, 0.24 * len(names) + 0.1))
        show_log_mel(above, log_mel, front_end)
        above.set_xlabel("")
        for row, name in enumerate(names):
            chosen = [tag for tag in tags if tag.name == name]
            below.bar(
                [tag.start for tag in chosen],
                0.8,
                [tag.duration for tag in chosen],
                row - 0.4,
                align="edge",
                color=shade([tag.probability for tag in chosen], BLUE),
            )
        below.set_yticks(range(len(names)), names)
        below.set_ylim(len(names) - 0.4, -0.6)
        below.tick_params(left=False)
        below.spines["left"].set_visible(False)
        below.set_xlabel("seconds")
        return figure


def show_log_mel(axes: Any, log_mel: Float[np.ndarray, "frames mels"], front_end: FrontEnd) -> None:
    """Show a log-mel matrix in axes of a figure: seconds to the right, Hz upwards, as bright as is loud within this sound."""
    seconds = len(log_mel) * front_end.hop_length / front_end.sample_rate
    low, high = np.quantile(log_mel, [0.05, 0.999])
    extent = (0.0, seconds, 0.0, float(front_end.n_mels))
    axes.imshow(log_mel.T, origin="lower", aspect="auto", extent=extent, vmin=low, vmax=max(high, low + 1e-3))
    to_mel = hertz_to_slaney if front_end.mel_scale == "slaney" else hertz_to_mel
    edges = to_mel(np.array([front_end.f_min, front_end.f_max]))
    places = (to_mel(np.array(_TICKS)) - edges[0]) / (edges[1] - edges[0]) * front_end.n_mels
    axes.set_yticks(places[[1, 3]], ["500 Hz", "2 kHz"])
    axes.set_xlabel("seconds", color=FAINT)
    for spine in axes.spines.values():
        spine.set_visible(False)
