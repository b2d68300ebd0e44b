"""Uncompressed audio files, and codecs that only libsndfile knows. The only file that imports soundfile.

libsndfile reads plain samples exactly and fast. What is compressed is read by FFmpeg: libsndfile trusts the length in an MP3's
header, stops at the end of the first recording of a chained Ogg, cannot read a FLAC of unknown length, and its MP3 decoder writes
to stderr. So it is asked only for files whose first bytes are those of WAV, AIFF, AU, CAF, W64 and RF64.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import NoReturn, cast

import numpy as np
import soundfile
from jaxtyping import Float32

from hearsight.errors import BrokenMediaError, MediaError
from hearsight.media.containers.announced import find_announced_share
from hearsight.media.containers.stream_decoder import describe_excess
from hearsight.media.containers.streams import Sound
from hearsight.media.guard import open_media_file
from hearsight.media.limits import BLOCK_BYTES, MAX_CHANNELS, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE
from hearsight.records import RejectReason

_MAGIC_BYTES = (b"RIFF", b"RIFX", b"RF64", b"FORM", b".snd", b"dns.", b"caff", b"riff")
_PREFERRED = frozenset(
    {"PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}
) | frozenset({"NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32"})
"""Plain samples, and what FFmpeg takes for another codec."""
_LARGEST_HEADER = 1024
"""Bytes beyond which a file without samples has a header that was never finished."""
_INEXACT_SECONDS = 0.1
"""Seconds by which a header may announce more sound than there is: some programs count their last chunk wrongly."""


def encode_flac(waveform: Float32[np.ndarray, " samples"], sample_rate: int) -> bytes:
    """Return a sound as a FLAC file of 16 bits; amplitudes beyond [-1, 1] are clipped."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(waveform, -1.0, 1.0), sample_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def open_audio_file(path: str, only_preferred: bool = True) -> soundfile.SoundFile | None:
    """Open an audio file with libsndfile.

    Parameters
    ----------
    path
        A regular file.
    only_preferred
        Whether only a file that libsndfile reads better than FFmpeg is wanted.

    Returns
    -------
    soundfile.SoundFile or None
        None where libsndfile does not know the file, where FFmpeg reads it better and only others are wanted, and where the header
        says that there are none in a file that is longer than its header.

    Raises
    ------
    MediaError
        ``unreadable``; ``broken_stream`` where rate or channels are beyond :mod:`hearsight.media.limits`.
    """
    with open_media_file(path) as opened:
        head = opened.read(12)
        size = opened.seek(0, os.SEEK_END)
    if not head.startswith(_MAGIC_BYTES) or (head.startswith(b"RIFF") and head[8:12] != b"WAVE"):
        return None
    try:
        # as bytes, which its annotations do not know: as text, a name that is not UTF-8 is refused
        file = soundfile.SoundFile(cast(str, os.fsencode(path)))
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    if (only_preferred and file.subtype not in _PREFERRED) or (file.frames == 0 and size > _LARGEST_HEADER):
        file.close()
        return None
    if not (MIN_SAMPLE_RATE <= file.samplerate <= MAX_SAMPLE_RATE and file.channels <= MAX_CHANNELS):
        found, wanted = describe_excess(file.samplerate, file.channels)
        file.close()
        raise MediaError(path, found, wanted, reason=RejectReason.BROKEN_STREAM)
    return file


def read_audio_file(path: str, file: soundfile.SoundFile) -> Iterator[Sound]:
    """Read an open audio file to its end, and close it.

    Yields
    ------
    Sound
        Blocks of at most :data:`~hearsight.media.limits.BLOCK_BYTES`.

    Raises
    ------
    BrokenMediaError
        Where it cannot be decoded any further, or ends before its header says.
    """
    with file:
        size = max(1, BLOCK_BYTES // (4 * file.channels))
        count = 0
        while count < file.frames:
            start = count / file.samplerate
            try:
                # the position is counted: libsndfile cannot return that of telephone codecs
                block = file.read(size, dtype="float32", always_2d=True)
            except (soundfile.LibsndfileError, RuntimeError) as error:
                found = f"the sound cannot be decoded at {start:.2f} s ({error})"
                raise BrokenMediaError(path, found, start=start) from error
            if not len(block):
                _refuse_missing(path, start, file.frames / file.samplerate)
            yield Sound(start, file.samplerate, block.T)
            count += len(block)
        # libsndfile counts the frames that are there, whatever the header says
        end = count / file.samplerate
        with open_media_file(path) as opened:
            announced = end * find_announced_share(opened)
        if announced - end > _INEXACT_SECONDS:
            _refuse_missing(path, end, announced)


def _refuse_missing(path: str, end: float, announced: float) -> NoReturn:
    found = f"the sound ends at {end:.2f} s of the {announced:.2f} s that the file announces"
    raise BrokenMediaError(path, found, start=end, end=announced)
