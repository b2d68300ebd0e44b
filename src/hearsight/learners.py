"""Small classical learners: k-means, logistic regression, linear SVM, t-SNE. With ``forests.py``, all that imports scikit-learn.

Every fit runs on one thread of every numerical library and draws from its seed alone, so that it gives the same bits run after
run, whatever the machine's number of cores.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from jaxtyping import Float, Float32, Float64, Int, Int64
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans, MiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.svm import SVC, LinearSVC

from hearsight.errors import UsageError
from hearsight.threads import one_thread

LLOYD_ITEMS = 100_000
"""Descriptors up to which every iteration of k-means sees all of them; above, it sees batches."""
BATCH_ITEMS = 8_192
"""Descriptors in such a batch."""


STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
"""What C is chosen from. Features are scaled so that a clip's squared length is about 1: C means the same at any width."""
INNER_SPLITS = 5
"""Splits of the cross-validation that chooses C, at most."""
GRAM_CLIPS = 4_000
"""Clips up to which a fit goes through the matrix of their inner products, however long the features."""
MAX_ITERATIONS = 5_000
PERPLEXITY = 30.0
"""Neighbours that a point of a t-SNE map keeps near; a third of the others where they are few."""
MAP_DIM = 50
"""Principal components that a t-SNE map is made from, at most (van der Maaten & Hinton 2008, section 4.2: 30)."""


class Transformer(TransformerMixin, BaseEstimator):
    """Base of a transformer of our own that scikit-learn takes for one of its own: cloned, set, and put into a pipeline."""


@contextmanager
def _watch_convergence() -> Generator[list[warnings.WarningMessage]]:
    """Collect the warnings that a fit did not converge, pass all others on."""
    caught: list[warnings.WarningMessage] = []
    with warnings.catch_warnings(record=True) as log:
        warnings.simplefilter("always")
        yield caught
    for message in log:
        if issubclass(message.category, ConvergenceWarning):
            caught.append(message)
        else:
            warnings.warn_explicit(message.message, message.category, message.filename, message.lineno)


def fit_kmeans(
    descriptors: Float32[np.ndarray, "items dim"], num_clusters: int, seed: int, *, restarts: int = 3
) -> Float32[np.ndarray, "clusters dim"]:
    """Find cluster centres by k-means: greedy k-means++ seeding, then Lloyd's iterations, the best of some restarts.

    Above ``LLOYD_ITEMS`` descriptors the iterations see batches of ``BATCH_ITEMS`` instead of everything, so that memory
    beyond the descriptors themselves stays bounded.

    Parameters
    ----------
    descriptors
        One row per item.
    num_clusters
        Centres wanted.
    seed
        Of all draws; equal input and seed give equal bits.
    restarts
        How often to begin anew; the centres of least squared error are kept.

    Returns
    -------
    Float32["clusters dim"]
        The centres, that of the most populous cluster first (ties by their coordinates). Fewer than ``num_clusters`` where
        there are fewer distinct descriptors, each of which is then a centre; never an empty or a doubled cluster.

    Raises
    ------
    UsageError
        When there is no descriptor, one is not finite, or ``num_clusters`` or ``restarts`` is below 1.
    """
    if num_clusters < 1 or restarts < 1:
        raise UsageError("k-means", f"{num_clusters} clusters, {restarts} restarts", "at least one of each")
    if descriptors.shape[0] == 0 or descriptors.shape[1] == 0:
        raise UsageError("k-means", f"descriptors of shape {descriptors.shape}", "at least one item and one dimension")
    refuse_not_finite("k-means", descriptors)
    distinct = _find_distinct(descriptors, num_clusters + 1)
    if distinct.shape[0] <= num_clusters:
        return _order_centres(distinct, descriptors)
    model = KMeans(num_clusters) if descriptors.shape[0] <= LLOYD_ITEMS else MiniBatchKMeans(num_clusters)
    if isinstance(model, MiniBatchKMeans):
        model.set_params(batch_size=BATCH_ITEMS)
    model.set_params(n_init=restarts, random_state=seed)
    with (
        one_thread(),
        _watch_convergence(),
    ):  # of k-means it says that clusters are fewer: the order below drops empty ones
        model.fit(descriptors)
    return _order_centres(np.asarray(model.cluster_centers_, dtype=np.float32), descriptors)


