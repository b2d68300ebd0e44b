"""Where the waveforms of a batch come from: the dataset as it is stored, or resampled to the network's sample rate."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int16, Int32, Shaped

from hearsight.signal.waveform import count_resampled, from_int16, resample, to_int16


@runtime_checkable
class SoundSource(Protocol):
    """The sounds of a dataset's clips; every :class:`~hearsight.training.data.dataset.TrainingData` is one."""

    @property
    def sample_rate(self) -> int:
        """Sample rate of the sounds in Hz."""
        ...

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Length of each clip in samples."""
        ...

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Return samples of a clip; fewer than asked for where the clip ends."""
        ...


class ResampledSounds:
    """Sounds that are resampled when they are read.

    The whole clip is resampled, whatever part of it is asked for, so that a sample has the same value in every excerpt. This takes
    about a millisecond per clip.

    Parameters
    ----------
    sounds
        The stored sounds.
    sample_rate
        The sample rate to return, in Hz.
    """

    def __init__(self, sounds: SoundSource, sample_rate: int) -> None:
        self._sounds = sounds
        self._sample_rate = sample_rate
        lengths = [count_resampled(int(length), sounds.sample_rate, sample_rate) for length in sounds.num_samples]
        self._num_samples: Int32[np.ndarray, " clips"] = np.array(lengths, dtype=np.int32)

    @property
    def sample_rate(self) -> int:
        """Sample rate of the sounds as they are read, in Hz."""
        return self._sample_rate

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Length of each clip in samples, at the new sample rate."""
        return self._num_samples

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Return samples of a clip; fewer than asked for where the clip ends."""
        whole = from_int16(self._sounds.read(index))
        resampled = to_int16(resample(whole, self._sounds.sample_rate, self._sample_rate))
        end = len(resampled) if num_samples is None else start + num_samples
        return resampled[start:end]


def match_sample_rate(sounds: SoundSource, sample_rate: int) -> SoundSource:
    """Return the sounds at a sample rate: as they are stored, or resampled where they are stored at another one."""
    return sounds if sounds.sample_rate == sample_rate else ResampledSounds(sounds, sample_rate)


def add_segment(
    sounds: SoundSource, clip: int, start: int, waveform: Shaped[np.ndarray, " samples"], *, repeat: bool = False
) -> None:
    """Add a segment of a clip to a waveform; past the end of the clip, nothing is added.

    Parameters
    ----------
    sounds, clip
        The source and the index of the clip.
    start
        First sample of the segment within the clip.
    waveform
        Amplitudes in [-1, 1], or 16-bit samples; its length is the segment's.
    repeat
        Whether a clip that is shorter than the segment is repeated instead, until it fills it.
    """
    samples = sounds.read(clip, start, len(waveform))
    if repeat and len(samples) < len(waveform):
        samples = np.resize(sounds.read(clip), start + len(waveform))[start:]
    waveform[: len(samples)] += samples if waveform.dtype == np.int16 else from_int16(samples)
