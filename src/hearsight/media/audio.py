"""The whole sound of a file: of audio files and of videos alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32

from hearsight.console import print_message
from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media.audio_file import open_audio_file, read_audio_file
from hearsight.media.containers.announced import find_announced_share
from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Damage, Sound
from hearsight.media.guard import open_media_file, reject_unexpected
from hearsight.media.timeline import CLOCK_TOLERANCE, SoundTimeline, find_not_finite
from hearsight.records import RejectReason
from hearsight.units import to_samples

UNKEPT_PROMISE = 1.0
"""Seconds by which a file may end before the duration that it announces."""

_EXACT_FORMATS = ("mov", "flac", "wav")
"""Formats whose streams announce an exact duration; in others it is an estimate, or that of a part."""
_CHUNKED_FORMATS = frozenset({"wav", "w64", "aiff", "caf", "au"})
"""Formats whose header announces the bytes of the sound; FFmpeg computes the duration of some of them from the file's size."""


def read_audio(path: str | Path, sample_rate: int) -> Float32[np.ndarray, " samples"]:
    """Read the whole sound of an audio or video file as mono of a sample rate.

    The result is what :func:`stream_audio` yields, joined.

    Raises
    ------
    MediaError
        As :func:`stream_audio` does.
    """
    blocks = list(_read_blocks(path, sample_rate))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def stream_audio(
    path: str | Path, sample_rate: int, block_seconds: float, notify: Callable[[str], None] | None = None
) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Read the sound of an audio or video file block by block, as mono of a sample rate.

    Channels are mixed to their mean; where they cancel each other, see :mod:`hearsight.signal.downmix`. The sound of a video starts
    where its first stream starts: where pictures come first there is silence before it, so that times are those of a player. Memory
    is bounded by a block and some seconds, whatever the length of the file.

    Parameters
    ----------
    path
        Any audio or video file that FFmpeg or libsndfile reads.
    sample_rate
        Hz of the blocks.
    block_seconds
        Length of the blocks; the last one is what is left.
    notify
        Called with a sentence when channels cancel each other, before the block in which they do; by default it is printed on
        stderr with the file's name.

    Raises
    ------
    MediaError
        ``unreadable``, ``not_media``, ``no_audio``; or ``broken_stream`` (a :class:`~hearsight.errors.BrokenMediaError`) where the
        sound is damaged, has samples that are not finite, or ends before the file says, after the good blocks have been yielded.
    """
    size = max(1, to_samples(block_seconds, sample_rate))
    yield from _regroup(_read_blocks(path, sample_rate, notify), size)


def _read_blocks(
    path: str | Path, sample_rate: int, notify: Callable[[str], None] | None = None
) -> Iterator[Float32[np.ndarray, " samples"]]:
    timeline = SoundTimeline(str(path), sample_rate)
    mixer, notified = timeline.downmixer, False
    with reject_unexpected(path):
        for block in _place_sounds(path, timeline):
            if mixer.cancelled_at is not None and not notified:
                text, notified = describe_cancellation(mixer.cancelled_at), True
                print_message(f"{path}: {text}") if notify is None else notify(text)
            yield block


def _place_sounds(path: str | Path, timeline: SoundTimeline) -> Iterator[Float32[np.ndarray, " samples"]]:
    try:
        for sound in _stop_where_not_finite(path, _read_sounds(str(path), timeline)):
            yield timeline.push(sound)
    except BrokenMediaError:
        yield timeline.finish()
        raise
    yield timeline.finish()


def _stop_where_not_finite(path: str | Path, sounds: Iterable[Sound]) -> Iterator[Sound]:
    for sound in sounds:
        bad = find_not_finite(sound)
        if bad is not None:
            first, damage = bad
            yield sound._replace(samples=sound.samples[:, :first])
            raise BrokenMediaError(path, damage.found, "amplitudes", start=damage.start, end=damage.end)
        yield sound


def describe_cancellation(time: float) -> str:
    """Return in words that channels were mixed in phase instead of to their mean, from a time in seconds on."""
    return f"the channels cancel each other from {time:.2f} s on; they are mixed with one of them inverted"


def _read_sounds(path: str, timeline: SoundTimeline) -> Iterator[Sound]:
    """Decode the sound of a file with the library that reads it best, and fall back on the other one."""
    file = open_audio_file(path)
    if file is None:
        try:
            reader = MediaReader(path)
        except MediaError:
            file = open_audio_file(path, only_preferred=False)
            if file is None:
                raise
        else:
            with reader:
                if reader.audio is not None:
                    yield from _decode_sound(reader, timeline)
                    return
            file = open_audio_file(path, only_preferred=False)
            if file is None:
                found = f"no sound in it ({reader.container})"
                raise MediaError(path, found, "an audio stream", reason=RejectReason.NO_AUDIO)
    yield from read_audio_file(path, file)


def _decode_sound(reader: MediaReader, timeline: SoundTimeline) -> Iterator[Sound]:
    num_decoded = 0
    for item in reader.read(pictures=False):
        if isinstance(item, Damage):
            raise BrokenMediaError(reader.path, item.found, start=item.start, end=item.end)
        if isinstance(item, Sound):
            _check_gap(reader, item.time, timeline.end)
            num_decoded += 1
            yield item
    if not num_decoded:
        raise MediaError(reader.path, "none of its sound can be decoded", reason=RejectReason.BROKEN_STREAM)
    announced = _find_announced_end(reader, timeline.end)
    if announced - timeline.end > UNKEPT_PROMISE:
        found = f"the sound ends at {timeline.end:.2f} s of the {announced:.2f} s that the file announces"
        raise BrokenMediaError(reader.path, found, start=timeline.end, end=announced)


def _find_announced_end(reader: MediaReader, end: float) -> float:
    """Return the seconds at which the sound should end, which is where it does if the file does not announce more."""
    facts = reader.audio
    if facts is not None and facts.duration is not None and reader.container.startswith(_EXACT_FORMATS):
        return (facts.start or 0.0) + facts.duration - reader.origin
    if reader.container in _CHUNKED_FORMATS:
        with open_media_file(reader.path) as file:
            return end * find_announced_share(file)
    return end


def _check_gap(reader: MediaReader, time: float, end: float) -> None:
    """Raise where frames are missing in a format that knows no gaps: FFmpeg passes over those with a damaged header."""
    if reader.container == "flac" and time - end > CLOCK_TOLERANCE:
        found = f"the sound cannot be decoded at {end:.2f} s ({time - end:.2f} s are missing)"
        raise BrokenMediaError(reader.path, found, start=end, end=time)


def _regroup(blocks: Iterable[Float32[np.ndarray, " _"]], size: int) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Cut blocks of any length into blocks of one length, and a last one of what is left."""
    held: list[Float32[np.ndarray, " _"]] = []
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