def _find_distinct(descriptors: Float32[np.ndarray, "items dim"], at_most: int) -> Float32[np.ndarray, "distinct dim"]:
    """Find the first ``at_most`` distinct rows; looks no further than it must."""
    seen: set[bytes] = set()
    rows: list[int] = []
    for index, row in enumerate(descriptors):
        key = (row + np.float32(0.0)).tobytes()  # -0.0 and 0.0 are the same point
        if key not in seen:
            seen.add(key)
            rows.append(index)
            if len(rows) == at_most:
                break
    return descriptors[rows]


def _order_centres(
    centres: Float32[np.ndarray, "found dim"], descriptors: Float32[np.ndarray, "items dim"]
) -> Float32[np.ndarray, "clusters dim"]:
    """Sort by population, then by coordinates; leave out centres that no descriptor is nearest to."""
    populations = np.zeros(centres.shape[0], dtype=np.int64)
    middle = centres.mean(axis=0, dtype=np.float64)  # distances by products lose their digits far from the origin
    shifted = centres - middle
    with one_thread():
        lengths = np.square(shifted).sum(axis=1)
        for start in range(0, descriptors.shape[0], BATCH_ITEMS):
            block = descriptors[start : start + BATCH_ITEMS] - middle
            nearest = np.argmin(lengths - 2.0 * (block @ shifted.T), axis=1)
            populations += np.bincount(nearest, minlength=centres.shape[0])
    order = np.lexsort((*centres.T[::-1], -populations))
    return centres[order[populations[order] > 0]]


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
    strength
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
    strength: float
    converged: bool
    absent: tuple[int, ...]

    def decide(self, features: Float[np.ndarray, "clips dim"]) -> Float64[np.ndarray, "clips classes"]:
        """Score every class of every clip: log-probabilities of a logistic regression, signed margins of an SVM."""
        refuse_not_finite("features", features)
        with one_thread():
            scores = ((features - self.mean) / self.scale) @ self.weights + self.intercepts
        if self.probabilistic:
            scores -= scores.max(axis=1, keepdims=True)
            scores -= np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return scores

    def predict(self, features: Float[np.ndarray, "clips dim"]) -> Int64[np.ndarray, " clips"]:
        """Choose the highest-scored class of every clip, the lower index among equals."""
        return np.argmax(self.decide(features), axis=1)


