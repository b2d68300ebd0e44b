"""The engine for several machines: units as tasks of a Ray cluster. The only file that imports Ray."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import Any

from hearsight.engine.engine import (
    DEADLINE,
    Answer,
    Failure,
    Health,
    ResultT,
    Stage,
    UnitT,
    describe_exception,
    set_up,
)
from hearsight.engine.progress import start_deadline, stop_deadline
from hearsight.errors import HearsightError, WorkerError
from hearsight.extras import require
from hearsight.threads import one_thread

_TRIES = 3
_CPUS_PER_ACTOR = 0.25  # more starves Ray's own tasks on small nodes; the actors are busy anyway


class RayEngine:
    """Runs units on actors of a Ray cluster; joins the cluster at ``RAY_ADDRESS``, or starts one on this machine.

    Each actor sets the stage up once. Actors are spread over all nodes. When an actor or a node dies, only the units that it was
    working on are lost: they go to another actor, up to three times. Paths must mean the same on every node (a shared file system).

    Parameters
    ----------
    workers
        Actors; by default one per processor of the cluster.
    deadline
        Seconds without progress after which an actor's process is ended.
    """

    def __init__(self, workers: int | None, deadline: float = DEADLINE) -> None:
        self._ray: Any = require("ray", "ray", "engine ray")
        self._workers = workers
        self._deadline = deadline

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Generator[Answer[UnitT, ResultT]]:
        """Answer each unit exactly once, as they finish."""
        ray = self._ray
        started_here = not ray.is_initialized()
        if started_here:
            ray.init(include_dashboard=False, log_to_driver=False, configure_logging=False)
        try:
            yield from self._run_actors(stage, units)
        finally:
            if started_here:
                ray.shutdown()

    def _run_actors(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Generator[Answer[UnitT, ResultT]]:
        ray, health = self._ray, Health()
        count = min(self._workers or max(1, int(ray.cluster_resources().get("CPU", 1))), len(units))
        idle = [self._start_actor(stage) for _ in range(count)]
        first = 0  # of the units that were not handed out; not a list of them, since there may be millions
        again: deque[tuple[UnitT, int]] = deque()
        in_flight: dict[Any, tuple[Any, UnitT, int]] = {}
        try:
            while first < len(units) or again or in_flight:
                while idle and (first < len(units) or again):
                    if first < len(units):
                        unit, attempt = units[first], 1
                        first += 1
                    else:
                        unit, attempt = again.popleft()
                    actor = idle.pop()
                    in_flight[actor.work_on.remote(unit)] = (actor, unit, attempt)
                finished, _ = ray.wait(list(in_flight), num_returns=1)
                actor, unit, attempt = in_flight.pop(finished[0])
                kind, value = self._fetch(finished[0])
                idle.append(self._start_actor(stage) if kind == "death" else actor)
                if kind == "result":
                    health.count_finished()
                    yield Answer(unit, value)
                    continue
                failure = Failure("death" if kind == "death" else "error", value)
                health.count_failure(failure)
                if kind == "death" and attempt < _TRIES:
                    again.append((unit, attempt + 1))
                else:
                    yield Answer(unit, None, failure)
        finally:
            for actor in (*idle, *(one for one, _, _ in in_flight.values())):
                with contextlib.suppress(ray.exceptions.RayError):
                    ray.kill(actor)

    def _start_actor(self, stage: Stage[Any, Any]) -> Any:
        # without SPREAD, Ray fills one node before it uses the next
        actor_class = self._ray.remote(num_cpus=_CPUS_PER_ACTOR, scheduling_strategy="SPREAD")(_StageActor)
        return actor_class.remote(stage, self._deadline)

    def _fetch(self, reference: Any) -> tuple[str, Any]:
        """Return the outcome of a unit: ``result``, ``error`` or ``death``, and the result or a message.

        Raises
        ------
        HearsightError
            What the stage or the unit raised, or that the stage cannot be set up.
        """
        ray = self._ray
        try:
            kind, value = ray.get(reference)
        except ray.exceptions.RayActorError:
            return "death", f"its worker died, or made no progress within {self._deadline:g} s"
        except ray.exceptions.RayError as error:
            raise WorkerError("ray", describe_exception(error)) from error
        if kind == "raise":
            raise value
        return kind, value


class _StageActor:
    """Holds one stage in one Ray worker process."""

    def __init__(self, stage: Callable[[], Callable[[Any], Any]], deadline: float) -> None:
        self._stage = stage
        self._deadline = deadline
        self._work: Callable[[Any], Any] | None = None

    def work_on(self, unit: Any) -> tuple[str, Any]:
        """Work on one unit, after setting the stage up for the first; errors are returned, since Ray would wrap them."""
        try:
            if self._work is None:
                start_deadline(max(self._deadline, DEADLINE))
                self._work = set_up(self._stage)
            start_deadline(self._deadline)
            with one_thread():
                return "result", self._work(unit)
        except HearsightError as error:
            return "raise", error
        except Exception as error:  # noqa: BLE001 - whatever a library raises is the unit's failure
            return "error", describe_exception(error)
        finally:
            stop_deadline()
