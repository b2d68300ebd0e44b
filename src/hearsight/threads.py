"""Keeping numerical libraries to one thread. The only file that imports threadpoolctl."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Generator[None]:
    """Keep every numerical library that is loaded on one thread.

    Sums in another order would be other bits; and several workers with as many threads each as there are processors are slower
    than one thread each.
    """
    with threadpool_limits(limits=1):
        yield
