"""Frozen embeddings and labels in, scores of clips out: each fold scored by a classifier fitted on the folds it is split from."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from hearsight.evaluation.protocol import Benchmark, Split
from hearsight.evaluation.tagger import fit_tagger
from hearsight.learners import LinearClassifier, fit_linear, fit_svm
from hearsight.metrics.averages import mean_defined
from hearsight.metrics.ranking import average_precision
from hearsight.metrics.tagging import hits

Head = Literal["linear", "svm"]
"""What is fitted on the embeddings."""

HEADS = {"linear": fit_linear, "svm": fit_svm}
"""What fits each head where a clip has one class."""


@dataclasses.dataclass(frozen=True)
class FoldScore:
    """One fold, scored by a classifier that never saw it.

    Attributes
    ----------
    fold, num_clips
        Its number and its clips.
    accuracy
        Share of its clips whose highest score is one of their classes.
    mean_average_precision
        Over the classes that have a clip in it.
    strength
        The classifier's C, chosen within what it was fitted on.
    converged
        Whether the fit reached its tolerance.
    absent
        Classes that no clip of what it was fitted on has; their clips cannot be hit.
    unscored
        Classes that no clip of the fold has: their average precision is undefined, and left out of the mean.
    held_out
        Whether it is an evaluation set beside the cross-validation.
    """

    fold: int
    num_clips: int
    accuracy: float
    mean_average_precision: float
    strength: float
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
    decisions
        Their scores of every class, from the classifier that did not see them.
    """

    folds: tuple[FoldScore, ...]
    rows: Int64[np.ndarray, " scored"]
    hits: Bool[np.ndarray, " scored"]
    decisions: Float64[np.ndarray, "scored classes"]


def score_splits(
    features: Float[np.ndarray, "clips dim"],
    benchmark: Benchmark,
    *,
    head: Head,
    strength: float | None = None,
    seed: int = 0,
) -> CrossScore:
    """Score each fold that is to be scored by a classifier fitted on the folds that its split names.

    Nothing of a fold reaches what is fitted for it: neither its clips, nor their statistics, nor the choice of C, which is made by
    leaving out the remaining folds in turn.

    Parameters
    ----------
    features
        One row per clip of the benchmark.
    benchmark
        Labels, folds and splits.
    head
        Logistic regression, or linear SVM one against all.
    strength
        C; chosen unless given.
    seed
        Deals the clips into splits where only one fold remains to choose C in.

    Raises
    ------
    UsageError
        When a feature is not finite, or what is to be fitted on holds a single class.
    """
    truths, folds = benchmark.truths, benchmark.folds
    decisions = np.full(truths.shape, np.nan)
    scores: list[FoldScore] = []
    for split in benchmark.splits:
        held = folds == split.fold
        classifier = _fit(features, benchmark, split, head, strength, seed)
        decisions[held] = classifier.decide(features[held])
        scores.append(_score_fold(split, decisions[held], truths[held], classifier))
    rows = np.flatnonzero(np.isin(folds, [split.fold for split in benchmark.splits]))
    return CrossScore(tuple(scores), rows, hits(decisions[rows], truths[rows]), decisions[rows])


def _fit(
    features: np.ndarray, benchmark: Benchmark, split: Split, head: Head, strength: float | None, seed: int
) -> LinearClassifier:
    folds = benchmark.folds
    rest = np.isin(folds, split.fitted_on)
    if benchmark.multi_label:
        return fit_tagger(features[rest], benchmark.truths[rest], head=head, strength=strength, seed=seed)
    return HEADS[head](
        features[rest],
        benchmark.labels[rest],
        num_classes=len(benchmark.classes),
        strength=strength,
        groups=folds[rest],
        seed=seed,
    )


def _score_fold(split: Split, decisions: np.ndarray, truths: np.ndarray, classifier: LinearClassifier) -> FoldScore:
    precisions = average_precision(decisions, truths)
    return FoldScore(
        fold=split.fold,
        num_clips=len(decisions),
        accuracy=float(hits(decisions, truths).mean()),
        mean_average_precision=mean_defined(precisions),
        strength=classifier.strength,
        converged=classifier.converged,
        absent=classifier.absent,
        unscored=tuple(int(label) for label in np.flatnonzero(np.isnan(precisions))),
        held_out=split.held_out,
    )
