"""What describes a benchmark's clips: the protocol, and a network's embeddings, which are the usual description."""

from __future__ import annotations

import hashlib
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

import hearsight


@runtime_checkable
class FeatureExtractor(Protocol):
    """Turns a clip's waveform into one row of numbers per segment.

    Attributes
    ----------
    name
        What the scores are called by.
    sample_rate
        Hz of the waveforms it takes.
    pooled
        Whether it gives one row per clip already, so that there is nothing to pool.
    untrained
        Whether its weights are fresh.
    """

    name: str
    sample_rate: int
    pooled: bool
    untrained: bool

    def compute_digest(self) -> str:
        """SHA-256 of all that decides what it gives."""
        ...

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Give the rows of a clip, and how much each counts in a mean over time."""
        ...


def digest_extractor(extractor: FeatureExtractor, weights: str) -> str:
    """SHA-256 of weights (or what else decides), and of what an extractor makes of a fixed noise."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, extractor.sample_rate).astype(np.float32)
    values, _ = extractor.extract(noise)
    largest = np.abs(values).max(initial=1e-30)
    rounded = np.round(1e3 * values.astype(np.float64) / largest)  # the last bits differ from machine to machine
    return hashlib.sha256(weights.encode() + rounded.astype(np.int64).tobytes()).hexdigest()


@runtime_checkable
class TrainedExtractor(Protocol):
    """One that knows what it learned from.

    Attributes
    ----------
    training_clips
        How many clips; None where nobody said, or the weights are fresh.
    """

    training_clips: int | None


class NetworkExtractor:
    """A network's embeddings of the segments of a clip."""

    pooled = False

    def __init__(self, listener: hearsight.Listener, *, untrained: bool) -> None:
        self._listener = listener
        self.network = listener.network
        self.name = listener.name
        self.sample_rate = listener.sample_rate
        self.untrained = untrained
        self.training_clips = listener.training_clips

    def compute_digest(self) -> str:
        """SHA-256 of the weights, and of what they make of a fixed noise: it changes with the code around them, too."""
        return digest_extractor(self, self._listener.digest)

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Give the embedding of each segment, and its share of the time."""
        heard = list(self._listener.forward_waveform(waveform, self.sample_rate))
        return np.concatenate([part.embeddings for part in heard]), np.concatenate([part.weights for part in heard])
