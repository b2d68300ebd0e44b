"""Fine-tuning: the whole network, front end included, is trained on a benchmark's training folds, afresh for each split.

Each clip gives one segment per epoch, from anywhere in it. The last layer is replaced by one with the benchmark's classes, of which
just one holds (a softmax) unless clips may have several (a sigmoid for each). Optimiser, schedule and precision are those of
:mod:`hearsight.training`. Nothing is chosen by what it scores: the budget is what it is.
"""

from __future__ import annotations

import dataclasses
import hashlib
import math
import tempfile
from collections.abc import Generator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int16, Int64

from hearsight.config import FinetuneConfig
from hearsight.console import track
from hearsight.errors import BenchmarkError, MediaError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, digest_files, list_some
from hearsight.evaluation.features.cache import NO_CACHE, CachedFolds
from hearsight.evaluation.features.extract import read_clip
from hearsight.evaluation.probes.cross_validation import CrossScore, FoldScore, score_fold
from hearsight.evaluation.probes.tuning import ORDER, TuningExamples, replace_output, tune
from hearsight.listening.listener import Listener
from hearsight.metrics.tagging import hits
from hearsight.models.network import Network
from hearsight.signal.waveform import from_int16, to_int16
from hearsight.version import VERSION

THRESHOLD = math.log(0.5)
"""What the logarithm of a mean probability must reach for its class to be called true."""
LEAST_PROBABILITY = 1e-30
"""What a mean probability counts as at least before its logarithm is taken."""


@dataclasses.dataclass(frozen=True)
class ClipSounds:
    """The sound of a benchmark's clips, one after the other in a private file.

    Attributes
    ----------
    samples
        All samples, on disk.
    starts, lengths
        Where each clip begins, and how long it is; 0 where it cannot be read.
    failures
        Why not, for each clip that cannot be read.
    """

    samples: Int16[np.ndarray, " samples"]
    starts: Int64[np.ndarray, " clips"]
    lengths: Int64[np.ndarray, " clips"]
    failures: dict[int, str]

    def read(self, clip: int) -> Float32[np.ndarray, " samples"]:
        """Return the sound of a clip."""
        start = self.starts[clip]
        return from_int16(np.asarray(self.samples[start : start + self.lengths[clip]]))

    def without_failures(self) -> ClipSounds:
        """Return the clips that can be read."""
        kept = self.lengths > 0
        return ClipSounds(self.samples, self.starts[kept], self.lengths[kept], {})


@contextmanager
def decode_clips(benchmark: Benchmark, sample_rate: int) -> Generator[ClipSounds]:
    """Decode all clips of a benchmark, to 16 bits; the file is gone afterwards.

    Raises
    ------
    BenchmarkError
        When not one of them can be read.
    """
    lengths = np.zeros(len(benchmark), dtype=np.int64)
    failures: dict[int, str] = {}
    with tempfile.TemporaryFile() as file:
        with track(f"decoding {benchmark.name}", len(benchmark), "clips") as bar:
            for index, clip in enumerate(benchmark.clips):
                try:
                    samples = to_int16(read_clip(benchmark, clip, sample_rate))
                except MediaError as error:
                    failures[index] = f"{clip.path}: {error.found}"
                else:
                    lengths[index] = len(samples)
                    file.write(samples.tobytes())
                bar.advance()
        file.flush()
        if not lengths.any():
            found = f"none of its clips can be read: {list_some(list(failures.values()), 3)}"
            raise BenchmarkError(benchmark.folder, found)
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
        yield ClipSounds(np.memmap(file, dtype=np.int16, mode="r"), starts, lengths, failures)


@dataclasses.dataclass(frozen=True)
class Tuned:
    """What a fold's score reports about the training for it."""

    hyperparameter: float
    converged: bool
    absent: tuple[int, ...]


