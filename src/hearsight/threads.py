"""Threads: how many there can be, and keeping numerical libraries to one. The only file that imports threadpoolctl."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


def count_cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@contextmanager
def one_thread() -> Generator[None]:
    """Keep every numerical library that is loaded on one thread.

    Sums in another order would be other bits; and several workers with as many threads each as there are processors are slower
    than one thread each.
    """
    with threadpool_limits(limits=1):
        yield
