"""How good is this model, and how sure are we: :func:`evaluate` scores one, :func:`compare` sets two side by side."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64

from hearsight.config import EvaluateConfig, load_config
from hearsight.errors import BenchmarkError, UsageError
from hearsight.evaluation.benchmarks import load_benchmark
from hearsight.evaluation.embedders import Embedder, load_embedder
from hearsight.evaluation.embeddings import BenchmarkEmbeddings, embed_benchmark, pool_segments
from hearsight.evaluation.intervals import bootstrap_interval, mean_of_folds
from hearsight.evaluation.protocol import Benchmark, list_some
from hearsight.evaluation.transfer import CrossScore, leave_one_fold_out


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A model's score on a benchmark.

    Attributes
    ----------
    benchmark, run, model
        The benchmark's name; what was asked to be scored; the name of its network.
    head, pool
        What was fitted on the embeddings, and how segments became clips; ``statistics`` where the model gives one vector per clip.
    untrained, seed
        Whether the weights are fresh, and the seed of all draws.
    accuracy
        Mean over the folds, 0..1.
    folds
        Accuracy of each fold, in the order of their numbers.
    interval
        95 % interval of the accuracy, by a bootstrap over clips within each fold.
    mean_average_precision
        Mean over the folds of the mAP over the classes that have a clip in the fold.
    num_clips, num_classes, dim
        Clips scored, classes, length of a clip's vector.
    seconds
        How long it took, embedding included.
    notes
        What a reader of the score should know.
    clips, score
        The benchmark as it was scored, and the scores of every clip; not in the JSON.
    """

    benchmark: str
    run: str
    model: str
    head: str
    pool: str
    untrained: bool
    seed: int
    accuracy: float
    folds: tuple[float, ...]
    interval: tuple[float, float]
    mean_average_precision: float
    num_clips: int
    num_classes: int
    dim: int
    seconds: float
    notes: tuple[str, ...]
    clips: Benchmark
    score: CrossScore

    def as_json(self) -> dict[str, Any]:
        """Give the object that ``hearsight evaluate --json`` prints."""
        fields = [field.name for field in dataclasses.fields(self) if field.name not in ("clips", "score")]
        value = {name: getattr(self, name) for name in fields}
        plain = {name: list(item) if isinstance(item, tuple) else item for name, item in value.items()}
        return {**plain, "strengths": [fold.strength for fold in self.score.folds]}

    def describe(self) -> list[str]:
        """Say it in lines for a person."""
        model = f"{self.model}, untrained" if self.untrained else self.model
        low, high = self.interval
        return [
            f"{self.benchmark}, {self.num_clips} clips, {self.num_classes} classes: {model}, {self.head} on {self.dim} numbers"
            f" ({self.pool})",
            f"accuracy {100 * self.accuracy:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f}; folds "
            + " ".join(f"{100 * fold:.1f}" for fold in self.folds),
            f"mAP {100 * self.mean_average_precision:.1f} %; {self.seconds:.1f} s",
            *(f"note: {note}" for note in self.notes),
        ]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models on the same clips.

    Attributes
    ----------
    difference
        Accuracy of the first less that of the second, means over their runs.
    interval
        Its 95 % interval, by a paired bootstrap over clips within each fold, and over runs.
    num_clips, num_runs
        Clips, and pairs of runs.
    """

    difference: float
    interval: tuple[float, float]
    num_clips: int
    num_runs: int

    @property
    def is_clear(self) -> bool:
        """Whether the interval is clear of zero."""
        return self.interval[0] > 0.0 or self.interval[1] < 0.0

    def as_json(self) -> dict[str, Any]:
        """Give it as an object."""
        return {**dataclasses.asdict(self), "interval": list(self.interval)}


def evaluate(
    run: str | Path,
    benchmark: str,
    *,
    head: str = "linear",
    untrained: bool = False,
    seed: int = 0,
    **options: Any,
) -> Evaluation:
    """Score a model on a benchmark by its official folds.

    Every clip becomes one vector of frozen embeddings; each fold is scored by a classifier that was fitted on the other folds.

    Parameters
    ----------
    run
        A run or checkpoint folder, ``baseline:log-mel``, or ``untrained:NAME`` for a network of the zoo with fresh weights.
    benchmark
        ``esc10=FOLDER`` or ``folder=FOLDER``; see :mod:`hearsight.evaluation.benchmarks`.
    head
        ``linear`` (logistic regression) or ``svm`` (linear, one against all).
    untrained
        Score the run's network with fresh weights.
    seed
        Of fresh weights, of the splits that choose the classifier's strength, and of the interval.
    options
        Other keys of :class:`~hearsight.config.EvaluateConfig`, such as ``pool`` and ``cache``.

    Raises
    ------
    UsageError
        When the benchmark, the model or an option is unknown.
    CheckpointError
        When the run has no usable checkpoint.
    BenchmarkError
        When the benchmark is not whole, or clips of it cannot be read.
    """
    config = load_config(EvaluateConfig, "evaluate", head=head, untrained=untrained, seed=seed, **options)
    started = time.monotonic()
    clips = load_benchmark(benchmark)
    if config.clip_seconds is not None:
        clips = dataclasses.replace(clips, clip_seconds=config.clip_seconds)
    embedder = load_embedder(run, untrained=config.untrained, seed=config.seed)
    found = embed_benchmark(embedder, clips, cache=config.cache)
    clips = _leave_out_unreadable(clips, found, config.unreadable)
    features = found.values if embedder.pooled else pool_segments(found, config.pool)
    score = leave_one_fold_out(
        features, clips.labels, clips.folds, head=config.head, strength=config.strength, seed=config.seed
    )
    return _make_evaluation(str(run), config, embedder, clips, score, (features.shape[1], time.monotonic() - started))


def compare(
    first: Evaluation | Sequence[Evaluation], second: Evaluation | Sequence[Evaluation], *, seed: int = 0
) -> Comparison:
    """Say by how much the first model is better than the second, and how sure that is.

    Parameters
    ----------
    first, second
        One evaluation each, or as many of each, in pairs: runs that differ by their seed.
    seed
        Of the bootstrap.

    Raises
    ------
    UsageError
        When there are none, their numbers differ, or they were not scored on the same clips and folds.
    """
    firsts = [first] if isinstance(first, Evaluation) else list(first)
    seconds = [second] if isinstance(second, Evaluation) else list(second)
    if not firsts or len(firsts) != len(seconds):
        raise UsageError("compare", f"{len(firsts)} and {len(seconds)} evaluations", "as many of each, at least one")
    clips = firsts[0].clips
    if any(other.clips.clips != clips.clips for other in [*firsts, *seconds]):
        raise UsageError("compare", "evaluations on different clips", "the same clips and folds")
    pairs = zip(firsts, seconds, strict=True)
    differences = np.stack([one.score.hits.astype(np.float64) - other.score.hits for one, other in pairs])
    return Comparison(
        difference=mean_of_folds(differences.mean(axis=0), clips.folds),
        interval=bootstrap_interval(differences, clips.folds, seed=seed),
        num_clips=len(clips),
        num_runs=len(firsts),
    )


def _leave_out_unreadable(clips: Benchmark, found: BenchmarkEmbeddings, unreadable: str) -> Benchmark:
    if not found.failures:
        return clips
    messages = list_some(list(found.failures.values()))
    if unreadable == "refuse":
        raise BenchmarkError(
            clips.folder,
            f"{len(found.failures)} of {len(clips)} clips cannot be read: {messages}",
            "all of them",
            "unreadable=exclude scores the others and says so",
        )
    left_out = [clips.clips[index] for index in found.failures]
    return clips.without(left_out, [f"{len(left_out)} clips that cannot be read left out: {messages}"])


def _make_evaluation(
    run: str, config: EvaluateConfig, embedder: Embedder, clips: Benchmark, score: CrossScore, extent: tuple[int, float]
) -> Evaluation:
    hits: Float64[np.ndarray, " clips"] = score.hits.astype(np.float64)
    return Evaluation(
        benchmark=clips.name,
        run=run,
        model=embedder.name,
        head=config.head,
        pool="statistics" if embedder.pooled else config.pool,
        untrained=embedder.untrained,
        seed=config.seed,
        accuracy=mean_of_folds(hits, clips.folds),
        folds=tuple(fold.accuracy for fold in score.folds),
        interval=bootstrap_interval(hits[None], clips.folds, seed=config.seed, resamples=config.resamples),
        mean_average_precision=float(np.mean([fold.mean_average_precision for fold in score.folds])),
        num_clips=len(clips),
        num_classes=len(clips.classes),
        dim=extent[0],
        seconds=extent[1],
        notes=(*clips.notes, *_note_folds(clips, score)),
        clips=clips,
        score=score,
    )


def _note_folds(clips: Benchmark, score: CrossScore) -> list[str]:
    notes: list[str] = []
    for fold in score.folds:
        absent = [clips.classes[label] for label in fold.absent]
        if absent:
            notes.append(f"fold {fold.fold}: no other fold has a clip of {list_some(absent)}")
        if not fold.converged:
            notes.append(f"fold {fold.fold}: the classifier did not converge")
    return notes
