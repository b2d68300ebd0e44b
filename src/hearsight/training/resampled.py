"""A dataset as a network of another sample rate hears it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float32, Int16, Int32, Int64

from hearsight.signal.waveform import count_resampled, from_int16, resample, to_int16
from hearsight.training.batches import Labels, TrainingData
from hearsight.training.softened import SoftData


class ResampledData:
    """A dataset whose sound is brought to another sample rate when it is read.

    A clip is resampled as a whole, whatever part of it is asked for: the same sample is the same in every excerpt. That takes
    about a millisecond a clip.

    Parameters
    ----------
    data
        The dataset.
    sample_rate
        Hz to bring it to.
    """

    def __init__(self, data: TrainingData, sample_rate: int) -> None:
        self._data = data
        self._sample_rate = sample_rate
        lengths = [count_resampled(int(length), data.sample_rate, sample_rate) for length in data.num_samples]
        self._num_samples = np.array(lengths, dtype=np.int32)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self._data.names

    @property
    def sample_rate(self) -> int:
        """Hz of the sound as it is read."""
        return self._sample_rate

    @property
    def digest(self) -> str:
        """What tells the dataset from any other."""
        return self._data.digest

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        return self._num_samples

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " chosen"]:
        """Give the clips of a split."""
        return self._data.indices(split)

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Give samples of a clip, fewer where it ends."""
        whole = from_int16(self._data.read(index))
        resampled = to_int16(resample(whole, self._data.sample_rate, self._sample_rate))
        end = len(resampled) if num_samples is None else start + num_samples
        return resampled[start:end]

    def labels(self, index: int) -> Labels:
        """Give the labels of a clip."""
        return self._data.labels(index)


class ResampledSoftData(ResampledData):
    """The same of a dataset whose targets are soft."""

    def __init__(self, data: SoftData, sample_rate: int) -> None:
        super().__init__(data, sample_rate)
        self._soft = data
        self.exclusive = data.exclusive

    def soft_targets(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Give the targets of a clip."""
        return self._soft.soft_targets(index)
