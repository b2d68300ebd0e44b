"""What an engine is, and which ones there are.

A *stage* is a picklable factory: called once in each worker, it loads what the work needs (a teacher, say) and gives the
function that answers one unit. The engine answers every unit exactly once, in whatever order they finish.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

from hearsight.errors import UsageError, guess

UnitT = TypeVar("UnitT")
ResultT = TypeVar("ResultT")

Stage = Callable[[], Callable[[UnitT], ResultT]]
"""Called once per worker; gives the function that answers units."""


@dataclasses.dataclass(frozen=True)
class Answer(Generic[UnitT, ResultT]):
    """What became of one unit: its result, or None where the worker died on it each time that it was tried."""

    unit: UnitT
    result: ResultT | None

    @property
    def crashed(self) -> bool:
        """Whether the unit killed its worker."""
        return self.result is None


@runtime_checkable
class Engine(Protocol):
    """Where units of work run."""

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Iterator[Answer[UnitT, ResultT]]:
        """Answer each unit exactly once, in the order in which they finish.

        An exception that the stage raises on purpose stops the run and is raised here; a worker that dies without a word
        (out of memory, killed, a crash in a decoder) does not: its unit is tried again, alone, and if it kills that worker
        too, it is answered without a result.
        """
        ...


ENGINES: tuple[str, ...] = ("local", "ray")
"""Names that :func:`open_engine` knows."""


def count_cores() -> int:
    """Count the processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def open_engine(name: str = "local", workers: int | None = None) -> Engine:
    """Give the engine of a name.

    Parameters
    ----------
    name
        ``local`` (this process for one worker, a pool of processes for several) or ``ray``.
    workers
        How many units run at once; by default as many as there are processors.

    Raises
    ------
    UsageError
        For an unknown name or fewer than one worker.
    MissingExtraError
        When Ray is asked for and not installed.
    """
    workers = count_cores() if workers is None else workers
    if workers < 1:
        raise UsageError("workers", f"{workers}", "at least 1")
    if name == "local":
        from hearsight.engine.local import ProcessEngine, SerialEngine

        return SerialEngine() if workers == 1 else ProcessEngine(workers)
    if name == "ray":
        from hearsight.engine.ray import RayEngine

        return RayEngine(workers)
    raise UsageError("engine", repr(name), "a known engine", guess(name, ENGINES))
