"""Targets of several outputs over time: for each span of an excerpt, the teachers' distributions for the pictures in it.

SoundNet has an output every few seconds, and each is compared with what the teachers saw in its own time (Aytar 2016, section 3.2).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64

from hearsight.errors import DatasetError
from hearsight.training.data.dataset import PictureTrainingData, TrainingData
from hearsight.training.data.targets import DistributionTargets

_POINTS = 64
"""Moments of a span at which its pictures are looked up."""


class StepTargets:
    """The teachers' distributions for each output of an excerpt.

    Parameters
    ----------
    data
        A dataset with the teachers' outputs for each picture.
    seconds
        Length of an excerpt.
    num_steps
        Outputs for an excerpt; each stands for an equal span of it.

    Raises
    ------
    DatasetError
        When the dataset has no outputs for single pictures.
    """

    def __init__(self, data: TrainingData, seconds: float, num_steps: int) -> None:
        if not isinstance(data, PictureTrainingData):
            found = "no soft labels of single pictures"
            raise DatasetError("the dataset", found, "some, for excerpt", "build one with --policy soundnet")
        self._data = data
        self._means = DistributionTargets(data)
        self._moments = (np.arange(num_steps * _POINTS) + 0.5) * (seconds / (num_steps * _POINTS))
        self.shape = (num_steps, len(self._means.names))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the visual classes, one teacher after the other."""
        return self._means.names

    @property
    def heads(self) -> tuple[int, ...]:
        """Number of classes of each vision teacher."""
        return self._means.heads

    def draw_span(self, clip: int, start: float) -> Float32[np.ndarray, "steps classes"]:
        """Return the distributions of each step of an excerpt that starts at a second of a clip.

        A clip that ends before the excerpt is repeated, as its sound is. A step without pictures has zeros.
        """
        pictures = self._data.picture_distributions(clip)
        if not len(pictures):
            return np.zeros(self.shape, np.float32)
        duration = int(self._data.num_samples[clip]) / self._data.sample_rate
        places = ((start + self._moments) % duration) * (len(pictures) / duration)
        chosen = np.minimum(places.astype(np.int64), len(pictures) - 1).reshape(self.shape[0], _POINTS)
        rows = np.arange(self.shape[0])[:, None] * len(pictures) + chosen
        weights = np.bincount(rows.ravel(), minlength=self.shape[0] * len(pictures)).reshape(self.shape[0], -1)
        means = (weights / _POINTS).astype(np.float32) @ pictures[:, self._means.classes]
        return np.concatenate(
            [_normalise(part) for part in np.split(means, np.cumsum(self.heads)[:-1], axis=1)], axis=1
        )

    def draw(self, clip: int, generator: np.random.Generator) -> Float32[np.ndarray, " classes"]:
        """Return the distributions of a whole clip; nothing is drawn."""
        return self._means.draw(clip, generator)

    def mix(
        self, one: Float32[np.ndarray, "*steps classes"], other: Float32[np.ndarray, "*steps classes"]
    ) -> Float32[np.ndarray, "*steps classes"]:
        """Return the mean of two distributions, which is one again."""
        return 0.5 * (one + other)

    def add_expected(self, clip: int, total: Float64[np.ndarray, " classes"]) -> None:
        """Add a clip's distributions to a total."""
        self._means.add_expected(clip, total)

    def full(self, clip: int) -> Float32[np.ndarray, " classes"]:
        """Return the distributions of a whole clip."""
        return self._means.full(clip)

    def labels(self, clip: int) -> Bool[np.ndarray, " classes"]:
        """Return which visual classes are labels of a clip."""
        return self._means.labels(clip)


def _normalise(part: Float32[np.ndarray, "steps classes"]) -> Float32[np.ndarray, "steps classes"]:
    """Return distributions, scaled to sum to one; zeros where there is nothing."""
    total = part.sum(axis=1, keepdims=True)
    return part / np.where(total > 0.0, total, 1.0)
