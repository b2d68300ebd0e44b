"""Random orders that are computed place by place, in constant memory.

An epoch over 15 million clips needs an order, and a shuffled array of them costs 120 MB in each process. A keyed permutation needs
only its keys: a generalised Feistel network over pairs of digits (Black and Rogaway 2002, "Ciphers with arbitrary finite domains"),
with cycle walking for the few pairs that are outside the range. The order depends on nothing but the size and the key, so that any
process computes any part of it, and a resumed run has the order of an uninterrupted one.

It is a shuffle, and not a cipher: do not use it to keep secrets.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Int64, UInt64

from hearsight.errors import UsageError

MOST_ITEMS = 2**62
"""The largest size of a permutation."""

_ROUNDS = 8
_MULTIPLIERS = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


class Permutation:
    """A bijection of the numbers 0 to ``size - 1``, chosen by a key.

    Parameters
    ----------
    size
        How many numbers are permuted.
    key
        Non-negative integers, such as seed and epoch. Each key has its own permutation.

    Raises
    ------
    UsageError
        When the size is negative or above :data:`MOST_ITEMS`, or a key is negative.

    Examples
    --------
    >>> import numpy as np
    >>> from hearsight.permutation import Permutation
    >>> order = Permutation(10, 0, 3)
    >>> sorted(order.apply(np.arange(10)).tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    >>> order.invert(order.apply(np.arange(4))).tolist()
    [0, 1, 2, 3]
    """

    def __init__(self, size: int, *key: int) -> None:
        if not 0 <= size <= MOST_ITEMS:
            raise UsageError("permutation", f"{size} items", f"0 to {MOST_ITEMS}")
        if any(part < 0 for part in key):
            raise UsageError("permutation", f"the key {key}", "integers of at least 0")
        self._size = size
        # a number is the pair (number // columns, number % columns); rows * columns exceeds the size by less than a row
        self._columns = max(1, math.isqrt(max(0, size - 1)) + 1)
        self._rows = max(1, -(-size // self._columns))
        # SeedSequence is documented to return the same state for ever, on every platform
        self._keys = np.random.SeedSequence(key).generate_state(_ROUNDS, np.uint64)

    def __len__(self) -> int:
        return self._size

    def apply(self, places: Int64[np.ndarray, " places"]) -> Int64[np.ndarray, " places"]:
        """Return the numbers at some places of the order.

        Parameters
        ----------
        places
            From 0 to ``size - 1``.

        Raises
        ------
        UsageError
            When a place is outside that range.
        """
        return self._walk(places, inverse=False)

    def invert(self, numbers: Int64[np.ndarray, " numbers"]) -> Int64[np.ndarray, " numbers"]:
        """Return the places of some numbers in the order; the inverse of :meth:`apply`."""
        return self._walk(numbers, inverse=True)

    def _walk(self, values: Int64[np.ndarray, " values"], *, inverse: bool) -> Int64[np.ndarray, " values"]:
        """Apply the network until each value is below the size: this stays on the value's own cycle, so it is a bijection."""
        if len(values) and not (values.min() >= 0 and values.max() < self._size):
            found = f"the places {values.min()} to {values.max()}"
            raise UsageError("permutation", found, f"places of {self._size} items, counted from 0")
        result = values.astype(np.uint64)
        outside = np.arange(len(values))
        while len(outside):
            result[outside] = self._apply_rounds(result[outside], inverse=inverse)
            outside = outside[result[outside] >= self._size]
        return result.astype(np.int64)

    def _apply_rounds(self, values: UInt64[np.ndarray, " values"], *, inverse: bool) -> UInt64[np.ndarray, " values"]:
        """Add to each digit, in turn, a hash of the other."""
        rows, columns = np.uint64(self._rows), np.uint64(self._columns)
        row, column = values // columns, values % columns
        rounds = range(_ROUNDS - 1, -1, -1) if inverse else range(_ROUNDS)
        for number in rounds:
            key = self._keys[number]
            if number % 2 == 0:
                row = _shift(row, _hash(column, key) % rows, rows, inverse=inverse)
            else:
                column = _shift(column, _hash(row, key) % columns, columns, inverse=inverse)
        return row * columns + column


def _shift(
    digit: UInt64[np.ndarray, " values"], by: UInt64[np.ndarray, " values"], base: np.uint64, *, inverse: bool
) -> UInt64[np.ndarray, " values"]:
    return (digit + (base - by if inverse else by)) % base


def _hash(values: UInt64[np.ndarray, " values"], key: np.uint64) -> UInt64[np.ndarray, " values"]:
    """Mix 64 bits (the finaliser of SplitMix64; Steele, Lea and Flood 2014); overflow is meant."""
    mixed = values ^ key
    mixed = (mixed ^ (mixed >> np.uint64(30))) * _MULTIPLIERS[0]
    mixed = (mixed ^ (mixed >> np.uint64(27))) * _MULTIPLIERS[1]
    return mixed ^ (mixed >> np.uint64(31))
