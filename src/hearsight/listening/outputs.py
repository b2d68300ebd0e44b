"""What a network returns for successive segments of a sound, as arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float32, Float64


@dataclasses.dataclass(frozen=True)
class SegmentOutputs:
    """The outputs of a network for successive segments.

    Attributes
    ----------
    starts, durations
        Seconds of the file; a duration is less than a segment only where the whole file is, and the rest was padding.
    weights
        What each counts in a mean over time: 1, or less for a last one that overlaps the one before it.
    probabilities, embeddings
        One row per segment.
    end
        Seconds from the start of the file to the end of these segments; after the last batch, to the end of the file.
    """

    starts: Float64[np.ndarray, " segments"]
    durations: Float64[np.ndarray, " segments"]
    weights: Float64[np.ndarray, " segments"]
    probabilities: Float32[np.ndarray, "segments classes"]
    embeddings: Float32[np.ndarray, "segments dim"]
    end: float

    def average(self, values: Float32[np.ndarray, "segments numbers"]) -> Float64[np.ndarray, " numbers"]:
        """Return the mean of the segments' values over time, by the segments' weights."""
        return self.weights @ values.astype(np.float64) / self.weights.sum()


def join_outputs(parts: Iterable[SegmentOutputs]) -> SegmentOutputs:
    """Join the batches of one sound."""
    batches = list(parts)
    fields = ("starts", "durations", "weights", "probabilities", "embeddings")
    arrays = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in fields}
    return SegmentOutputs(**arrays, end=batches[-1].end)
