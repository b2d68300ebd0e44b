"""Nearest neighbours: a clip is what the clips most like it are."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float64, Int

from hearsight.evaluation.probes.inputs import check_rows, find_present, measure_spread
from hearsight.learners.rows import assign_parts, refuse_not_finite
from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.tagging import hits
from hearsight.threads import one_thread

NEIGHBOURS = (1, 3, 5, 10, 20, 40)
"""What the number of neighbours is chosen from."""
BLOCK_ROWS = 1024
"""Clips compared with all others at a time."""


@dataclasses.dataclass(frozen=True)
class KnnProbe:
    """Clips to be compared with.

    Attributes
    ----------
    mean, scale
        A feature is used as ``(feature - mean) / scale``.
    rows, targets
        The standardised clips, and which classes are true of them.
    hyperparameter
        Number of neighbours that vote.
    converged
        Always: nothing is approached.
    absent
        Classes that none of the clips has; they are never predicted.
    """

    mean: Float64[np.ndarray, " dim"]
    scale: Float64[np.ndarray, " dim"]
    rows: Float64[np.ndarray, "clips dim"]
    targets: Bool[np.ndarray, "clips classes"]
    hyperparameter: float
    converged: bool
    absent: tuple[int, ...]

    def predict_scores(self, features: Float[np.ndarray, "others dim"]) -> Float64[np.ndarray, "others classes"]:
        """Return the share of each class among the neighbours, each weighed by the inverse of its Euclidean distance."""
        refuse_not_finite("features", features)
        shares = _vote((features - self.mean) / self.scale, self.rows, self.targets, (int(self.hyperparameter),))[0]
        shares[:, list(self.absent)] = -np.inf
        return shares


def fit_knn(
    features: Float[np.ndarray, "clips dim"],
    targets: Bool[np.ndarray, "clips classes"],
    *,
    neighbours: int | None = None,
    groups: Int[np.ndarray, " clips"] | None = None,
    widths: Sequence[int] = (),
    seed: int = 0,
) -> KnnProbe:
    """Keep clips to compare others with, by the Euclidean distance of standardised features.

    Parameters
    ----------
    features, targets
        One row per clip.
    neighbours
        Number of neighbours that vote. Unless given, it is chosen from :data:`NEIGHBOURS` by cross-validation within these clips:
        the fewest of the best accuracy, or of the best mean average precision where clips may have several classes.
    groups
        Clips of one group stay together in that cross-validation.
    widths
        Features of each of several parts that stand side by side and have equal weight.
    seed
        Seed of the division of the clips into its parts.

    Raises
    ------
    UsageError
        When lengths differ, a feature is not finite, or the clips have fewer than two classes.
    """
    check_rows(features, targets)
    present = find_present(targets)
    if neighbours is None:
        neighbours = _choose(features, targets, groups, widths, seed)
    mean, scale = measure_spread(features, widths)
    absent = tuple(int(label) for label in np.flatnonzero(~present))
    return KnnProbe(mean, scale, (features - mean) / scale, targets, float(neighbours), True, absent)


def _choose(
    features: Float[np.ndarray, "clips dim"],
    targets: Bool[np.ndarray, "clips classes"],
    groups: Int[np.ndarray, " clips"] | None,
    widths: Sequence[int],
    seed: int,
) -> int:
    parts = assign_parts(np.argmax(targets, axis=1), groups, seed)
    shares = [np.zeros(targets.shape) for _ in NEIGHBOURS]
    for part in np.unique(parts):
        fitted = parts != part
        if not fitted.any():
            return 1
        mean, scale = measure_spread(features[fitted], widths)
        standard = (features - mean) / scale
        for share, found in zip(
            shares, _vote(standard[~fitted], standard[fitted], targets[fitted], NEIGHBOURS), strict=True
        ):
            share[~fitted] = found
    single = bool((targets.sum(axis=1) == 1).all())
    scores = [hits(share, targets).mean() if single else mean_average_precision(share, targets) for share in shares]
    return NEIGHBOURS[int(np.argmax(scores))]


def _vote(
    rows: Float64[np.ndarray, "rows dim"],
    known: Float64[np.ndarray, "known dim"],
    targets: Bool[np.ndarray, "known classes"],
    counts: tuple[int, ...],
) -> Float64[np.ndarray, "choices rows classes"]:
    """Return the shares for each number of neighbours: ``[choices, rows, classes]``."""
    shares = np.zeros((len(counts), len(rows), targets.shape[1]))
    lengths = np.square(known).sum(axis=1)
    most = min(max(counts), len(known))
    for start in range(0, len(rows), BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        with one_thread():
            squares = np.square(block).sum(axis=1)[:, None] - 2.0 * (block @ known.T) + lengths
        nearest = np.argsort(squares, axis=1, kind="stable")[:, :most]
        distances = np.sqrt(np.maximum(np.take_along_axis(squares, nearest, axis=1), 0.0))
        weights = 1.0 / np.maximum(distances, 1e-9 * np.sqrt(rows.shape[1]))
        for choice, count in enumerate(counts):
            part = weights[:, :count] / weights[:, :count].sum(axis=1, keepdims=True)
            shares[choice, start : start + len(block)] = np.einsum("rk,rkc->rc", part, targets[nearest[:, :count]])
    return shares
