"""Frozen embeddings and labels in, scores of every clip out: each fold scored by a classifier fitted on all the others."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from hearsight.learners import LinearClassifier, fit_linear, fit_svm
from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.tagging import hits, one_best_accuracy

Head = Literal["linear", "svm"]
"""What is fitted on the embeddings."""

HEADS: dict[str, Callable[..., LinearClassifier]] = {"linear": fit_linear, "svm": fit_svm}


@dataclasses.dataclass(frozen=True)
class FoldScore:
    """One fold, scored by a classifier that never saw it.

    Attributes
    ----------
    fold, num_clips
        Its number and its clips.
    accuracy
        Share of its clips whose highest score is their class.
    mean_average_precision
        Over the classes that have a clip in it.
    strength
        The classifier's C, chosen within the other folds.
    converged
        Whether the fit reached its tolerance.
    absent
        Classes that no clip of the other folds has; their clips cannot be hit.
    """

    fold: int
    num_clips: int
    accuracy: float
    mean_average_precision: float
    strength: float
    converged: bool
    absent: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class CrossScore:
    """All folds of a benchmark.

    Attributes
    ----------
    folds
        In the order of their numbers.
    hits
        Whether each clip was hit, in the order of the clips.
    decisions
        The scores of every class, from the classifier that did not see the clip.
    """

    folds: tuple[FoldScore, ...]
    hits: Bool[np.ndarray, " clips"]
    decisions: Float64[np.ndarray, "clips classes"]


def leave_one_fold_out(
    features: Float[np.ndarray, "clips dim"],
    labels: Int64[np.ndarray, " clips"],
    folds: Int64[np.ndarray, " clips"],
    *,
    head: Head,
    strength: float | None = None,
    seed: int = 0,
) -> CrossScore:
    """Score each fold by a classifier fitted on all other folds.

    Nothing of a fold reaches what is fitted for it: neither its clips, nor their statistics, nor the choice of C, which is made by
    leaving out the remaining folds in turn.

    Parameters
    ----------
    features, labels, folds
        One row each per clip.
    head
        Logistic regression, or linear SVM one against all.
    strength
        C; chosen unless given.
    seed
        Deals the clips into splits where only one fold remains to choose C in.

    Raises
    ------
    UsageError
        When a feature is not finite, or the other folds of one hold a single class.
    """
    num_classes = int(labels.max()) + 1
    decisions = np.zeros((len(labels), num_classes))
    truths = labels[:, None] == np.arange(num_classes)
    scores: list[FoldScore] = []
    for fold in np.unique(folds):
        held, rest = folds == fold, folds != fold
        classifier = HEADS[head](
            features[rest], labels[rest], num_classes=num_classes, strength=strength, groups=folds[rest], seed=seed
        )
        decisions[held] = classifier.decide(features[held])
        scores.append(
            FoldScore(
                fold=int(fold),
                num_clips=int(held.sum()),
                accuracy=one_best_accuracy(decisions[held], truths[held]),
                mean_average_precision=mean_average_precision(decisions[held], truths[held]),
                strength=classifier.strength,
                converged=classifier.converged,
                absent=classifier.absent,
            )
        )
    return CrossScore(tuple(scores), hits(decisions, truths), decisions)
