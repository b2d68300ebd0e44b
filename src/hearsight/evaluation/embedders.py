"""What a benchmark's clips can be described by: trained networks, untrained ones, and plain statistics of the log-mel bins."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Float64

import hearsight
from hearsight.errors import UsageError, guess
from hearsight.evaluation.watching import MediaEmbedder, load_vision
from hearsight.signal.log_mel import JIA, compute_log_mel

BASELINES = ("log-mel",)
"""What may follow ``baseline:``."""


@runtime_checkable
class Embedder(Protocol):
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

    def embed(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Give the rows of a clip, and how much each counts in a mean over time."""
        ...


class NetworkEmbedder:
    """A network's embeddings of the segments of a clip."""

    pooled = False

    def __init__(self, listener: hearsight.Listener, *, untrained: bool) -> None:
        self._listener = listener
        self.name = listener.name
        self.sample_rate = listener.sample_rate
        self.untrained = untrained

    def compute_digest(self) -> str:
        """SHA-256 of the weights, and of what they make of a fixed noise: it changes with the code around them, too."""
        noise = np.random.default_rng(0).normal(0.0, 0.1, self.sample_rate).astype(np.float32)
        values, _ = self.embed(noise)
        largest = np.abs(values).max(initial=1e-30)
        rounded = np.round(1e3 * values.astype(np.float64) / largest)  # the last bits differ from machine to machine
        return hashlib.sha256(self._listener.digest.encode() + rounded.astype(np.int64).tobytes()).hexdigest()

    def embed(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Give the embedding of each segment, and its share of the time."""
        heard = list(self._listener.listen_to_waveform(waveform, self.sample_rate))
        return np.concatenate([part.embeddings for part in heard]), np.concatenate([part.shares for part in heard])


class LogMelBaseline:
    """Mean and deviation over time of each bin of the log-mel matrix of Jia's front end: 128 numbers that nobody learned."""

    name = "baseline:log-mel"
    pooled = True
    untrained = False
    sample_rate = JIA.sample_rate

    def compute_digest(self) -> str:
        """SHA-256 of the definition."""
        return hashlib.sha256(f"{self.name} {JIA}".encode()).hexdigest()

    def embed(
        self, waveform: Float32[np.ndarray, " samples"]
    ) -> tuple[Float32[np.ndarray, "segments dim"], Float64[np.ndarray, " segments"]]:
        """Give one row: the means of the bins, then their deviations. A clip shorter than one frame is padded with silence."""
        padding = max(0, JIA.win_length - len(waveform))
        log_mel = compute_log_mel(np.pad(waveform, (0, padding)), JIA).astype(np.float64)
        row = np.concatenate([log_mel.mean(axis=0), log_mel.std(axis=0)])
        return row[None].astype(np.float32), np.ones(1)


def load_embedder(run: str | Path, *, untrained: bool = False, seed: int = 0) -> Embedder | MediaEmbedder:
    """Find what a benchmark is to be described by.

    Parameters
    ----------
    run
        A run or checkpoint folder, or ``hf://owner/name``; ``baseline:log-mel``; ``untrained:NAME``, a network of the zoo with
        fresh weights; or ``vision:KIND:WHERE``, a vision teacher that looks at videos instead of hearing them.
    untrained
        Take the network of the run, but with fresh weights.
    seed
        Of the fresh weights.

    Raises
    ------
    UsageError
        When there is no such baseline or network, or fresh weights are asked of a baseline or a teacher.
    CheckpointError
        When the folder is no checkpoint.
    """
    kind, colon, name = str(run).partition(":")
    if colon and kind == "baseline":
        if name not in BASELINES:
            raise UsageError(run, "no such baseline", hint=guess(name, BASELINES))
        if untrained:
            raise UsageError("--untrained", "a baseline has no weights", "a run folder")
        return LogMelBaseline()
    if colon and kind == "vision":
        if untrained:
            raise UsageError("--untrained", "a teacher's weights are what it is", "a run folder")
        return load_vision(name)
    if colon and kind == "untrained":
        return _build_untrained(name, 2, {}, seed)
    from hearsight.listening.listener import load

    listener = load(run)
    if not untrained:
        return NetworkEmbedder(listener, untrained=False)
    network = listener.network
    return _build_untrained(network.name, network.num_classes, network.options, seed)


def _build_untrained(name: str, num_classes: int, options: dict[str, object], seed: int) -> NetworkEmbedder:
    from hearsight.listening.listener import Listener
    from hearsight.models.zoo import build_network

    network = build_network(name, num_classes, seed=seed, **options)
    vocabulary = [str(index) for index in range(num_classes)]
    return NetworkEmbedder(Listener(network, vocabulary, name=name), untrained=True)
