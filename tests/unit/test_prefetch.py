from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from hearsight.prefetch import prefetch


def test_prefetched_items_come_in_order_and_a_few_ahead() -> None:
    made: list[int] = []

    def make() -> Iterator[int]:
        for number in range(20):
            made.append(number)
            yield number

    items = prefetch(make(), depth=3)
    assert next(items) == 0
    while len(made) < 5:
        time.sleep(0.01)
    time.sleep(0.05)  # in which a sixth would be made
    assert len(made) == 5  # one taken, three waiting, one in hand
    assert list(items) == list(range(1, 20))


def test_what_the_thread_raises_reaches_the_taker() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise OSError("the disk is gone")

    items = prefetch(make())
    assert next(items) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(items)


def test_the_thread_ends_when_the_taker_stops_early() -> None:
    before = threading.active_count()
    items = prefetch(itertools.count(), depth=2)
    assert next(items) == 0
    items.close()
    assert threading.active_count() == before
