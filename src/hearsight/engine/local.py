"""Engines on this machine: in this process, and in a pool of processes."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from hearsight.engine.engine import Answer, ResultT, Stage, UnitT
from hearsight.threads import one_thread


class SerialEngine:
    """Runs every unit in this process, one after the other."""

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Iterator[Answer[UnitT, ResultT]]:
        """Answer the units in their order; a crash here is a crash of the process."""
        work = stage()
        for unit in units:
            with one_thread():
                answer = Answer(unit, work(unit))
            yield answer


class ProcessEngine:
    """Runs units in ``workers`` processes and outlives their deaths.

    A dead worker breaks the whole pool, so that nobody can say which of the units in flight killed it. All of them become
    suspects: they are tried again one at a time, each in a process of its own, which clears the innocent and finds the guilty.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Iterator[Answer[UnitT, ResultT]]:
        """Answer the units as they finish. No more than two per worker are in flight, so memory does not grow with them."""
        waiting = deque(units)
        while waiting:
            suspects: list[UnitT] = []
            yield from self._run_pool(stage, waiting, suspects)
            for suspect in suspects:
                yield self._try_alone(stage, suspect)

    def _run_pool(
        self, stage: Stage[UnitT, ResultT], waiting: deque[UnitT], suspects: list[UnitT]
    ) -> Iterator[Answer[UnitT, ResultT]]:
        """Work through ``waiting`` until it is empty or a worker dies; then ``suspects`` holds what was in flight."""
        in_flight: dict[Future[Any], UnitT] = {}
        pool = _open_pool(stage, min(self._workers, len(waiting)))
        try:
            while waiting or in_flight:
                while waiting and len(in_flight) < 2 * self._workers:
                    in_flight[pool.submit(_answer, waiting[0])] = waiting[0]
                    waiting.popleft()
                finished, _ = wait(in_flight, return_when=FIRST_COMPLETED)
                for future in finished:
                    result = future.result()
                    yield Answer(in_flight.pop(future), result)
        except BrokenProcessPool:
            # A pool that broke while a unit was handed over leaves that unit at the head of `waiting`: nothing is lost.
            for future, unit in in_flight.items():
                if future.done() and not future.cancelled() and future.exception() is None:
                    yield Answer(unit, future.result())
                else:
                    suspects.append(unit)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _try_alone(self, stage: Stage[UnitT, ResultT], unit: UnitT) -> Answer[UnitT, ResultT]:
        with _open_pool(stage, 1) as pool:
            try:
                return Answer(unit, pool.submit(_answer, unit).result())
            except BrokenProcessPool:
                return Answer(unit, None)


_work: Callable[[Any], Any] | None = None
_limits = contextlib.ExitStack()


def _open_pool(stage: Stage[Any, Any], workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: decoders, BLAS and LiteRT hold threads and locks that a fork would copy in mid-flight.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(stage,))


def _start_worker(stage: Stage[Any, Any]) -> None:
    global _work
    _die_with_parent()
    _work = stage()
    # Entered after the libraries are loaded, and never left: a worker's unit is one thread's work.
    _limits.enter_context(one_thread())


def _answer(unit: Any) -> Any:
    if _work is None:
        raise RuntimeError("a worker was asked for an answer before its stage was set up")
    return _work(unit)


def _die_with_parent() -> None:
    """End this worker when its parent is gone: a killed parent cannot end it, and its queue would never say so."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
