"""The number of processors, and limiting numerical libraries to one thread. The only file that imports threadpoolctl."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


def count_cores() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@contextmanager
def one_thread() -> Generator[None]:
    """Limit every loaded numerical library to one thread within the block.

    Results vary slightly with the number of threads, because sums are computed in another order. And several workers are faster
    with one thread each than with as many as there are processors.
    """
    with threadpool_limits(limits=1):
        yield
