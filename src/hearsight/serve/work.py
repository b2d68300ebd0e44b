"""The bounded queue before the network: a few requests at work, a few that wait, and a refusal for all others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from hearsight.listening.outputs import SegmentOutputs
from hearsight.serve.limits import ServeLimits
from hearsight.serve.refusals import Refusal

RETRY_SECONDS = 2
"""What a refused client is asked to wait."""


class Watch:
    """How one piece of work is followed and ended: it reports how far it is, and stops when no client waits for it any longer.

    Parameters
    ----------
    name
        What the client called the file, for errors.
    limits
        The bounds that it is held to.
    report
        Called with the seconds of sound that are done, in the thread of the work.
    """

    def __init__(self, name: str, limits: ServeLimits, report: Callable[[float], None] | None = None) -> None:
        self.name = name
        self._limits = limits
        self._report = report
        self._cancelled = threading.Event()
        self._started: float | None = None

    def start(self) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def cancel(self) -> None:
        """Let the work end at its next step."""
        self._cancelled.set()

    def check(self, seconds: float) -> None:
        """Note that so many seconds of sound are done.

        Raises
        ------
        Refusal
            408 when the client is gone, 413 when the sound is too long, 504 when it has taken too long.
        """
        if seconds > self._limits.sound_seconds and not self._cancelled.is_set():
            found = f"more than {self._limits.sound_seconds:g} s of sound"
            raise Refusal(413, "too_long", self.name, found, f"at most {self._limits.sound_seconds:g} s")
        self.advance(seconds, f"at {seconds:.1f} s of the sound")

    def advance(self, amount: float, place: str) -> None:
        """Note that some of the work is done, in any unit.

        Parameters
        ----------
        amount
            What is reported.
        place
            The same in words, for errors.

        Raises
        ------
        Refusal
            408 when the client is gone, 504 when it has taken too long.
        """
        limits = self._limits
        if self._cancelled.is_set():
            raise Refusal(408, "gone", self.name, "the client closed the connection")
        if self._started is not None and time.monotonic() - self._started > limits.answer_seconds:
            raise Refusal(504, "too_slow", self.name, f"not done after {limits.answer_seconds:g} s, {place}")
        if self._report is not None:
            self._report(amount)

    def follow(self, outputs: Iterable[SegmentOutputs]) -> Iterator[SegmentOutputs]:
        """Yield a network's outputs, and :meth:`check` after every batch."""
        self.check(0.0)
        for part in outputs:
            self.check(part.end)
            yield part


class WorkQueue:
    """Runs work in threads, of which a bounded number wait.

    Parameters
    ----------
    limits
        ``workers`` threads, ``queue_length`` places to wait.
    """

    def __init__(self, limits: ServeLimits) -> None:
        self._limits = limits
        self._pool = ThreadPoolExecutor(limits.workers, thread_name_prefix="hearsight-serve")
        self._lock = threading.Lock()
        self._taken = 0
        self._watches: set[Watch] = set()

    @property
    def taken(self) -> int:
        """Pieces of work that run or wait."""
        return self._taken

    def check_room(self) -> None:
        """Refuse early, before an upload is read.

        Raises
        ------
        Refusal
            429 when all places are taken.
        """
        if self._taken >= self._limits.workers + self._limits.queue_length:
            self._refuse()

    def _refuse(self) -> None:
        found = f"all {self._limits.workers + self._limits.queue_length} places in the queue are taken"
        raise Refusal(429, "busy", "the server", found, hint=f"try again in {RETRY_SECONDS} s")

    def submit(self, work: Callable[[Watch], Any], watch: Watch) -> Future[Any]:
        """Put work into the queue; it is called in a thread.

        Raises
        ------
        Refusal
            429 when all places are taken.
        """
        with self._lock:
            self.check_room()
            self._taken += 1
            self._watches.add(watch)
        try:
            future = self._pool.submit(self._run, work, watch)
        except BaseException:
            self._release(watch)
            raise
        future.add_done_callback(lambda _: self._release(watch))
        return future

    def _run(self, work: Callable[[Watch], Any], watch: Watch) -> Any:
        watch.start()
        watch.check(0.0)
        return work(watch)

    def _release(self, watch: Watch) -> None:
        with self._lock:
            self._taken -= 1
            self._watches.discard(watch)

    def close(self) -> None:
        """End all work: what runs stops at its next step, what waits never starts."""
        with self._lock:
            watches = list(self._watches)
        for watch in watches:
            watch.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)


async def wait_for(future: Future[Any], watch: Watch, is_gone: Callable[[], Any]) -> Any:
    """Return the result of work; when the client goes away meanwhile, end the work and wait until it has ended.

    Parameters
    ----------
    future, watch
        The work.
    is_gone
        Returns an awaitable of whether the client has closed the connection.
    """
    wrapped = asyncio.wrap_future(future)
    try:
        while not (await asyncio.wait({wrapped}, timeout=0.5))[0]:
            if await is_gone():
                watch.cancel()
        return wrapped.result()
    finally:
        watch.cancel()
        if not future.cancel():
            await asyncio.wait({wrapped})


class ProgressStream:
    """Progress from a thread, as an asynchronous iterator that ends with the work."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[float | None] = asyncio.Queue()
        self._last = 0.0

    def report(self, seconds: float) -> None:
        """Pass on how far the work is; at most ten times a second, called from its thread."""
        now = time.monotonic()
        if now - self._last >= 0.1:
            self._last = now
            self._loop.call_soon_threadsafe(self._queue.put_nowait, seconds)

    def end(self) -> None:
        """End the iterator; called from any thread."""
        self._loop.call_soon_threadsafe(self._queue.put_nowait, None)

    async def __aiter__(self) -> AsyncIterator[float]:
        """Yield seconds of sound that are done."""
        while (seconds := await self._queue.get()) is not None:
            yield seconds
