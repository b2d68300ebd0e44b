"""Waveforms: channels to mono, one sample rate to another, floats to 16-bit samples and back.

The only file that imports soxr. Resampling is soxr's HQ: a linear-phase filter that is flat to 0.91 of the lower Nyquist
frequency and stops aliases below -140 dB, with its delay taken out, so that a click stays where it is in time.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import soxr
from jaxtyping import Float32, Int16

FULL_SCALE = 32768.0
"""What a 16-bit sample is divided by to be an amplitude (VGGish: ``vggish_input.wavfile_to_examples``)."""


def downmix(waveform: Float32[np.ndarray, "channels samples"]) -> Float32[np.ndarray, " samples"]:
    """Mix all channels into one by their mean.

    The mean, not FFmpeg's or ITU's matrix: it is what VGGish does (``np.mean(data, axis=1)``), it never clips, and two equal
    channels stay as loud as they were.

    Raises
    ------
    ValueError
        When there is no channel.
    """
    if waveform.shape[0] == 0:
        raise ValueError(f"a waveform without channels, of shape {waveform.shape}, cannot be mixed")
    if waveform.shape[0] == 1:
        return np.ascontiguousarray(waveform[0])
    return waveform.mean(axis=0, dtype=np.float32)


def resample(
    waveform: Float32[np.ndarray, " samples"], sample_rate: int, to_rate: int
) -> Float32[np.ndarray, " resampled"]:
    """Resample a whole waveform.

    Parameters
    ----------
    waveform
        Amplitudes, usually in -1..1.
    sample_rate, to_rate
        Hz before and after.

    Returns
    -------
    Float32[np.ndarray, "samples"]
        ``count_resampled`` samples; the same array where the rates are equal. The same samples, bit for bit, come out of a
        :class:`StreamResampler` whatever the blocks.
    """
    return StreamResampler(sample_rate, to_rate).push(waveform, last=True)


def resample_int16(
    samples: Int16[np.ndarray, " samples"], sample_rate: int, to_rate: int
) -> Int16[np.ndarray, " resampled"]:
    """Resample 16-bit samples, as :func:`resample` does; the same array where the rates are equal."""
    if sample_rate == to_rate:
        return samples
    return to_int16(resample(from_int16(samples), sample_rate, to_rate))


def count_resampled(num_samples: int, sample_rate: int, to_rate: int) -> int:
    """Return the number of samples after resampling: the nearest whole number, halves up."""
    return math.floor(num_samples * to_rate / sample_rate + 0.5)


def limit_band(
    waveform: Float32[np.ndarray, " samples"], sample_rate: int, band_rate: int
) -> Float32[np.ndarray, " samples"]:
    """Remove the frequencies above half of a lower sample rate from a waveform; its length stays.

    It is the same array where ``band_rate`` is not lower. Resampling there and back returns the same waveform, except for
    rounding.
    """
    if band_rate >= sample_rate:
        return waveform
    limited = resample(resample(waveform, sample_rate, band_rate), band_rate, sample_rate)[: len(waveform)]
    return np.pad(limited, (0, len(waveform) - len(limited)))


def resample_blocks(
    blocks: Iterable[Float32[np.ndarray, " _"]], sample_rate: int, to_rate: int
) -> Iterator[Float32[np.ndarray, " _"]]:
    """Resample a waveform that comes in blocks."""
    stream = StreamResampler(sample_rate, to_rate)
    for block in blocks:
        if len(resampled := stream.push(block)):
            yield resampled
    if len(resampled := stream.push(np.zeros(0, np.float32), last=True)):
        yield resampled


class StreamResampler:
    """Resample a waveform block by block, with no sample lost or doubled between blocks.

    Output lags behind input by the filter's length (some tens of milliseconds) until the last block flushes it.
    """

    def __init__(self, sample_rate: int, to_rate: int) -> None:
        if sample_rate <= 0 or to_rate <= 0:
            raise ValueError(f"sample rates are positive, not {sample_rate} and {to_rate}")
        self.sample_rate = sample_rate
        self.to_rate = to_rate
        self._finished = False
        self._stream = None if sample_rate == to_rate else soxr.ResampleStream(sample_rate, to_rate, 1, "float32", "HQ")

    def push(self, block: Float32[np.ndarray, " samples"], last: bool = False) -> Float32[np.ndarray, " resampled"]:
        """Push the next block and return the output that is ready.

        Parameters
        ----------
        block
            The next samples; may be empty.
        last
            Whether nothing comes after it; what the filter still holds is flushed.

        Raises
        ------
        ValueError
            When pushed again after the last block.
        """
        if self._finished:
            raise ValueError(f"the last block has been pushed already, and now {block.shape[-1]} samples more")
        self._finished = last
        if self._stream is None:
            return block
        return self._stream.resample_chunk(np.ascontiguousarray(block), last=last)


def change_speed(waveform: Float32[np.ndarray, " samples"], speed: float) -> Float32[np.ndarray, " played"]:
    """Play a waveform faster or slower, as a tape does: at twice the speed it is half as long and an octave higher.

    Parameters
    ----------
    waveform
        Samples at any rate, which does not change; frequencies above half of it are filtered out.
    speed
        How many times as fast.

    Raises
    ------
    ValueError
        When the speed is not a positive number.
    """
    if not (math.isfinite(speed) and speed > 0.0):
        raise ValueError(f"a speed is positive, not {speed}")
    if speed == 1.0 or not len(waveform):
        return waveform
    return soxr.resample(waveform, speed, 1.0, "HQ")


def to_int16(waveform: Float32[np.ndarray, " samples"]) -> Int16[np.ndarray, " samples"]:
    """Round amplitudes to 16-bit samples: times 32,768, halves to even, clipped to -32768..32767; not-a-number is silence."""
    scaled = waveform * np.float32(FULL_SCALE)
    np.rint(scaled, out=scaled)
    np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1.0, out=scaled)
    unknown = np.isnan(scaled)
    if unknown.any():
        scaled[unknown] = 0.0
    return scaled.astype(np.int16)


def from_int16(samples: Int16[np.ndarray, " samples"]) -> Float32[np.ndarray, " samples"]:
    """Return the amplitudes of 16-bit samples, in -1..1: each divided by 32,768, which is exact."""
    return samples.astype(np.float32) * np.float32(1.0 / FULL_SCALE)
