"""Measure the memory that a call takes.

`tracemalloc` counts what every thread of the process allocates, so other work in the process can only add to a
figure. The least of several runs is therefore the best estimate of the call's own need.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable


def measure_peak(call: Callable[[], object], runs: int = 3) -> int:
    """Return the most bytes that a call held at once, the least of some runs."""
    peaks = []
    for _ in range(runs):
        tracemalloc.start()
        try:
            call()
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return min(peaks)
