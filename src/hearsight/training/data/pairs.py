"""The labels of many clips together, as arrays: what statistics and weights are computed from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float64, Int64

from hearsight.training.data.dataset import TrainingData

BLOCK = 65_536
"""Clips that are looked at together."""


@runtime_checkable
class PairedData(TrainingData, Protocol):
    """A dataset that returns the labels of a range of clips in one go."""

    def label_pairs(
        self, modality: Literal["vision", "audio"], first: int, stop: int
    ) -> tuple[Int64[np.ndarray, " labels"], Int64[np.ndarray, " labels"]]:
        """Return the clip and the class of every label of a modality."""
        ...


@dataclasses.dataclass(frozen=True)
class LabelBlock:
    """The labels of some clips.

    Attributes
    ----------
    num_clips
        Number of clips.
    visual, audio
        Rows of the clips among them, and classes, of each label.
    """

    num_clips: int
    visual: tuple[Int64[np.ndarray, " visual"], Int64[np.ndarray, " visual"]]
    audio: tuple[Int64[np.ndarray, " audio"], Int64[np.ndarray, " audio"]]

    def count_labels(self) -> Int64[np.ndarray, " clips"]:
        """Return the number of labels of each clip."""
        return np.bincount(np.concatenate([self.visual[0], self.audio[0]]), minlength=self.num_clips)

    def sum_values(self, values: Float64[np.ndarray, " classes"]) -> Float64[np.ndarray, " clips"]:
        """Return, for each clip, the sum of a value over its classes."""
        rows, classes = (np.concatenate([one, other]) for one, other in zip(self.visual, self.audio, strict=True))
        return np.bincount(rows, weights=values[classes], minlength=self.num_clips)


def iterate_labels(data: TrainingData, clips: Int64[np.ndarray, " clips"]) -> Iterator[LabelBlock]:
    """Iterate over the labels of some clips, in their order, in blocks.

    Parameters
    ----------
    data
        The dataset; one that cannot return labels of a range is asked clip by clip.
    clips
        Indices of the clips, rising.
    """
    for begin in range(0, len(clips), BLOCK):
        some = clips[begin : begin + BLOCK]
        if isinstance(data, PairedData):
            yield LabelBlock(len(some), _choose(data, "vision", some), _choose(data, "audio", some))
        else:
            labels = [data.labels(int(clip)) for clip in some]
            visual, audio = [one.visual for one in labels], [one.audio for one in labels]
            yield LabelBlock(len(some), _join(visual), _join(audio))


def _choose(
    data: PairedData, modality: Literal["vision", "audio"], clips: Int64[np.ndarray, " clips"]
) -> tuple[Int64[np.ndarray, " labels"], Int64[np.ndarray, " labels"]]:
    first, stop = int(clips[0]), int(clips[-1]) + 1
    rows = np.full(stop - first, -1, np.int64)
    rows[clips - first] = np.arange(len(clips))
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for start in range(first, stop, BLOCK):  # chosen clips may be few among many
        owners, classes = data.label_pairs(modality, start, min(start + BLOCK, stop))
        places = rows[owners - first]
        found.append((places[places >= 0], classes[places >= 0]))
    return np.concatenate([one[0] for one in found]), np.concatenate([one[1] for one in found])


def _join(labels: list[np.ndarray]) -> tuple[Int64[np.ndarray, " labels"], Int64[np.ndarray, " labels"]]:
    counts = [len(one) for one in labels]
    classes = np.concatenate([np.zeros(0, np.int64), *labels]).astype(np.int64)
    return np.repeat(np.arange(len(labels)), counts), classes
