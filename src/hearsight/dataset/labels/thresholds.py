"""The threshold of a label policy, fitted to any number of clips in constant memory.

:func:`hearsight.teachers.policy.fit_threshold` sorts the probabilities of all clips. Here the same threshold is found by counting:
one pass counts the probabilities by the upper 16 bits of their floating-point numbers, which are in the order of the numbers, and a
second one resolves the two neighbouring bins in which the threshold lies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Float32, Int64, UInt32

_BINS = 2**16
_SIGN = np.uint32(0x80000000)


class ThresholdFit:
    """Finds the threshold at which clips have a given number of labels on average (Jia 2019: 3 audio labels per clip).

    Parameters
    ----------
    mean
        Target for the mean number of labels per clip.
    min_probability
        Probabilities must be above this to count.
    """

    def __init__(self, mean: float, min_probability: float = 0.0) -> None:
        self._mean = mean
        self._min_probability = np.float32(min_probability)

    def fit(self, read: Callable[[], Iterator[Float32[np.ndarray, " values"]]], num_clips: int) -> float:
        """Return the threshold; 0.0 when no probability counts.

        Parameters
        ----------
        read
            Returns an iterator over the highest probabilities of all clips. It is called twice.
        num_clips
            Clips that they are of.
        """
        coarse = np.zeros(_BINS, np.int64)
        for keys in self._read_keys(read):
            coarse += np.bincount(keys >> np.uint32(16), minlength=_BINS)
        if not coarse.any():
            return 0.0
        bins = _choose_bins(coarse, self._mean * num_clips)
        fine = {number: np.zeros(_BINS, np.int64) for number in bins}
        for keys in self._read_keys(read):
            for number, counts in fine.items():
                within = keys[keys >> np.uint32(16) == number]
                counts += np.bincount(within & np.uint32(0xFFFF), minlength=_BINS)
        return self._choose_value(coarse, fine, self._mean * num_clips)

    def _read_keys(
        self, read: Callable[[], Iterator[Float32[np.ndarray, " values"]]]
    ) -> Iterator[UInt32[np.ndarray, " counting"]]:
        """Yield the probabilities that count as integers in the same order."""
        for values in read():
            bits = values[values > self._min_probability].astype(np.float32).view(np.uint32)
            yield np.where(bits & _SIGN, ~bits, bits | _SIGN)

    @staticmethod
    def _choose_value(
        coarse: Int64[np.ndarray, " bins"], fine: dict[int, Int64[np.ndarray, " bins"]], target: float
    ) -> float:
        """Return the value whose number of labels, those of all higher values included, is closest to the target."""
        best, distance = np.uint32(0), np.inf
        for number in sorted(fine, reverse=True):
            present = np.flatnonzero(fine[number])[::-1]
            ends = int(coarse[number + 1 :].sum()) + np.cumsum(fine[number][present])
            distances = np.abs(ends - target)
            place = len(distances) - 1 - int(np.argmin(distances[::-1]))  # of two, the lower value
            if distances[place] <= distance:
                best, distance = np.uint32(number << 16 | int(present[place])), distances[place]
        bits = best & ~_SIGN if best & _SIGN else ~best
        return float(np.array(bits, np.uint32).view(np.float32))


def _choose_bins(coarse: Int64[np.ndarray, " bins"], target: float) -> list[int]:
    """Return the bin in which the number of labels reaches the target, and the occupied one above it."""
    occupied = np.flatnonzero(coarse)[::-1]
    ends = np.cumsum(coarse[occupied])
    place = min(int(np.searchsorted(ends, target, side="left")), len(occupied) - 1)
    return [int(number) for number in occupied[max(0, place - 1) : place + 1]]
