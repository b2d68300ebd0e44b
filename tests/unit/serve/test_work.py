"""The queue, and work that is followed and ended."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from hearsight.serve.limits import ServeLimits
from hearsight.serve.refusals import Refusal
from hearsight.serve.work import Watch, WorkQueue, wait_for


def test_places_are_bounded_and_free_again_afterwards() -> None:
    limits = ServeLimits(workers=1, queue_length=1)
    queue, go = WorkQueue(limits), threading.Event()
    futures = [queue.submit(lambda _: go.wait(), Watch("a", limits)) for _ in range(2)]
    with pytest.raises(Refusal, match="all 2 places in the queue are taken") as refused:
        queue.submit(lambda _: None, Watch("b", limits))
    assert refused.value.status == 429
    go.set()
    assert [future.result() for future in futures] == [True, True]
    queue.close()
    assert queue.taken == 0


def test_work_whose_client_is_gone_ends_at_its_next_step() -> None:
    limits = ServeLimits()
    queue, watch = WorkQueue(limits), Watch("a.wav", limits)
    steps: list[int] = []

    def work(one: Watch) -> None:
        while True:
            steps.append(1)
            one.check(0.0)

    async def is_gone() -> bool:
        return True

    async def ask() -> Any:
        return await wait_for(queue.submit(work, watch), watch, is_gone)

    with pytest.raises(Refusal, match=r"a\.wav: the client closed the connection"):
        asyncio.run(ask())
    assert steps
    assert queue.taken == 0
    queue.close()


def test_closing_ends_what_runs_and_what_waits() -> None:
    limits = ServeLimits(workers=1, queue_length=4)
    queue, started = WorkQueue(limits), threading.Event()

    def work(watch: Watch) -> None:
        started.set()
        while True:
            watch.check(0.0)

    futures = [queue.submit(work, Watch("a", limits)) for _ in range(3)]
    started.wait()
    queue.close()
    assert all(future.done() for future in futures)
    assert queue.taken == 0


@pytest.mark.parametrize(("seconds", "status"), [(10.0, None), (10.1, 413)])
def test_the_length_of_a_sound_is_bounded(seconds: float, status: int | None) -> None:
    watch = Watch("a", ServeLimits(sound_seconds=10.0))
    if status is None:
        watch.check(seconds)
    else:
        with pytest.raises(Refusal, match="more than 10 s of sound") as refused:
            watch.check(seconds)
        assert refused.value.status == status
