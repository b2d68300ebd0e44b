"""Audio files that libsndfile reads: WAV, FLAC, Ogg Vorbis, MP3 and their kin. The only file that imports soundfile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32

from hearsight.errors import BrokenMediaError
from hearsight.signal.waveform import StreamResampler, downmix

SUFFIXES = frozenset(
    {".wav", ".wave", ".flac", ".ogg", ".oga", ".mp3", ".aif", ".aiff", ".w64", ".rf64", ".au", ".caf"}
)
"""Names under which libsndfile is tried first; it looks at the content, and what it cannot read is left to FFmpeg."""

_BLOCK_SECONDS = 5.0


def open_audio_file(path: str | Path) -> soundfile.SoundFile | None:
    """Open an audio file with libsndfile.

    Returns
    -------
    soundfile.SoundFile or None
        None where libsndfile does not know the file, and for Opus, whose priming and gain FFmpeg handles.
    """
    if Path(path).suffix.lower() not in SUFFIXES:
        return None
    try:
        file = soundfile.SoundFile(str(path))
    except soundfile.LibsndfileError:
        return None
    if file.subtype == "OPUS":
        file.close()
        return None
    return file


def stream_audio_file(file: soundfile.SoundFile, sample_rate: int) -> Iterator[Float32[np.ndarray, " samples"]]:
    """Read an open audio file to its end as mono of a sample rate, and close it.

    Yields
    ------
    Float32[np.ndarray, "samples"]
        Blocks of some seconds, of no fixed length.

    Raises
    ------
    BrokenMediaError
        Where it cannot be decoded any further.
    """
    with file:
        resampler = StreamResampler(file.samplerate, sample_rate)
        while True:
            position = file.tell() / file.samplerate
            try:
                block = file.read(int(_BLOCK_SECONDS * file.samplerate), dtype="float32", always_2d=True)
            except soundfile.LibsndfileError as error:
                raise BrokenMediaError(
                    file.name, f"the sound cannot be decoded at {position:.2f} s ({error.error_string})", start=position
                ) from error
            last = block.shape[0] == 0
            yield resampler.push(downmix(np.ascontiguousarray(block.T)), last=last)
            if last:
                return