def finetune_splits(
    network: Network,
    benchmark: Benchmark,
    sounds: ClipSounds,
    config: FinetuneConfig,
    *,
    seed: int = 0,
    kept: CachedFolds = NO_CACHE,
) -> CrossScore:
    """Score each fold that is to be scored by a network trained on the folds that its split names.

    Parameters
    ----------
    network
        The network that every split starts from; it is not changed.
    benchmark, sounds
        Labels, folds and splits, and the sounds of its clips.
    config
        The budget.
    seed
        Of the new layer, the order of clips and their segments: equal seeds give equal scores on one device.
    kept
        Folds that were done before, and where those that are done now are kept; see :func:`open_fold_cache`.

    Raises
    ------
    TrainingError
        When the loss is no longer a number.
    UsageError
        When there is no such device.
    """
    targets, folds = benchmark.targets, benchmark.folds
    scores = np.full(targets.shape, np.nan)
    folds_scored: list[FoldScore] = []
    for split in benchmark.splits:
        rest, held = np.flatnonzero(benchmark.find_fitted(split)), np.flatnonzero(folds == split.fold)
        found = kept.read(split.fold, targets[held].shape)
        if found is None:
            tuned = replace_output(network, len(benchmark.classes), exclusive=not benchmark.multi_label, seed=seed)
            examples = TuningExamples(sounds, targets, rest)
            with track(f"fine-tuning without fold {split.fold}", config.epochs, "epochs") as bar:
                for num_epochs in tune(tuned, examples, config, seed, kept.locate_state(split.fold)):
                    bar.advance(num_epochs)
            found = score_clips(Listener(tuned, benchmark.classes, name=tuned.name), held, sounds)
            kept.write(split.fold, found)
        scores[held] = found
        absent = np.flatnonzero(~targets[rest].any(axis=0))
        scores[np.ix_(held, absent)] = -np.inf
        fitted = Tuned(float(config.epochs), True, tuple(int(label) for label in absent))
        folds_scored.append(score_fold(split, scores[held], targets[held], fitted))
    rows = np.flatnonzero(np.isin(folds, [split.fold for split in benchmark.splits]))
    return CrossScore(tuple(folds_scored), rows, hits(scores[rows], targets[rows]), scores[rows], THRESHOLD)


def open_fold_cache(
    weights: str, benchmark: Benchmark, config: FinetuneConfig, seed: int, *, cache: bool = True
) -> CachedFolds:
    """Find what is kept of a fine-tuning: by its weights, clips, labels, folds, budget, seed and processors.

    Parameters
    ----------
    weights
        Digest of the network that every split begins with.
    benchmark, config, seed
        What else decides the scores.
    cache
        Whether anything is kept at all.

    Raises
    ------
    BenchmarkError
        When a file of the benchmark cannot be opened.
    """
    if not cache:
        return NO_CACHE
    decided = [VERSION, ORDER, torch.__version__, torch.get_num_threads(), torch.cuda.is_available()]
    decided += [weights, benchmark.clip_seconds, benchmark.classes, benchmark.splits, config.model_dump_json(), seed]
    digest = hashlib.sha256("\n".join(map(str, decided)).encode())
    if benchmark.leak_free:
        digest.update(np.stack([benchmark.find_fitted(split) for split in benchmark.splits]).tobytes())
    digest.update(benchmark.targets.tobytes() + benchmark.folds.tobytes())
    for content in digest_files([benchmark.locate(clip) for clip in benchmark.clips]):
        digest.update(content.encode())
    return CachedFolds(digest.hexdigest())


def score_clips(
    listener: hearsight.Listener, clips: Int64[np.ndarray, " held"], sounds: ClipSounds
) -> Float64[np.ndarray, "held classes"]:
    """Return the logarithm of the mean probability of each class over a clip's segments."""
    rows: list[np.ndarray] = []
    for clip in clips:
        heard = list(listener.forward_waveform(sounds.read(int(clip)), listener.sample_rate))
        shares = np.concatenate([part.weights for part in heard])
        probabilities = np.concatenate([part.probabilities for part in heard]).astype(np.float64)
        rows.append(shares @ probabilities / shares.sum())
    return np.log(np.maximum(np.stack(rows), LEAST_PROBABILITY))
