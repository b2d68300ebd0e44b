"""What an engine is.

A *stage* is a picklable factory: called once in each worker, it loads what the work needs (a teacher, say) and gives the
function that answers one unit. The engine answers every unit exactly once, in whatever order they finish.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar, runtime_checkable

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
