"""Embeddings for scikit-learn: :class:`hearsight.Embedder` is a transformer like any other, for pipelines and cross-validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from jaxtyping import Float, Float32, Float64, Shaped

from hearsight.errors import MediaError, UsageError, guess
from hearsight.evaluation.features.extract import BenchmarkFeatures, Pool, pool_segments
from hearsight.evaluation.features.extractor import FeatureExtractor
from hearsight.evaluation.features.load import load_extractor
from hearsight.evaluation.features.vision import MediaExtractor
from hearsight.finite import describe_not_finite
from hearsight.learners.scikit import Transformer
from hearsight.media.audio import read_audio
from hearsight.records import RejectReason
from hearsight.signal.waveform import resample

_LOADED_BY = ("run", "layer", "window", "hop", "untrained", "seed")


class Embedder(Transformer):
    """Turns sounds into vectors: a scikit-learn transformer with frozen weights.

    It learns nothing from what it is fitted on, so it can stand first in a ``Pipeline`` and be cross-validated with the classifier
    behind it; a call of :meth:`transform` needs none of :meth:`fit`.

    Parameters
    ----------
    run
        What ``hearsight evaluate`` takes: a run folder, ``baseline:log-mel``, ``untrained:NAME``, ….
    pool
        How the embeddings of a sound's segments become one vector: ``mean+max``, ``mean``, ``max``, ``mean+deviation``, or
        ``concat`` for sounds of one length.
    sample_rate
        Hz of waveforms that are given in place of files; the network's own unless given.
    layer, window, hop
        A layer of SoundNet in place of the embedding, and seconds of its windows and from one to the next (half a window unless
        given).
    untrained, seed
        Take fresh weights, drawn from the seed.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> pipeline = make_pipeline(hearsight.Embedder("run"), LogisticRegression())
    >>> sounds = ["sounds/low/0.wav", "sounds/low/1.wav", "sounds/high/0.wav", "sounds/high/1.wav"]
    >>> pipeline = pipeline.fit(sounds, ["low", "low", "high", "high"])
    >>> pipeline.predict(["recording.wav"]).shape
    (1,)
    """

    def __init__(
        self,
        run: str | Path,
        *,
        pool: str = "mean+max",
        sample_rate: int | None = None,
        layer: str | None = None,
        window: float = 1.0,
        hop: float | None = None,
        untrained: bool = False,
        seed: int = 0,
    ) -> None:
        self.run = run
        self.pool = pool
        self.sample_rate = sample_rate
        self.layer = layer
        self.window = window
        self.hop = hop
        self.untrained = untrained
        self.seed = seed

    def fit(self, X: Any, y: Any = None) -> Embedder:  # noqa: ARG002, N803 (scikit-learn's signature)
        """Load the network; nothing is learned from ``X`` and ``y``.

        Raises
        ------
        UsageError
            When there is no such pool, layer, baseline or network.
        CheckpointError
            When the run has no usable checkpoint.
        """
        self._load()
        return self

    def transform(self, X: Any) -> Float32[np.ndarray, "sounds dim"]:  # noqa: N803 (scikit-learn's name)
        """Embed sounds.

        Parameters
        ----------
        X
            Paths of audio or video files, or waveforms: a sequence of arrays of one dimension, or one array with a row each.

        Returns
        -------
        Float32[np.ndarray, "sounds dim"]
            A row for each.

        Raises
        ------
        UsageError
            When there is none, or one is neither a path nor a waveform of finite amplitudes.
        MediaError
            When a file cannot be read, or has no sound.
        BenchmarkError
            When sounds of unequal length are to be concatenated.
        """
        describer = self._load()
        if not isinstance(X, Sequence | np.ndarray) or isinstance(X, str) or not len(X):
            raise UsageError("Embedder", f"{type(X).__name__} {X!r:.60}", "a sequence of paths or waveforms")
        rows: list[np.ndarray] = []
        shares: list[np.ndarray] = []
        for index, sound in enumerate(X):
            values, weights = describer.extract(self._read(index, sound, describer.sample_rate))
            rows.append(values)
            shares.append(weights)
        counts = np.array([len(values) for values in rows], dtype=np.int64)
        if describer.pooled:
            return np.concatenate(rows)
        found = BenchmarkFeatures(np.concatenate(rows), _join(shares), counts, {})
        return pool_segments(found, cast(Pool, self.pool))

    def _load(self) -> FeatureExtractor:
        """Load the network, unless it is the one that is there already."""
        if self.pool not in get_args(Pool):
            raise UsageError("pool", f"{self.pool!r}", "a pool", guess(self.pool, get_args(Pool)))
        asked = tuple(getattr(self, name) for name in _LOADED_BY)
        if getattr(self, "_asked", None) != asked:
            windows = None
            if self.layer is not None:
                from hearsight.evaluation.features.soundnet_layers import LayerWindows  # torch takes a second to import

                windows = LayerWindows(self.layer, self.window, 0.5 * self.window if self.hop is None else self.hop)
            embedder = load_extractor(self.run, untrained=self.untrained, seed=self.seed, layer=windows)
            if isinstance(embedder, MediaExtractor):
                raise UsageError(self.run, f"a teacher that looks ({type(embedder).__name__})", "a model of sounds")
            self.embedder_ = embedder
            self._asked = asked
        return self.embedder_

    def _read(self, index: int, sound: Any, sample_rate: int) -> Float32[np.ndarray, " samples"]:
        if isinstance(sound, str | Path):
            waveform = read_audio(sound, sample_rate)
            if not len(waveform):
                raise MediaError(sound, "no samples of sound", reason=RejectReason.TOO_SHORT)
            return waveform
        return self._check(index, np.asarray(sound), sample_rate)

    def _check(
        self, index: int, waveform: Shaped[np.ndarray, "*shape"], to_rate: int
    ) -> Float32[np.ndarray, " samples"]:
        where = f"sound {index}"
        if waveform.ndim != 1 or not len(waveform) or not np.issubdtype(waveform.dtype, np.floating):
            found = f"an array of shape {waveform.shape} and type {waveform.dtype}"
            raise UsageError(where, found, "a path, or a waveform of floating-point samples", "one channel, in [-1, 1]")
        if not np.isfinite(waveform).all():
            raise UsageError(
                where, f"NaN or infinite amplitudes: {describe_not_finite(waveform)}", "finite ones in [-1, 1]"
            )
        amplitudes: Float[np.ndarray, " samples"] = waveform.astype(np.float32)
        return resample(amplitudes, self.sample_rate or to_rate, to_rate)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.no_validation = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _join(shares: list[Float[np.ndarray, " _"]]) -> Float64[np.ndarray, " segments"]:
    return np.concatenate(shares).astype(np.float64)
