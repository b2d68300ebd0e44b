"""Maps of many features: t-SNE."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Float32
from sklearn.manifold import TSNE

from hearsight.errors import UsageError
from hearsight.learners.rows import refuse_not_finite
from hearsight.threads import one_thread

PERPLEXITY = 30.0
"""Neighbours that a point of a t-SNE map keeps near; a third of the others where they are few."""
MAP_DIM = 50
"""Principal components that a t-SNE map is made from, at most (van der Maaten & Hinton 2008, section 4.2: 30)."""


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
