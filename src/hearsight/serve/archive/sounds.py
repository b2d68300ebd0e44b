"""A part of a recording as a WAV file, which every browser plays, whatever the recording is."""

from __future__ import annotations

import io
import wave
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hearsight.listening.listener import BLOCK_SECONDS
from hearsight.media.audio import stream_audio
from hearsight.search.example import cut_blocks
from hearsight.serve.refusals import Refusal
from hearsight.serve.work import Watch
from hearsight.units import to_samples

MOST_SECONDS = 60.0
"""Longest part that is sent."""
PLAYED_RATE = 32_000
"""Hz of what is sent."""


def follow_blocks(
    blocks: Iterable[Float32[np.ndarray, " _"]], rate: int, watch: Watch
) -> Iterator[Float32[np.ndarray, " _"]]:
    """Yield the blocks of a sound unchanged, and end the work between two of them when its client is gone."""
    seconds = 0.0
    for block in blocks:
        watch.check(seconds)
        seconds += len(block) / rate
        yield block


def read_part(path: Path, start: float, end: float, watch: Watch) -> bytes:
    """Return a part of a recording as a WAV file of one channel and 16 bits.

    Parameters
    ----------
    path
        The recording, which is decoded from its start.
    start, end
        Seconds; what lies outside the recording is left out, and of more than :data:`MOST_SECONDS` the rest.
    watch
        Follows the work.

    Raises
    ------
    Refusal
        404 when the file is gone, 416 when nothing of the recording is within the span.
    MediaError
        When it cannot be decoded.
    """
    if not path.is_file():
        raise Refusal(404, "no_recording", watch.name, "its file is gone")
    start = max(0.0, start)
    end = min(end, start + MOST_SECONDS)
    blocks = follow_blocks(stream_audio(path, PLAYED_RATE, BLOCK_SECONDS, notify=_ignore), PLAYED_RATE, watch)
    cut = cut_blocks(blocks, to_samples(start, PLAYED_RATE), to_samples(end, PLAYED_RATE))
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(PLAYED_RATE)
        for block in cut:
            file.writeframesraw((np.clip(block, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
        count = file.getnframes()
    if not count:
        raise Refusal(416, "range", watch.name, f"nothing from {start:g} s to {end:g} s", "a span within the recording")
    return content.getvalue()


def _ignore(text: str) -> None:
    """Pass over a note about channels that cancel each other: the page has shown it when the file was analysed."""
