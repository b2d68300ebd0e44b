"""An example to search by: a sound file or a span of one, as one embedding."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int64

from hearsight.console import print_message
from hearsight.errors import InputError, UsageError
from hearsight.listening.listener import BLOCK_SECONDS, Listener
from hearsight.media.audio import stream_audio
from hearsight.search.index import Index
from hearsight.units import to_samples

LONG_SECONDS = 60.0
"""Length of an example from which on a message says that its mean may stand for nothing in it."""
_SPAN = re.compile(r"(?P<path>.+)@(?P<start>\d+(?:\.\d*)?)-(?P<end>\d+(?:\.\d*)?)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Example:
    """A sound to search by.

    Attributes
    ----------
    path
        The file.
    start, end
        The span in seconds; the end is infinite where the whole file is meant.
    """

    path: Path
    start: float = 0.0
    end: float = float("inf")

    def describe(self) -> str:
        """Return the file, with the span if it is one."""
        return str(self.path) if np.isinf(self.end) else f"{self.path}@{self.start:g}-{self.end:g}"


def parse_example(text: str, index: Index) -> Example:
    """Return the example that a user names: a file, or ``FILE@START-END`` in seconds.

    Parameters
    ----------
    text
        A path; one that does not exist is looked for among the sources of the index.
    index
        The index that is searched.

    Raises
    ------
    UsageError
        When the span ends before it starts.
    InputError
        When there is no such file.
    """
    path = _locate(text, index)
    if path is not None:
        return Example(path)
    match = _SPAN.fullmatch(text)
    path = _locate(match["path"], index) if match else None
    if match is None or path is None:
        raise InputError(text, "no such file", "a sound file, or FILE@START-END with seconds")
    start, end = float(match["start"]), float(match["end"])
    if not start < end:
        raise UsageError(text, f"a span from {start:g} to {end:g} s", "an end after its start")
    return Example(path, start, end)


def embed_example(listener: Listener, example: Example) -> Float64[np.ndarray, " dim"]:
    """Return the embedding of an example: the mean over its segments, by the time that each adds.

    A line on stderr says if it is silent, padded, or very long.

    Raises
    ------
    MediaError
        When it cannot be read, or nothing of it is within the span.
    """
    rate = listener.training_sample_rate
    loudness = [0.0]
    blocks = stream_audio(example.path, rate, BLOCK_SECONDS)
    last = None if np.isinf(example.end) else to_samples(example.end, rate)
    cut = _watch(cut_blocks(blocks, to_samples(example.start, rate), last), loudness)
    total, weight, end = np.zeros(listener.embedding_dim), 0.0, 0.0
    for part in listener.forward_stream(cut, example.describe()):
        total += part.weights @ part.embeddings.astype(np.float64)
        weight, end = weight + float(part.weights.sum()), part.end
    if loudness[0] == 0.0:
        print_message(f"{example.path}: silence; what is found is silent, too")
    elif end < listener.least_seconds:
        print_message(f"{example.path}: {listener.describe_padding(end)}")
    elif end > LONG_SECONDS:
        print_message(f"{example.path}: the mean of {end:.0f} s is searched for; FILE@START-END names a part")
    return total / weight


def list_own_rows(index: Index, example: Example) -> Int64[np.ndarray, " rows"]:
    """Return the rows of an index that overlap the example itself."""
    rows = index.find_rows(example.path)
    starts = index.rows["start"].to_numpy()[rows]
    ends = starts + index.rows["duration"].to_numpy()[rows]
    return rows[(starts < example.end) & (ends > example.start)]


def cut_blocks(
    blocks: Iterable[Float32[np.ndarray, " _"]], first: int, last: int | None
) -> Iterator[Float32[np.ndarray, " _"]]:
    """Return what lies between two samples of a sound that comes in blocks, and read no further.

    Parameters
    ----------
    blocks
        The sound.
    first
        First sample that is returned.
    last
        First sample that is not; None for all.
    """
    place = 0
    for block in blocks:
        part = block[max(0, first - place) : None if last is None else max(0, last - place)]
        if len(part):
            yield part
        place += len(block)
        if last is not None and place >= last:
            return


def _watch(blocks: Iterable[Float32[np.ndarray, " _"]], loudness: list[float]) -> Iterator[Float32[np.ndarray, " _"]]:
    for block in blocks:
        loudness[0] = max(loudness[0], float(np.abs(block).max(initial=0.0)))
        yield block


def _locate(text: str, index: Index) -> Path | None:
    if not text or "\x00" in text:
        return None
    return next((path for path in (Path(text), index.locate(text)) if path.is_file()), None)
