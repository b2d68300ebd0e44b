"""The loss of an MP3 encoding, put on a waveform."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from jaxtyping import Int16

from hearsight.media.containers import ffmpeg
from hearsight.media.containers.encode import SoundWriter
from hearsight.media.containers.streams import Encoding
from hearsight.signal.waveform import from_int16, to_int16


def encode_as_mp3(
    samples: Int16[np.ndarray, " samples"], sample_rate: int, bit_rate: int
) -> Int16[np.ndarray, " samples"]:
    """Encode a waveform as MP3 and decode it again (Aytar 2016, section 2: "convert sound to MP3s").

    Parameters
    ----------
    samples
        One channel.
    sample_rate
        Hz; one that MP3 can have.
    bit_rate
        Bits per second. What MP3 has not at this rate becomes the nearest that it has.

    Returns
    -------
    Int16[np.ndarray, "samples"]
        As many samples, each at its own time: the delay of the encoder is taken out.
    """
    if not len(samples):
        return samples
    with ffmpeg.open_buffer(BytesIO(make_mp3(samples, sample_rate, bit_rate)), "r", "mp3") as container:
        blocks = [frame.to_ndarray()[0] for frame in container.decode(audio=0)]
    decoded = to_int16(np.concatenate(blocks).astype(np.float32))[: len(samples)]
    return np.pad(decoded, (0, len(samples) - len(decoded)))


def make_mp3(samples: Int16[np.ndarray, " samples"], sample_rate: int, bit_rate: int) -> bytes:
    """Encode a waveform as an MP3 file; parameters as those of :func:`encode_as_mp3`."""
    buffer = BytesIO()
    encoding = Encoding(audio_codec="libmp3lame", audio_bit_rate=bit_rate)
    with ffmpeg.open_buffer(buffer, "w", "mp3") as container:
        SoundWriter(container, encoding, from_int16(samples), sample_rate, ffmpeg.AudioFrame).write_until(None)
    return buffer.getvalue()
