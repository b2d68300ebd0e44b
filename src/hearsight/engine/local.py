"""Engines on this machine: in this process, and in worker processes that may die."""

from __future__ import annotations

import contextlib
import pickle
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Sequence
from typing import Any, BinaryIO, cast

from hearsight.engine import worker as worker_module
from hearsight.engine.engine import DEADLINE, Answer, Failure, Health, ResultT, Stage, UnitT, set_up
from hearsight.engine.progress import EXIT_CODE
from hearsight.engine.worker import Outcome, pack_stage, read_message, write_message
from hearsight.errors import WorkerError
from hearsight.threads import one_thread

_MOST_SETUP_DEATHS = 2
"""After this many workers in a row have died while they were set up, the run ends."""


class SerialEngine:
    """Runs every unit in this process, one after the other, without protection against crashes."""

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Generator[Answer[UnitT, ResultT]]:
        """Answer the units in their order. Every exception of a unit is raised."""
        work = set_up(stage)
        for unit in units:
            with one_thread():
                answer = Answer(unit, work(unit))
            yield answer


class ProcessEngine:
    """Runs units in worker processes and survives their deaths, also with a single worker.

    Each worker has one unit at a time, so that it is known which unit killed it. Such a unit is tried once more at the end, while
    nothing else runs. After a worker was killed from outside (most likely because memory ran out) one fewer is used.

    Parameters
    ----------
    workers
        Number of processes.
    deadline
        Seconds without progress after which a worker is ended.
    """

    def __init__(self, workers: int, deadline: float = DEADLINE) -> None:
        self._workers = workers
        self._deadline = deadline

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Generator[Answer[UnitT, ResultT]]:
        """Answer the units as they finish."""
        if not units:
            return
        run = _Run((self._deadline, *pack_stage(stage)), self._workers, self._deadline)
        try:
            yield from run.work_through(units)
        finally:
            run.close()


class _Worker:
    """A worker process, and a thread that waits for what it sends."""

    def __init__(self, setup: Any, outcomes: queue.SimpleQueue[tuple[_Worker, Outcome | None]]) -> None:
        self._outcomes = outcomes
        self._process = worker_module.start_process()
        self._requests = cast(BinaryIO, self._process.stdin)
        self._replies = cast(BinaryIO, self._process.stdout)
        with contextlib.suppress(OSError):  # the thread notices a worker that is dead already
            self._requests.write(pickle.dumps(sys.path))
        self.send(setup)
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def send(self, value: Any) -> None:
        """Send a message; where the worker is dead, its thread notices."""
        with contextlib.suppress(OSError):
            write_message(self._requests, value)

    def _receive(self) -> None:
        with contextlib.suppress(EOFError):
            while True:
                self._outcomes.put((self, read_message(self._replies)))
        self._outcomes.put((self, None))

    def close(self) -> int:
        """End the process if it still runs, and return its exit code, negative for a signal."""
        # a process that closed its output is about to end; its own exit code is wanted
        if self._thread.is_alive():
            self._process.kill()
        code = self._process.wait()
        self._thread.join()
        for stream in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                stream.close()
        return code


class _Run:
    """The workers of one run, and the unit that each of them works on, by its place in the list."""

    def __init__(self, setup: Any, most: int, deadline: float) -> None:
        self._setup = setup
        self._most = most
        self._deadline = deadline
        self._starting: set[_Worker] = set()
        self._idle: list[_Worker] = []
        self._busy: dict[_Worker, int] = {}
        self._outcomes: queue.SimpleQueue[tuple[_Worker, Outcome | None]] = queue.SimpleQueue()
        self._waiting = range(0)
        self._suspects: deque[int] = deque()
        self._suspected: set[int] = set()
        self._health = Health()
        self._setup_deaths = 0

    def work_through(self, units: Sequence[Any]) -> Generator[Answer[Any, Any]]:
        self._waiting = range(len(units))  # not a list of them: there may be millions
        while self._waiting or self._suspects or self._busy:
            self._start_workers()
            self._hand_out(units)
            worker, outcome = self._outcomes.get()
            if outcome is not None and outcome[0] == "raise":
                raise outcome[1]
            if worker in self._starting:
                self._finish_setup(worker, outcome)
            elif worker in self._busy:
                place = self._busy.pop(worker)
                if outcome is not None:
                    self._idle.append(worker)
                    yield self._make_answer(units[place], outcome)
                    continue
                failure = self._bury(worker)
                if place in self._suspected:
                    yield Answer(units[place], None, failure)
                else:
                    self._suspected.add(place)
                    self._suspects.append(place)
            else:  # it died while it had nothing to do
                self._idle.remove(worker)
                worker.close()

    def _start_workers(self) -> None:
        wanted = len(self._busy) + (len(self._waiting) or min(1, len(self._suspects)))
        while len(self._starting) + len(self._idle) + len(self._busy) < min(self._most, wanted):
            self._starting.add(_Worker(self._setup, self._outcomes))

    def _hand_out(self, units: Sequence[Any]) -> None:
        """Hand units to idle workers; a suspect only when nothing else runs."""
        while self._idle and (self._waiting or (self._suspects and not self._busy)):
            place = self._next_waiting() if self._waiting else self._suspects.popleft()
            worker = self._idle.pop()
            self._busy[worker] = place
            worker.send(units[place])

    def _next_waiting(self) -> int:
        place = self._waiting[0]
        self._waiting = self._waiting[1:]
        return place

    def _finish_setup(self, worker: _Worker, outcome: Outcome | None) -> None:
        self._starting.remove(worker)
        if outcome is None:
            self._setup_deaths += 1
            how = _describe_end(worker.close())
            if self._setup_deaths >= _MOST_SETUP_DEATHS:
                found = f"it cannot be set up: its process {how}, {self._setup_deaths} times in a row"
                raise WorkerError("worker", found, hint="try one worker, or smaller teachers")
            return
        self._idle.append(worker)
        if outcome[0] == "error":
            raise WorkerError("worker", f"it cannot be set up ({outcome[1]})")
        self._setup_deaths = 0

    def _make_answer(self, unit: Any, outcome: Outcome) -> Answer[Any, Any]:
        if outcome[0] == "error":
            failure = Failure("error", outcome[1])
            self._health.count_failure(failure)
            return Answer(unit, None, failure)
        self._health.count_finished()
        return Answer(unit, outcome[1])

    def _bury(self, worker: _Worker) -> Failure:
        code = worker.close()
        if code == EXIT_CODE:
            failure = Failure("timeout", f"no progress within {self._deadline:g} s")
        else:
            failure = Failure("death", f"its worker {_describe_end(code)}")
        if code == -signal.SIGKILL:
            self._most = max(1, self._most - 1)
        self._health.count_failure(failure)
        return failure

    def close(self) -> None:
        """Kill all workers immediately. Unfinished work leaves no trace, since files are written atomically."""
        for worker in (*self._starting, *self._idle, *self._busy):
            worker.close()


def _describe_end(code: int) -> str:
    if code == -signal.SIGKILL:
        return "was killed (SIGKILL; out of memory?)"
    if code < 0:
        return f"crashed ({signal.Signals(-code).name})"
    return f"ended with exit code {code}"
