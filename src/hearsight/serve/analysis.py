"""What the page knows of a recording: its picture, and the probabilities of all segments, on the disk of the private folder."""

from __future__ import annotations

import array
import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from hearsight.detection.events import EventRule, find_events, iterate_events
from hearsight.listening.listener import BLOCK_SECONDS, Listener
from hearsight.media.audio import stream_audio
from hearsight.records import Tag
from hearsight.serve.refusals import Refusal
from hearsight.serve.spectrogram import BANDS, COLUMNS_PER_SECOND, TILE_COLUMNS, SpectrogramWriter
from hearsight.serve.work import Watch

TRACES = 16
"""Classes whose probabilities the page draws."""
MOST_EVENTS = 5_000
"""Events that the page shows."""


@dataclasses.dataclass(frozen=True)
class Analysis:
    """A recording that has been analysed.

    Attributes
    ----------
    path
        The file of columns; ``.peaks`` and ``.probabilities`` are next to it.
    starts, ends
        Of the segments, in seconds.
    seconds
        Length of the sound.
    columns
        Columns of the picture.
    faintest, loudest
        Bytes between which most of the picture lies.
    highest
        Hz at the top of the picture.
    order
        Classes by their highest probability in any segment.
    peaks
        That probability of each class.
    """

    path: Path
    starts: Float64[np.ndarray, " segments"]
    ends: Float64[np.ndarray, " segments"]
    seconds: float
    columns: int
    faintest: int
    loudest: int
    highest: float
    order: list[int]
    peaks: list[float]

    def read_probabilities(self, classes: list[int]) -> Float32[np.ndarray, "segments chosen"]:
        """Read the probabilities of some classes in all segments."""
        stored = np.memmap(self.path.with_suffix(".probabilities"), dtype=np.float16, mode="r")
        rows = stored.reshape(len(self.starts), len(self.peaks))
        return np.stack([np.asarray(rows[:, index], dtype=np.float32) for index in classes], axis=1)

    def find_tags(self, listener: Listener, classes: list[int], rule: EventRule, name: str) -> list[Tag]:
        """Return the events of some classes, sorted by start."""
        if not classes:
            return []
        found = find_events(self.starts, self.ends, self.read_probabilities(classes), rule)
        tags: list[Tag] = []
        for place, start, end, peak in iterate_events(found):
            index = classes[place]
            origin = listener.classes[index] if listener.classes else None
            sense, teacher = (None, None) if origin is None else (origin.sense, origin.teacher)
            tags.append(Tag(name, start, end - start, listener.vocabulary[index], peak, sense, teacher))
        return tags

    def as_json(self, listener: Listener) -> dict[str, Any]:
        """Return what the page needs to draw: sizes, and the classes in the order of their highest probability."""
        shown = self.order[:TRACES]
        traces = self.read_probabilities(shown) if shown else np.zeros((len(self.starts), 0), np.float32)
        return {
            "seconds": self.seconds,
            "segments": {"starts": self.starts.round(4).tolist(), "ends": self.ends.round(4).tolist()},
            "classes": [
                {"index": index, "name": listener.vocabulary[index], "peak": round(self.peaks[index], 4)}
                for index in self.order
            ],
            "traces": [
                {"index": index, "values": traces[:, place].round(4).tolist()} for place, index in enumerate(shown)
            ],
            "picture": {
                "columns": self.columns,
                "bands": BANDS,
                "tile": TILE_COLUMNS,
                "rate": COLUMNS_PER_SECOND,
                "faintest": self.faintest,
                "loudest": self.loudest,
                "highest": self.highest,
            },
        }

    def remove(self) -> None:
        """Remove its files."""
        for suffix in (".columns", ".peaks", ".probabilities"):
            self.path.with_suffix(suffix).unlink(missing_ok=True)


def analyse(listener: Listener, path: Path, watch: Watch, out: Path) -> Analysis:
    """Decode a recording once, and write its picture and the probabilities of its segments.

    Parameters
    ----------
    listener
        The model.
    path
        The recording.
    watch
        Follows the work.
    out
        The file of columns to write, with the suffix ``.columns``.

    Raises
    ------
    MediaError, Refusal
        When the recording cannot be used; nothing is left then.
    """
    if not listener.vocabulary:
        raise Refusal(422, "no_classes", listener.name, "no trained classes", "a model with classes")
    picture = SpectrogramWriter(out, listener.training_sample_rate)
    starts, ends, end = array.array("d"), array.array("d"), 0.0
    highest = np.zeros(len(listener.vocabulary), dtype=np.float32)
    try:
        blocks = picture.follow(stream_audio(path, listener.training_sample_rate, BLOCK_SECONDS))
        with out.with_suffix(".probabilities").open("xb") as file:
            for part in watch.follow(listener.forward_stream(blocks, path)):
                file.write(part.probabilities.astype(np.float16).tobytes())
                starts.extend(part.starts.tolist())
                ends.extend((part.starts + part.durations).tolist())
                highest = np.maximum(highest, part.probabilities.max(axis=0))
                end = part.end
        picture.close()
    except BaseException:
        picture.close()
        for suffix in (".columns", ".peaks", ".probabilities"):
            out.with_suffix(suffix).unlink(missing_ok=True)
        raise
    low, high = picture.find_range()
    return Analysis(
        out,
        np.array(starts),
        np.array(ends),
        end,
        picture.num_columns,
        low,
        high,
        picture.front_end.f_max,
        np.argsort(-highest, kind="stable").tolist(),
        highest.tolist(),
    )
