"""Labelled sounds as training data: clips with classes that a person gave them, instead of a teacher."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int16, Int32, Int64


@dataclasses.dataclass(frozen=True)
class GivenLabels:
    """The classes of one clip; they are given for the sound, and no picture has any part in it."""

    audio: Int32[np.ndarray, " labels"]

    @property
    def visual(self) -> Int32[np.ndarray, " none"]:
        """No labels."""
        return np.empty(0, np.int32)


@dataclasses.dataclass(frozen=True)
class LabelledSounds:
    """Sounds with given classes, as :class:`~hearsight.training.data.dataset.TrainingData`.

    Attributes
    ----------
    names
        Names of the classes.
    sample_rate
        Of the sounds, in Hz.
    digest
        Identifies the clips, their classes and the split.
    samples
        The sounds of all clips, one after the other; may be mapped from a file.
    starts, lengths
        First sample and number of samples of each clip.
    targets
        Which classes each clip has.
    validation
        Which clips are held out.
    """

    names: tuple[str, ...]
    sample_rate: int
    digest: str
    samples: Int16[np.ndarray, " samples"]
    starts: Int64[np.ndarray, " clips"]
    lengths: Int64[np.ndarray, " clips"]
    targets: Bool[np.ndarray, "clips classes"]
    validation: Bool[np.ndarray, " clips"]

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Length of each clip in samples."""
        return self.lengths.astype(np.int32)

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " chosen"]:
        """Return the clips of a split."""
        return np.flatnonzero(self.validation if split == "validation" else ~self.validation)

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Return samples of a clip; fewer than asked for where the clip ends."""
        length = int(self.lengths[index])
        begin = min(start, length)
        end = length if num_samples is None else min(begin + num_samples, length)
        first = int(self.starts[index])
        return np.asarray(self.samples[first + begin : first + end])

    def labels(self, index: int) -> GivenLabels:
        """Return the classes of a clip."""
        return GivenLabels(np.flatnonzero(self.targets[index]).astype(np.int32))
