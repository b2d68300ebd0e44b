"""Media in, decoded sound and pictures out: whole audio files, and the windows of a video."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hearsight.errors import MediaError
from hearsight.media.audio_file import open_audio_file, stream_audio_file
from hearsight.media.container import MediaReader
from hearsight.media.streams import Sound
from hearsight.media.timeline import SoundTimeline
from hearsight.records import RejectReason
from hearsight.units import to_samples


def read_audio(path: str | Path, sample_rate: int) -> Float32[np.ndarray, " samples"]:
    """Read the whole sound of an audio or video file as mono of a sample rate.

    The same samples as :func:`stream_audio` gives, joined.

    Raises
    ------
    MediaError
        As :func:`stream_audio` does.
    """
    blocks = list(_read_blocks(path, sample_rate))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def stream_audio(path: str | Path, sample_rate: int, block_seconds: float) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Read the sound of an audio or video file block by block, as mono (the mean of its channels) of a sample rate.

    The sound of a video starts where its first stream starts: where pictures come first there is silence before it, so that times
    are those of a player. Memory is bounded by a block and some seconds, whatever the length of the file.

    Parameters
    ----------
    path
        WAV, FLAC, Ogg, MP3 (by libsndfile), and all that FFmpeg reads.
    sample_rate
        Hz of what comes out.
    block_seconds
        Length of the blocks; the last one is what is left.

    Raises
    ------
    MediaError
        ``unreadable``, ``not_media``, ``no_audio``; or ``broken_stream`` (a
        :class:`~hearsight.errors.BrokenMediaError`) where decoding fails on the way, after the good blocks have been given.
    """
    size = max(1, to_samples(block_seconds, sample_rate))
    yield from _regroup(_read_blocks(path, sample_rate), size)


def _read_blocks(path: str | Path, sample_rate: int) -> Iterator[Float32[np.ndarray, " samples"]]:
    file = open_audio_file(path)
    if file is not None:
        yield from stream_audio_file(file, sample_rate)
        return
    with MediaReader(path) as reader:
        if reader.audio is None:
            raise MediaError(path, "no sound in it", "an audio stream", reason=RejectReason.NO_AUDIO)
        timeline = SoundTimeline(reader.path, sample_rate)
        for sound in reader.read(pictures=False):
            if isinstance(sound, Sound):
                yield timeline.push(sound)
        if timeline.end == 0.0:
            raise MediaError(path, "none of its sound can be decoded", reason=RejectReason.BROKEN_STREAM)
        yield timeline.finish()


def _regroup(blocks: Iterable[np.ndarray], size: int) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Cut blocks of any length into blocks of one length, and a last one of what is left."""
    held: list[np.ndarray] = []
    num_held = 0
    try:
        for block in blocks:
            held.append(block)
            num_held += block.shape[0]
            if num_held < size:
                continue
            joined = np.concatenate(held)
            whole = num_held - num_held % size
            for first in range(0, whole, size):
                yield joined[first : first + size]
            held, num_held = [joined[whole:]], num_held - whole
    except MediaError:
        if num_held:
            yield np.concatenate(held)
        raise
    if num_held:
        yield np.concatenate(held)
