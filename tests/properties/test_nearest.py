"""Exact search returns what a plain computation in 64 bits returns, also for near and equal rows, and however it is blocked."""

from __future__ import annotations

from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hearsight.search import nearest
from hearsight.search.nearest import find_nearest


def rank_plainly(
    values: np.ndarray, query: np.ndarray, top: int, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows by cosine, all of them computed in 64 bits, ties by their numbers."""
    wide, unit = values.astype(np.float64), query / np.linalg.norm(query)
    lengths = np.sqrt((wide * wide).sum(axis=1))
    cosines = np.divide((wide * unit).sum(axis=1), lengths, out=np.zeros(len(wide)), where=lengths > 0.0)
    rows = np.arange(len(wide)) if allowed is None else np.flatnonzero(allowed)
    order = rows[np.lexsort((rows, -cosines[rows]))][:top]
    return order, cosines[order]


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(0, 200),
    dim=st.integers(1, 40),
    top=st.integers(1, 250),
    noise=st.sampled_from([0.0, 1e-8, 1e-6, 1e-3, 1.0]),
    block=st.sampled_from([1, 3, 64, 16_384]),
    share=st.sampled_from([None, 0.0, 0.3, 1.0]),
)
def test_the_nearest_rows_are_those_of_a_plain_computation(seed, count, dim, top, noise, block, share) -> None:
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal(dim)
    # rows that differ in the last bits of 32, equal rows, and rows of zeros
    values = (centre + noise * rng.standard_normal((count, dim))).astype(np.float32)
    values[rng.random(count) < 0.1] = 0.0
    values *= 10.0 ** rng.integers(-4, 5, (count, 1)).astype(np.float32)
    query = centre + 0.1 * rng.standard_normal(dim)
    allowed = None if share is None else rng.random(count) < share
    norms = np.linalg.norm(values.astype(np.float64), axis=1).astype(np.float32)
    with mock.patch.object(nearest, "BLOCK_ROWS", block), mock.patch.object(nearest, "PRODUCT_ROWS", 3 * block):
        found = find_nearest(values, norms, query, top, allowed)
    rows, cosines = rank_plainly(values, query, top, allowed)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_array_equal(found.similarities, cosines)
