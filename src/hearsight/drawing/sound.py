"""A sound as a picture: its log-mel matrix, and the classes predicted for each second."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Float32

from hearsight.drawing.canvas import FAINT, GREEN, INK, ORANGE, drawing, shade
from hearsight.records import Tag
from hearsight.signal.filters import hertz_to_mel, hertz_to_slaney
from hearsight.signal.front_ends import FrontEnd

LEAST_SHARE = 0.25
"""Share of a segment in which a class must be audible for its tag to be correct."""

_LEAST_STRENGTH = 0.45
_TICKS = (250.0, 500.0, 1000.0, 2000.0, 4000.0)


def draw_spectrogram(log_mel: Float32[np.ndarray, "frames mels"], front_end: FrontEnd, width: float = 2.4) -> Any:
    """Draw a small log-mel matrix, seconds to the right and Hz upwards; return the Matplotlib figure."""
    with drawing(width, 1.05) as figure:
        show_log_mel(figure.add_subplot(), log_mel, front_end)
        return figure


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a network answered for one segment, and whether it is right; None if there is nothing to answer."""

    start: float
    duration: float
    is_right: bool | None


def draw_judged_tags(
    log_mel: Float32[np.ndarray, "frames mels"],
    front_end: FrontEnd,
    tags: Sequence[Tag],
    truths: Mapping[str, Sequence[tuple[float, float]]],
    answers: Sequence[Answer],
    *,
    lanes: int = 8,
) -> Any:
    """Draw the tags of a sound whose contents are known: right ones green, wrong ones orange; return the Matplotlib figure.

    A grey frame in a lane is the time in which its class is audible. The marks above the lanes judge the most probable class of
    each segment: a green dot where it is right, an orange cross where it is wrong. The elements with the ids ``playhead-0`` and
    ``playhead-1`` are lines at time 0, and ``playhead-span`` is as wide as the sound is long: a script can move the lines.

    Parameters
    ----------
    log_mel, front_end
        The sound of the whole file.
    tags
        Tags of its segments.
    truths
        Spans in which each class is audible, in seconds. These classes have the first lanes, the most probable others follow.
    answers
        One for each segment.
    lanes
        The most lanes.
    """
    others = [name for name in _rank_names(tags) if name not in truths]
    names = [*sorted(truths, key=lambda name: truths[name][0]), *others][:lanes]
    seconds = len(log_mel) * front_end.hop_length / front_end.sample_rate
    with drawing(8.0, 2.5 + 0.26 * len(names)) as figure:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.1, 0.26 * len(names) + 0.35))
        show_log_mel(above, log_mel, front_end)
        above.set_xlabel("")
        for row, name in enumerate(names):
            spans = truths.get(name, ())
            for start, end in spans:
                below.barh(row, end - start, 0.92, start, fill=False, edgecolor=FAINT, linewidth=1.0)
            chosen = [tag for tag in tags if tag.name == name]
            rights = [is_heard(tag.start, tag.duration, spans) for tag in chosen]
            strengths = [_LEAST_STRENGTH + (1.0 - _LEAST_STRENGTH) * tag.probability for tag in chosen]
            colours = [shade([s], GREEN if right else ORANGE)[0] for s, right in zip(strengths, rights, strict=True)]
            _draw_bars(below, row, chosen, colours)
        _mark_answers(below, answers)
        _finish_lanes(below, names, top=-1.1)
        below.set_xlim(0.0, seconds)
        for number, axes in enumerate((above, below)):
            colour = "white" if number == 0 else INK
            axes.axvline(0.0, color=colour, linewidth=1.4, clip_on=False, gid=f"playhead-{number}")
        above.axvspan(0.0, seconds, alpha=0.0, gid="playhead-span")
        return figure


def is_heard(start: float, duration: float, spans: Sequence[tuple[float, float]]) -> bool:
    """Return whether spans in seconds cover at least ``LEAST_SHARE`` of a segment."""
    covered = sum(max(0.0, min(start + duration, end) - max(start, begin)) for begin, end in spans)
    return covered >= LEAST_SHARE * duration


def _rank_names(tags: Sequence[Tag]) -> list[str]:
    """Rank the classes of tags by their highest probability."""
    best: dict[str, float] = {}
    for tag in tags:
        best[tag.name] = max(best.get(tag.name, 0.0), tag.probability)
    return sorted(best, key=lambda name: (-best[name], name))


def _draw_bars(axes: Any, row: int, tags: Sequence[Tag], colours: Sequence[Any]) -> None:
    starts, widths = [tag.start for tag in tags], [tag.duration for tag in tags]
    axes.bar(starts, 0.8, widths, row - 0.4, align="edge", color=colours)


def _mark_answers(axes: Any, answers: Sequence[Answer]) -> None:
    for is_right, marker, colour in ((True, "o", GREEN), (False, "x", ORANGE)):
        times = [answer.start + answer.duration / 2.0 for answer in answers if answer.is_right is is_right]
        axes.plot(times, [-0.8] * len(times), linestyle="none", marker=marker, color=colour, markersize=5.0, mew=1.6)


def _finish_lanes(axes: Any, names: Sequence[str], top: float = -0.6) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, top)
    axes.tick_params(left=False, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("seconds")


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
