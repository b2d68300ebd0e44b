"""What an engine is, and the three ways in which work can fail.

A *stage* is a picklable factory. It is called once in each worker, loads what the work needs (a teacher, say) and returns the
function that works on one unit. The engine answers every unit exactly once, in the order in which they finish.

- **The stage cannot be set up.** The run ends with the error of the stage, since every unit would fail.
- **A unit fails**: its function raises an unexpected exception, its worker dies, or it takes too long. The unit is answered with a
  :class:`Failure`. A worker that died or took too long is replaced, and its unit is tried once more, alone.
- **Most units fail.** The run ends early: then the cause is the machine, a teacher or a library, and not the units.

A :class:`~hearsight.errors.HearsightError` that a unit raises is raised by the engine: it is about the whole run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from typing import Generic, Literal, Protocol, TypeVar, runtime_checkable

from hearsight.errors import HearsightError, WorkerError

UnitT = TypeVar("UnitT")
ResultT = TypeVar("ResultT")

Stage = Callable[[], Callable[[UnitT], ResultT]]
"""Called once per worker; returns the function that works on one unit."""

DEADLINE = 600.0
"""Seconds after which a worker that reports no progress is ended, unless the caller says otherwise."""

FEWEST_FAILURES = 6
"""A run is not ended early before this many of its units have failed."""


@dataclasses.dataclass(frozen=True)
class Failure:
    """Why a unit has no result.

    Attributes
    ----------
    kind
        ``error``: its function raised an unexpected exception. ``death``: its worker process died, twice. ``timeout``: its worker
        reported no progress before the deadline, twice.
    message
        One sentence for the user.
    """

    kind: Literal["error", "death", "timeout"]
    message: str


@dataclasses.dataclass(frozen=True)
class Answer(Generic[UnitT, ResultT]):
    """The outcome of one unit: its result, or the reason why it has none."""

    unit: UnitT
    result: ResultT | None
    failure: Failure | None = None

    @property
    def failed(self) -> bool:
        """Whether the unit has no result."""
        return self.failure is not None


@runtime_checkable
class Engine(Protocol):
    """Where units of work run."""

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Generator[Answer[UnitT, ResultT]]:
        """Answer each unit exactly once, in the order in which they finish.

        Raises
        ------
        HearsightError
            What the stage or a unit raised.
        WorkerError
            When the stage cannot be set up for another reason, or most units fail.
        """
        ...


class Health:
    """Counts failed and finished units, and ends a run of which most units fail."""

    def __init__(self) -> None:
        self._finished = 0
        self._failed = 0

    def count_finished(self) -> None:
        """Count a unit that has a result."""
        self._finished += 1

    def count_failure(self, failure: Failure) -> None:
        """Count a failure of a unit, also one after which it is tried again.

        Raises
        ------
        WorkerError
            When at least :data:`FEWEST_FAILURES` units have failed, and more than have finished.
        """
        self._failed += 1
        if self._failed >= FEWEST_FAILURES and self._failed > self._finished:
            raise WorkerError(
                "workers",
                f"{self._failed} units of work failed and {self._finished} finished; the last one: {failure.message}",
                "most to finish",
                "finished work is kept: remove the cause and run the same command again",
            )


def describe_exception(error: BaseException) -> str:
    """Return type and message of an exception on one line."""
    message = " ".join(str(error).split())
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def set_up(stage: Stage[UnitT, ResultT]) -> Callable[[UnitT], ResultT]:
    """Call a stage.

    Raises
    ------
    HearsightError
        What the stage raises.
    WorkerError
        In place of any other exception.
    """
    try:
        return stage()
    except HearsightError:
        raise
    except Exception as error:
        raise WorkerError("worker", f"cannot be set up ({describe_exception(error)})") from error
