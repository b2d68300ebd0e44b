"""Linear classifiers: logistic regression and support vector machines on standardised features, their C given or chosen."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.special
from jaxtyping import Float, Float64, Int, Int64
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC, LinearSVC

from hearsight.errors import UsageError
from hearsight.learners.rows import (
    GRAM_CLIPS,
    assign_parts,
    check_labelled,
    reduce_rows,
    refuse_not_finite,
    weigh_parts,
)
from hearsight.learners.scikit import watch_convergence
from hearsight.threads import count_cores, one_thread

REGULARIZATIONS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""What C is chosen from. Features are scaled so that a clip's squared length is about 1: C means the same at any width."""
MAX_THREADS = 8
"""Maximum number of classes of an SVM that are solved in parallel; it does not change the result."""
MAX_ITERATIONS = 5_000
MAX_PAIRS = 100_000
"""Steps of the hinge loss's solver, each of two clips. Ten thousand are enough where classes can be separated; where equal
clips are of different classes (silence is), a fit with a high C might take hours to find that."""


@dataclasses.dataclass(frozen=True)
class LinearClassifier:
    """A fitted linear classifier; features go through the standardisation it was fitted with.

    Attributes
    ----------
    mean, scale
        Statistics of the clips it was fitted on: a feature is used as ``(feature - mean) / scale``.
    weights, intercepts
        Of the standardised features; minus infinity as intercept for a class that no clip had.
    probabilistic
        Whether the scores of a clip are log-probabilities, which makes them comparable from clip to clip.
    hyperparameter
        The C used, given or chosen.
    converged
        Whether the solver reached its tolerance.
    absent
        The classes that no clip it was fitted on had; they are never predicted.
    """

    mean: Float64[np.ndarray, " dim"]
    scale: Float64[np.ndarray, " dim"]
    weights: Float64[np.ndarray, "dim classes"]
    intercepts: Float64[np.ndarray, " classes"]
    probabilistic: bool
    hyperparameter: float
    converged: bool
    absent: tuple[int, ...]

    def predict_scores(self, features: Float[np.ndarray, "clips dim"]) -> Float64[np.ndarray, "clips classes"]:
        """Score every class of every clip: log-probabilities of a logistic regression, signed margins of an SVM."""
        refuse_not_finite("features", features)
        with one_thread():
            scores = ((features - self.mean) / self.scale) @ self.weights + self.intercepts
        return np.asarray(scipy.special.log_softmax(scores, axis=1)) if self.probabilistic else scores

    def predict(self, features: Float[np.ndarray, "clips dim"]) -> Int64[np.ndarray, " clips"]:
        """Choose the highest-scored class of every clip, the lower index among equals."""
        return np.argmax(self.predict_scores(features), axis=1)


def fit_linear(
    features: Float[np.ndarray, "clips dim"],
    labels: Int[np.ndarray, " clips"],
    *,
    num_classes: int | None = None,
    regularization: float | None = None,
    groups: Int[np.ndarray, " clips"] | None = None,
    widths: Sequence[int] = (),
    seed: int = 0,
) -> LinearClassifier:
    """Fit a logistic regression (softmax, L2 penalty) on standardised features.

    Parameters
    ----------
    features
        One row per clip.
    labels
        Class index of each clip.
    num_classes
        Columns of the decision; one more than the highest label unless given.
    regularization
        C, the inverse of the penalty. Unless given, chosen from ``REGULARIZATIONS`` by cross-validation within these clips: the
        smallest C of the best accuracy, or 1 if there are too few clips to try.
    groups
        Clips of one group stay together in that cross-validation.
    widths
        Features of each of several parts that stand side by side and have equal weight; see
        :func:`~hearsight.learners.rows.weigh_parts`.
    seed
        Seed of the division of the clips into its splits.

    Raises
    ------
    UsageError
        When lengths differ, a feature is not finite, a label is out of range, or all clips are of one class.
    """
    return _fit_classifier(
        _solve_logistic, _Training(features, labels, num_classes, groups, widths, seed), regularization
    )


def fit_svm(
    features: Float[np.ndarray, "clips dim"],
    labels: Int[np.ndarray, " clips"],
    *,
    num_classes: int | None = None,
    regularization: float | None = None,
    groups: Int[np.ndarray, " clips"] | None = None,
    widths: Sequence[int] = (),
    seed: int = 0,
) -> LinearClassifier:
    """Fit linear support vector machines, one against all others for each class, on standardised features.

    Up to ``GRAM_CLIPS`` clips each is solved with the hinge loss through the clips' inner products, so that long features cost
    nothing; above, with the squared hinge loss in the primal. Parameters and errors are those of :func:`fit_linear`.
    """
    return _fit_classifier(_solve_svm, _Training(features, labels, num_classes, groups, widths, seed), regularization)


class _Training:
    """What a classifier is fitted on, checked."""

    def __init__(
        self,
        features: Float[np.ndarray, "clips dim"],
        labels: Int[np.ndarray, " _"],
        num_classes: int | None,
        groups: Int[np.ndarray, " _"] | None,
        widths: Sequence[int],
        seed: int,
    ) -> None:
        self.num_classes = check_labelled(features, labels, num_classes)
        if groups is not None and len(groups) != len(labels):
            raise UsageError("groups", f"{len(groups)} groups, {len(labels)} labels", "one group each")
        self.features = features
        self.labels = labels
        self.groups = groups
        self.widths = widths
        self.seed = seed

    def split(self) -> list[tuple[Int64[np.ndarray, " _"], Int64[np.ndarray, " _"]]]:
        """Rows to fit on and rows to try on, of each usable split of the inner cross-validation."""
        parts = assign_parts(self.labels, self.groups, self.seed)
        splits = [(np.flatnonzero(parts != part), np.flatnonzero(parts == part)) for part in np.unique(parts)]
        return [(fit, tried) for fit, tried in splits if len(np.unique(self.labels[fit])) > 1]


