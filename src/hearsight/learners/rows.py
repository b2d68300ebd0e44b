"""The rows that learners are fitted on: checked, and divided into parts of which each is tried in turn."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64, Int, Int64

from hearsight.errors import UsageError

INNER_SPLITS = 5
"""Parts that rows are divided into, at most, for the cross-validation that chooses C."""

GRAM_CLIPS = 4_000
"""Clips up to which a fit goes through the matrix of their inner products, however long the features."""


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


def weigh_parts(varies: Bool[np.ndarray, " dim"], widths: Sequence[int]) -> Float64[np.ndarray, " dim"]:
    """Return the factors of standardised features that make parts of unequal length count alike.

    Of two parts of 100 and 1,000 standardised features, a distance or an inner product is the second one's by nine tenths. With
    these weights each part has an equal share in the squared length of a clip, and this is on average what it was.

    Parameters
    ----------
    varies
        Which features vary at all; others are ignored, and a part in which none varies has no weight.
    widths
        Features of each part, from left to right; none, or one, if there is but one part: its weights are 1.

    Raises
    ------
    UsageError
        When the parts do not make up the features.
    """
    if not widths:
        return np.ones(len(varies))
    if sum(widths) != len(varies) or min(widths) < 0:
        raise UsageError("parts", f"{' + '.join(map(str, widths))} features", f"{len(varies)} together")
    counts = np.array([part.sum() for part in np.split(varies, np.cumsum(widths)[:-1])])
    shares = varies.sum() / (max(1, np.count_nonzero(counts)) * np.maximum(counts, 1))
    return np.where(varies, np.repeat(np.sqrt(shares), widths), 1.0)


def check_labelled(
    features: Float[np.ndarray, "clips dim"], labels: Int[np.ndarray, " labels"], num_classes: int | None
) -> int:
    """Refuse clips that no classifier can be fitted on; return the number of classes: as given, or the highest label plus one.

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


def assign_parts(
    labels: Int[np.ndarray, " clips"], groups: Int[np.ndarray, " clips"] | None, seed: int
) -> Int64[np.ndarray, " clips"]:
    """Deal clips into :data:`INNER_SPLITS` parts at most: whole groups if there are several, else each class in turn."""
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
    assigned = 0
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        parts[rows] = (np.arange(len(rows)) + assigned) % INNER_SPLITS
        assigned += len(rows)
    return parts


def reduce_rows(
    rows: Float64[np.ndarray, "clips dim"],
) -> tuple[Float64[np.ndarray, "clips rank"], Float64[np.ndarray, "dim rank"] | None]:
    """Turn few long rows into short ones of the same inner products, so that a linear fit takes less time.

    Weights of least norm lie in the span of the rows, so nothing is lost: a fit with an L2 penalty on the short rows, multiplied by
    the map, is the fit on the long ones.

    Returns
    -------
    tuple
        The short rows, and the map from their weights to weights of the long ones; the rows themselves and None where they are not
        longer than there are clips, or if there are more than :data:`GRAM_CLIPS` clips.
    """
    num_rows, dim = rows.shape
    if dim <= num_rows or num_rows > GRAM_CLIPS:
        return rows, None
    values, vectors = np.linalg.eigh(rows @ rows.T)
    kept = values > 1e-10 * values[-1]
    lengths = np.sqrt(values[kept])
    return vectors[:, kept] * lengths, (rows.T @ vectors[:, kept]) / lengths
