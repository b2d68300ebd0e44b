"""The rows of a large array that are nearest to a vector, by cosine: exact, in two passes.

The first pass is a product of the whole array, block by block, in 32 bits, at the speed of the memory. Its rounding error has a
bound, so that all rows that may belong to the result are known. The second pass computes these in 64 bits, each row on its own:
equal rows have equal similarities, whatever their neighbours.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

PRODUCT_ROWS = 262_144
"""Rows of a block of the first pass: few large products, because each waits for the slowest of its threads."""
BLOCK_ROWS = 16_384
"""Rows of a block of the second pass, which copies them: at 256 dimensions 32 MB."""


@dataclasses.dataclass(frozen=True)
class Matches:
    """The nearest rows, the nearest first, and of equal ones the first first.

    Attributes
    ----------
    rows
        Their numbers.
    similarities
        Cosines, from −1 to 1; of a row of zeros, 0.
    """

    rows: Int64[np.ndarray, " matches"]
    similarities: Float64[np.ndarray, " matches"]


def find_nearest(
    embeddings: Float32[np.ndarray, "rows dim"],
    norms: Float32[np.ndarray, " rows"],
    query: Float64[np.ndarray, " dim"],
    top: int,
    allowed: Bool[np.ndarray, " rows"] | None = None,
) -> Matches:
    """Return the rows with the largest cosine to a query.

    Parameters
    ----------
    embeddings
        The rows; may be a memory map.
    norms
        The length of each.
    query
        A vector that is finite and not zero.
    top
        Most rows that are returned.
    allowed
        Which rows may be returned; None for all.
    """
    unit = query / np.linalg.norm(query)
    coarse = compute_coarse(embeddings, norms, unit.astype(np.float32))
    if allowed is not None:
        coarse = np.where(allowed, coarse, -np.inf)
    count = min(top, len(coarse) if allowed is None else int(allowed.sum()))
    if count == 0:
        return Matches(np.zeros(0, np.int64), np.zeros(0))
    least = np.partition(coarse, len(coarse) - count)[len(coarse) - count]
    candidates = np.flatnonzero(coarse >= least - 2.0 * bound_error(embeddings.shape[1]))
    exact = compute_exact(embeddings, candidates, unit)
    order = np.lexsort((candidates, -exact))[:count]
    return Matches(candidates[order], exact[order])


def compute_coarse(
    embeddings: Float32[np.ndarray, "rows dim"], norms: Float32[np.ndarray, " rows"], unit: Float32[np.ndarray, " dim"]
) -> Float32[np.ndarray, " rows"]:
    """Return the cosine of every row to a vector of length one, within :func:`bound_error`."""
    products = np.empty(len(embeddings), np.float32)
    for first in range(0, len(embeddings), PRODUCT_ROWS):
        rows = slice(first, first + PRODUCT_ROWS)
        np.matmul(embeddings[rows], unit, out=products[rows])
    return np.divide(products, norms, out=np.zeros_like(products), where=norms > 0.0)


def compute_exact(
    embeddings: Float32[np.ndarray, "rows dim"], chosen: Int64[np.ndarray, " chosen"], unit: Float64[np.ndarray, " dim"]
) -> Float64[np.ndarray, " chosen"]:
    """Return the cosines of chosen rows in 64 bits: the sums of a row do not depend on other rows."""
    found = np.zeros(len(chosen))
    for first in range(0, len(chosen), BLOCK_ROWS):
        part = slice(first, first + BLOCK_ROWS)
        rows = np.asarray(embeddings[chosen[part]], np.float64)
        lengths = np.sqrt((rows * rows).sum(axis=1))
        np.divide((rows * unit).sum(axis=1), lengths, out=found[part], where=lengths > 0.0)
    return found


def bound_error(dim: int) -> float:
    """Return how far a cosine of :func:`compute_coarse` may be from the true one.

    A sum of n products in 32 bits is off by at most n · 2⁻²⁴ of the sum of their magnitudes (Higham 2002, *Accuracy and Stability
    of Numerical Algorithms*, 3.1), which Cauchy and Schwarz bound by the lengths; the query, the norm and the quotient are
    rounded, too. Twice that leaves room for the higher orders.
    """
    return 2.0 * (dim + 8) * 2.0**-24