_Solver = Callable[
    [Float64[np.ndarray, "clips dim"], Int[np.ndarray, " clips"], float],
    tuple[Float64[np.ndarray, "dim classes"], Float64[np.ndarray, " classes"], bool],
]
"""Rows, labels 0..n-1 without gaps and C in; weights, intercepts and whether they converged out."""


def _fit_classifier(solve: _Solver, training: _Training, regularization: float | None) -> LinearClassifier:
    if regularization is not None and not regularization > 0.0:
        raise UsageError("regularization", f"{regularization}", "a number above 0")
    with one_thread():
        if regularization is None:
            regularization = _choose_regularization(solve, training)
        rows = np.arange(len(training.labels))
        return _fit_rows(solve, training, rows, [regularization])[0]


def _choose_regularization(solve: _Solver, training: _Training) -> float:
    right = np.zeros(len(REGULARIZATIONS))
    for fit, tried in training.split():
        classifiers = _fit_rows(solve, training, fit, REGULARIZATIONS)
        for index, classifier in enumerate(classifiers):
            right[index] += np.sum(classifier.predict(training.features[tried]) == training.labels[tried])
    return REGULARIZATIONS[int(np.argmax(right))] if right.any() else 1.0


def _fit_rows(
    solve: _Solver, training: _Training, rows: Int64[np.ndarray, " fitted"], strengths: Sequence[float]
) -> list[LinearClassifier]:
    """Fit on some rows, once for each C; whatever depends on the rows alone is computed once."""
    features = training.features[rows].astype(np.float64)
    mean = features.mean(axis=0)
    features -= mean
    deviation = np.sqrt(np.square(features).mean(axis=0))
    varies = deviation > 1e-12 * np.abs(mean)
    scale = np.where(varies, deviation, 1.0) * math.sqrt(max(1, varies.sum())) / weigh_parts(varies, training.widths)
    features = np.where(varies, features, 0.0) / scale
    reduced, back = reduce_rows(features)
    present, compact = np.unique(training.labels[rows], return_inverse=True)
    absent = tuple(index for index in range(training.num_classes) if index not in present)
    classifiers: list[LinearClassifier] = []
    for regularization in strengths:
        found, offsets, converged = solve(reduced, compact, regularization)
        weights = np.zeros((features.shape[1], training.num_classes))
        weights[:, present] = found if back is None else back @ found
        intercepts = np.full(training.num_classes, -np.inf)
        intercepts[present] = offsets
        classifiers.append(
            LinearClassifier(
                mean, scale, weights, intercepts, solve is _solve_logistic, regularization, converged, absent
            )
        )
    return classifiers


def _solve_logistic(
    rows: Float64[np.ndarray, "clips dim"], labels: Int[np.ndarray, " clips"], regularization: float
) -> tuple[Float64[np.ndarray, "dim classes"], Float64[np.ndarray, " classes"], bool]:
    model = LogisticRegression(C=regularization, max_iter=MAX_ITERATIONS)
    with watch_convergence() as unconverged:
        model.fit(rows, labels)
    weights, intercepts = np.asarray(model.coef_).T, np.asarray(model.intercept_)
    if intercepts.size == 1:  # of two classes scikit-learn keeps one logit, that of the second against the first
        weights, intercepts = np.hstack([-weights, weights]) / 2, np.concatenate([-intercepts, intercepts]) / 2
    return weights, intercepts, not unconverged


def _solve_svm(
    rows: Float64[np.ndarray, "clips dim"], labels: Int[np.ndarray, " clips"], regularization: float
) -> tuple[Float64[np.ndarray, "dim classes"], Float64[np.ndarray, " classes"], bool]:
    """Solve each class separately, through inner products several in parallel: the solver releases Python's lock."""
    products = rows @ rows.T if len(rows) <= GRAM_CLIPS else None

    def solve_class(label: int) -> tuple[Float64[np.ndarray, " dim"], float]:
        if products is not None:
            pairs = SVC(C=regularization, kernel="precomputed", max_iter=MAX_PAIRS).fit(products, labels == label)
            return rows[pairs.support_].T @ np.asarray(pairs.dual_coef_)[0], np.asarray(pairs.intercept_)[0]
        primal = LinearSVC(C=regularization, max_iter=MAX_ITERATIONS).set_params(dual=False).fit(rows, labels == label)
        return np.asarray(primal.coef_)[0], np.asarray(primal.intercept_)[0]

    num_classes = int(labels.max()) + 1
    # in the primal each solver has a copy of the rows, twice their size
    threads = 1 if products is None else min(MAX_THREADS, count_cores(), num_classes)
    with watch_convergence() as unconverged, ThreadPoolExecutor(threads) as pool:
        weights, intercepts = zip(*pool.map(solve_class, range(num_classes)), strict=True)
    return np.stack(weights, axis=1), np.array(intercepts), not unconverged
