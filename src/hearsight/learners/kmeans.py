"""K-means clustering; the same rows and seed result in the same bits."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32
from sklearn.cluster import KMeans, MiniBatchKMeans

from hearsight.errors import UsageError
from hearsight.learners.rows import refuse_not_finite
from hearsight.learners.scikit import watch_convergence
from hearsight.threads import one_thread

LLOYD_ITEMS = 100_000
"""Descriptors up to which every iteration of k-means sees all of them; above, it sees batches."""
BATCH_ITEMS = 8_192
"""Descriptors in such a batch."""


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
        How often to start over; the centres of least squared error are kept.

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
        watch_convergence(),
    ):  # k-means warns of fewer clusters than asked for: the order below drops empty ones
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
