"""Frozen embeddings and labels in, scores of clips out: each fold scored by a probe fitted on the folds it is split from."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float64, Int64

from hearsight.console import track
from hearsight.errors import UsageError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, Split
from hearsight.evaluation.features.concatenate import ClipFeatures
from hearsight.evaluation.probes.registry import Fitted, ProbeInputs, find_probe, fit_probe
from hearsight.metrics.averages import mean_defined
from hearsight.metrics.ranking import average_precision
from hearsight.metrics.tagging import hits


@dataclasses.dataclass(frozen=True)
class FoldScore:
    """One fold, scored by a probe that never saw it.

    Attributes
    ----------
    fold, num_clips
        Its number and its clips.
    accuracy
        Share of its clips whose highest score is one of their classes.
    mean_average_precision
        Over the classes that have a clip in it.
    hyperparameter
        The probe's C, or number of neighbours, trees or epochs: given, or chosen within what it was fitted on.
    converged
        Whether the fit reached its tolerance.
    absent
        Classes that no clip of what it was fitted on has; their clips cannot be hit.
    unscored
        Classes that no clip of the fold has: their average precision is undefined, and left out of the mean.
    held_out
        Whether it is an evaluation set apart from the cross-validation.
    """

    fold: int
    num_clips: int
    accuracy: float
    mean_average_precision: float
    hyperparameter: float
    converged: bool
    absent: tuple[int, ...]
    unscored: tuple[int, ...]
    held_out: bool = False


@dataclasses.dataclass(frozen=True)
class CrossScore:
    """All folds of a benchmark that are scored.

    Attributes
    ----------
    folds
        In the order of the benchmark's splits.
    rows
        The clips that were scored, as indices of the benchmark's clips, rising: all of them in cross-validation.
    hits
        Whether each of them was hit.
    scores
        Their scores of every class, by the classifier that was not fitted on them.
    threshold
        What a score must reach for its class to be called true, where clips may have several.
    """

    folds: tuple[FoldScore, ...]
    rows: Int64[np.ndarray, " scored"]
    hits: Bool[np.ndarray, " scored"]
    scores: Float64[np.ndarray, "scored classes"]
    threshold: float


def score_splits(
    description: ClipFeatures,
    benchmark: Benchmark,
    *,
    probe: str,
    hyperparameter: float | None = None,
    seed: int = 0,
) -> CrossScore:
    """Score each fold that is to be scored by a probe fitted on the folds that its split names.

    Nothing of a fold reaches what is fitted for it: neither its clips, nor their statistics, nor the choice of C (or what else a
    probe leaves open), which is made by leaving out the remaining folds in turn.

    Parameters
    ----------
    description
        A row for each clip of the benchmark, or for each window of each.
    benchmark
        Labels, folds and splits.
    probe
        A name of :data:`hearsight.evaluation.probes.registry.PROBES`.
    hyperparameter
        C, or a number of neighbours, trees or epochs; chosen unless given.
    seed
        Of all draws, and of how clips are divided into splits where only one fold remains to choose in.

    Raises
    ------
    UsageError
        When there is no such probe, it does not fit clips of several classes, a feature is not finite, or what is to be fitted on
        holds a single class.
    """
    kind = find_probe(probe)
    features = description.values
    counts = np.ones(len(benchmark), dtype=np.int64) if description.counts is None else description.counts
    if len(counts) != len(benchmark) or counts.sum() != len(features):
        found = f"{len(features)} rows for {len(counts)} clips of {int(counts.sum())} windows"
        raise UsageError("features", found, f"a row for each window of {len(benchmark)} clips")
    targets, folds = benchmark.targets, benchmark.folds
    scores = np.full(targets.shape, np.nan)
    folds_scored: list[FoldScore] = []
    with track(f"fitting {probe}", len(benchmark.splits), "folds") as bar:
        for split in benchmark.splits:
            held = folds == split.fold
            fitted = fit_probe(probe, _choose_examples(description, counts, benchmark, split, seed), hyperparameter)
            rows = fitted.predict_scores(features[np.repeat(held, counts)])
            scores[held] = _mean_windows(rows, counts[held])
            folds_scored.append(score_fold(split, scores[held], targets[held], fitted))
            bar.advance()
    rows = np.flatnonzero(np.isin(folds, [split.fold for split in benchmark.splits]))
    return CrossScore(tuple(folds_scored), rows, hits(scores[rows], targets[rows]), scores[rows], kind.threshold)


def _choose_examples(
    description: ClipFeatures, counts: Int64[np.ndarray, " clips"], benchmark: Benchmark, split: Split, seed: int
) -> ProbeInputs:
    """Take the rows that a split's probe is fitted on."""
    rest = np.repeat(benchmark.find_fitted(split), counts)
    clips = np.repeat(np.arange(len(benchmark)), counts)[rest]
    groups = benchmark.folds[clips]
    if len(split.fitted_on) == 1 and (benchmark.multi_label or counts.max() > 1):
        groups = clips
    return ProbeInputs(
        description.values[rest],
        benchmark.targets[clips],
        groups,
        benchmark.multi_label,
        benchmark.name,
        seed,
        description.widths,
    )


def _mean_windows(
    rows: Float64[np.ndarray, "windows classes"], counts: Int64[np.ndarray, " clips"]
) -> Float64[np.ndarray, "clips classes"]:
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return np.add.reduceat(rows, starts, axis=0) / counts[:, None]


def score_fold(
    split: Split,
    scores: Float64[np.ndarray, "clips classes"],
    targets: Bool[np.ndarray, "clips classes"],
    fitted: Fitted,
) -> FoldScore:
    """Score the clips of a fold, given what was fitted for it."""
    precisions = average_precision(scores, targets)
    return FoldScore(
        fold=split.fold,
        num_clips=len(scores),
        accuracy=float(hits(scores, targets).mean()),
        mean_average_precision=mean_defined(precisions),
        hyperparameter=fitted.hyperparameter,
        converged=fitted.converged,
        absent=fitted.absent,
        unscored=tuple(int(label) for label in np.flatnonzero(np.isnan(precisions))),
        held_out=split.held_out,
    )