def fit_linear(
    features: Float[np.ndarray, "clips dim"],
    labels: Int[np.ndarray, " clips"],
    *,
    num_classes: int | None = None,
    strength: float | None = None,
    groups: Int[np.ndarray, " clips"] | None = None,
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
    strength
        C, the inverse of the penalty. Chosen from ``STRENGTHS`` by cross-validation within these clips unless given: the least
        C of the best accuracy; 1 where there are too few clips to try.
    groups
        Clips of one group stay together in that cross-validation.
    seed
        Deals the clips into its splits.

    Raises
    ------
    UsageError
        When lengths differ, a feature is not finite, a label is out of range, or all clips are of one class.
    """
    return _fit_classifier(_solve_logistic, _Training(features, labels, num_classes, groups, seed), strength)


def fit_svm(
    features: Float[np.ndarray, "clips dim"],
    labels: Int[np.ndarray, " clips"],
    *,
    num_classes: int | None = None,
    strength: float | None = None,
    groups: Int[np.ndarray, " clips"] | None = None,
    seed: int = 0,
) -> LinearClassifier:
    """Fit linear support vector machines, one against all others for each class, on standardised features.

    Up to ``GRAM_CLIPS`` clips each is solved with the hinge loss through the clips' inner products, so that long features cost
    nothing; above, with the squared hinge loss in the primal. Parameters and errors are those of :func:`fit_linear`.
    """
    return _fit_classifier(_solve_svm, _Training(features, labels, num_classes, groups, seed), strength)


def check_labelled(
    features: Float[np.ndarray, "clips dim"], labels: Int[np.ndarray, " labels"], num_classes: int | None
) -> int:
    """Refuse clips that no classifier can be fitted on; give the number of classes: as given, or one more than the highest label.

    Raises
    ------
    UsageError
        When lengths differ, there is nothing, a feature is not finite, a label is out of range, or all clips are of one class.
    """
    if len(features) != len(labels):
        raise UsageError("features", f"{len(features)} clips, {len(labels)} labels", "one label each")
    if len(labels) == 0 or features.shape[1] == 0:
        raise UsageError("features", f"shape {features.shape}", "at least one clip and one dimension")
    refuse_not_finite("features", features)
    count = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.min() < 0 or labels.max() >= count:
        raise UsageError("labels", f"{labels.min()} to {labels.max()}", f"0 to {count - 1}")
    if len(np.unique(labels)) < 2:
        raise UsageError("labels", f"all {len(labels)} clips are of class {labels[0]}", "at least two classes")
    return count


class _Training:
    """What a classifier is fitted on, checked."""

    def __init__(
        self,
        features: np.ndarray,
        labels: np.ndarray,
        num_classes: int | None,
        groups: np.ndarray | None,
        seed: int,
    ) -> None:
        self.num_classes = check_labelled(features, labels, num_classes)
        if groups is not None and len(groups) != len(labels):
            raise UsageError("groups", f"{len(groups)} groups, {len(labels)} labels", "one group each")
        self.features = features
        self.labels = labels
        self.groups = groups
        self.seed = seed

    def split(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Rows to fit on and rows to try on, of each usable split of the inner cross-validation."""
        parts = deal_parts(self.labels, self.groups, self.seed)
        splits = [(np.flatnonzero(parts != part), np.flatnonzero(parts == part)) for part in np.unique(parts)]
        return [(fit, tried) for fit, tried in splits if len(np.unique(self.labels[fit])) > 1]


def deal_parts(
    labels: Int[np.ndarray, " clips"], groups: Int[np.ndarray, " clips"] | None, seed: int
) -> Int64[np.ndarray, " clips"]:
    """Deal clips into :data:`INNER_SPLITS` parts at most: whole groups where there are several, else each class in turn."""
    rng = np.random.default_rng(seed)
    if groups is not None and len(np.unique(groups)) > 1:
        _, members = np.unique(groups, return_inverse=True)
        sizes = np.bincount(members)
        order = rng.permutation(len(sizes))
        order = order[np.argsort(-sizes[order], kind="stable")]
        parts_of_groups = np.zeros(len(sizes), dtype=np.int64)
        filled = np.zeros(min(INNER_SPLITS, len(sizes)), dtype=np.int64)
        for group in order:
            parts_of_groups[group] = np.argmin(filled)
            filled[parts_of_groups[group]] += sizes[group]
        return parts_of_groups[members]
    parts = np.zeros(len(labels), dtype=np.int64)
    dealt = 0
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        parts[rows] = (np.arange(len(rows)) + dealt) % INNER_SPLITS
        dealt += len(rows)
    return parts


_Solver = Callable[[np.ndarray, np.ndarray, float], tuple[np.ndarray, np.ndarray, bool]]
"""Rows, labels 0..n-1 without gaps and C in; weights, intercepts and whether they converged out."""


def _fit_classifier(solve: _Solver, training: _Training, strength: float | None) -> LinearClassifier:
    if strength is not None and not strength > 0.0:
        raise UsageError("strength", f"{strength}", "a number above 0")
    with one_thread():
        if strength is None:
            strength = _choose_strength(solve, training)
        rows = np.arange(len(training.labels))
        return _fit_rows(solve, training, rows, [strength])[0]


def _choose_strength(solve: _Solver, training: _Training) -> float:
    right = np.zeros(len(STRENGTHS))
    for fit, tried in training.split():
        classifiers = _fit_rows(solve, training, fit, STRENGTHS)
        for index, classifier in enumerate(classifiers):
            right[index] += np.sum(classifier.predict(training.features[tried]) == training.labels[tried])
    return STRENGTHS[int(np.argmax(right))] if right.any() else 1.0


def _fit_rows(
    solve: _Solver, training: _Training, rows: np.ndarray, strengths: Sequence[float]
) -> list[LinearClassifier]:
    """Fit on some rows, once for each C; whatever depends on the rows alone is worked out once."""
    features = training.features[rows].astype(np.float64)
    mean = features.mean(axis=0)
    features -= mean
    deviation = np.sqrt(np.square(features).mean(axis=0))
    varies = deviation > 1e-12 * np.abs(mean)
    scale = np.where(varies, deviation, 1.0) * math.sqrt(max(1, varies.sum()))
    features = np.where(varies, features, 0.0) / scale
    reduced, back = _reduce(features)
    present, compact = np.unique(training.labels[rows], return_inverse=True)
    absent = tuple(index for index in range(training.num_classes) if index not in present)
    classifiers: list[LinearClassifier] = []
    for strength in strengths:
        found, offsets, converged = solve(reduced, compact, strength)
        weights = np.zeros((features.shape[1], training.num_classes))
        weights[:, present] = found if back is None else back @ found
        intercepts = np.full(training.num_classes, -np.inf)
        intercepts[present] = offsets
        classifiers.append(
            LinearClassifier(mean, scale, weights, intercepts, solve is _solve_logistic, strength, converged, absent)
        )
    return classifiers


def _reduce(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Turn few long rows into short ones of the same inner products, and give the map of their weights back.

    Weights of least norm lie in the span of the rows, so nothing is lost.
    """
    num_rows, dim = rows.shape
    if dim <= num_rows or num_rows > GRAM_CLIPS:
        return rows, None
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > 1e-10 * values[-1]
    lengths = np.sqrt(values[kept])
    return vectors[:, kept] * lengths, (rows.T @ vectors[:, kept]) / lengths


def _solve_logistic(rows: np.ndarray, labels: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray, bool]:
    model = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS)
    with _watch_convergence() as unconverged:
        model.fit(rows, labels)
    weights, intercepts = np.asarray(model.coef_).T, np.asarray(model.intercept_)
    if intercepts.size == 1:  # of two classes scikit-learn keeps one logit, that of the second against the first
        weights, intercepts = np.hstack([-weights, weights]) / 2, np.concatenate([-intercepts, intercepts]) / 2
    return weights, intercepts, not unconverged


def _solve_svm(rows: np.ndarray, labels: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray, bool]:
    num_classes = int(labels.max()) + 1
    weights, intercepts, converged = np.zeros((rows.shape[1], num_classes)), np.zeros(num_classes), True
    products = rows @ rows.T if len(rows) <= GRAM_CLIPS else None
    for label in range(num_classes):
        with _watch_convergence() as unconverged:
            if products is not None:
                model = SVC(C=strength, kernel="precomputed").fit(products, labels == label)
                weights[:, label] = rows[model.support_].T @ np.asarray(model.dual_coef_)[0]
            else:
                model = LinearSVC(C=strength, max_iter=MAX_ITERATIONS).set_params(dual=False).fit(rows, labels == label)
                weights[:, label] = np.asarray(model.coef_)[0]
        intercepts[label] = np.asarray(model.intercept_)[0]
        converged = converged and not unconverged
    return weights, intercepts, converged


def map_to_plane(features: Float[np.ndarray, "items dim"], seed: int) -> Float32[np.ndarray, "items 2"]:
    """Lay items into a plane so that what is near in their features is near there (t-SNE, van der Maaten & Hinton 2008).

    Distances within a neighbourhood mean something; those between far groups, and the groups' sizes, do not.

    Parameters
    ----------
    features
        One row per item.
    seed
        Of the few draws that remain: maps begin with the two first principal components.

    Raises
    ------
    UsageError
        When there are fewer than 5 items, a feature is not finite, or all items are one.
    """
    if len(features) < 5:
        raise UsageError("t-SNE", f"{len(features)} items", "at least 5")
    refuse_not_finite("t-SNE", features)
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    if not centred.any():
        raise UsageError("t-SNE", f"{len(features)} items that are all alike", "items that differ")
    perplexity = min(PERPLEXITY, (len(features) - 1) / 3.0)
    with one_thread():
        vectors, lengths, _ = np.linalg.svd(centred, full_matrices=False)
        components = (vectors * lengths)[:, :MAP_DIM] / lengths[0]
        start = np.pad(components[:, :2], ((0, 0), (0, max(0, 2 - components.shape[1]))))
        # scikit-learn's stubs know of no array here
        begin: Any = (start * 1e-4 / max(float(start[:, 0].std()), 1e-12)).astype(np.float32)
        model = TSNE(2, perplexity=perplexity, init=begin, random_state=seed, n_jobs=1)
        return np.asarray(model.fit_transform(components.astype(np.float32)), dtype=np.float32)


def refuse_not_finite(where: str, features: Float[np.ndarray, "rows dim"]) -> None:
    """Refuse rows that hold a NaN or an infinity.

    Raises
    ------
    UsageError
        Saying how many do, and which.
    """
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1))
    if bad.size:
        shown = ", ".join(str(row) for row in bad[:5])
        raise UsageError(where, f"{bad.size} of {features.shape[0]} rows are not finite (rows {shown})", "numbers")
