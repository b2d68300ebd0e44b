"""What describes a benchmark's clips: the protocol, and a network's embeddings, which are the usual description."""

from __future__ import annotations

import dataclasses
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
        """Return the rows of a clip, and how much each counts in a mean over time."""
        ...


def digest_extractor(extractor: FeatureExtractor, weights: str) -> str:
    """SHA-256 of weights (or what else decides), and of what an extractor makes of a fixed noise."""
    noise = np.random.default_rng(0).normal(0.0, 0.1, extractor.sample_rate).astype(np.float32)
    values, _ = extractor.extract(noise)
    largest = np.abs(values).max(initial=1e-30)
    rounded = np.round(1e3 * values.astype(np.float64) / largest)  # the last bits differ from machine to machine
    return hashlib.sha256(weights.encode() + rounded.astype(np.int64).tobytes()).hexdigest()


@dataclasses.dataclass(frozen=True)
class NetworkFacts:
    """What a score of a network depends on, apart from its name.

    Attributes
    ----------
    options
        What it was built with other than by default, such as ``width=0.2``; empty for the network as published.
    parameters
        How many it has.
    sample_rate, training_sample_rate
        Hz of the waveforms it takes, and of those it learned from; the second is lower where the upper bands were empty.
    clips, steps
        Clips that it learned from, and steps of the optimizer; None where nothing is recorded, and where the weights are fresh.
    teachers
        Names of the teachers that it learned from; empty where none is recorded.
    """

    options: str
    parameters: int
    sample_rate: int
    training_sample_rate: int
    clips: int | None = None
    steps: int | None = None
    teachers: tuple[str, ...] = ()

    @property
    def is_band_limited(self) -> bool:
        """Whether the network takes more bandwidth than it learned from."""
        return self.training_sample_rate < self.sample_rate

    @classmethod
    def collect(cls, listener: hearsight.Listener) -> NetworkFacts:
        """Collect what is in a listener and in its checkpoint's record."""
        from hearsight.models.counts import count_parameters  # torch takes a second to import

        network, training = listener.network, listener.training
        options = {key: value for key, value in network.options.items() if key != "heads"}
        steps = training.get("steps")  # a configuration may contain anything
        return cls(
            options=", ".join(f"{key}={value}" for key, value in sorted(options.items())),
            parameters=count_parameters(network),
            sample_rate=listener.sample_rate,
            training_sample_rate=listener.training_sample_rate,
            clips=listener.training_clips,
            steps=steps if isinstance(steps, int) else None,
            teachers=tuple(dict.fromkeys(origin.teacher for origin in listener.classes)),
        )


@runtime_checkable
class NetworkBased(Protocol):
    """An extractor that uses a network of ours."""

    facts: NetworkFacts


class NetworkExtractor:
    """A network's embeddings of the segments of a clip."""

    pooled = False

    def __init__(self, listener: hearsight.Listener, *, untrained: bool) -> None:
        self.listener = listener
        self.network = listener.network
        self.name = listener.name
        # at the rate of the training sounds: the listener resamples to the network's, and nothing is resampled twice
        self.sample_rate = listener.training_sample_rate
        self.untrained = untrained
        self.facts = NetworkFacts.collect(listener)

    def compute_digest(self) -> str:
        """SHA-256 of the weights, and of what they make of a fixed noise: it changes with the code around them, too."""
        return digest_extractor(self, self.listener.digest)

    def extract(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Return the embedding of each segment, and its share of the time."""
        heard = list(self.listener.forward_waveform(waveform, self.sample_rate))
        return np.concatenate([part.embeddings for part in heard]), np.concatenate([part.weights for part in heard])
