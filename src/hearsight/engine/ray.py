"""The engine for more than one machine: units as tasks of a Ray cluster. The only file that imports Ray."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from hearsight.engine.engine import Answer, ResultT, Stage, UnitT
from hearsight.extras import require
from hearsight.threads import one_thread

_TRIES = 3
_CPUS_PER_ACTOR = 0.25  # more starves Ray's own tasks on small nodes; the actors are busy anyway


class RayEngine:
    """Runs units on actors of a Ray cluster; joins the cluster at ``RAY_ADDRESS``, or starts one on this machine.

    Each actor builds the stage once. An actor or node that dies takes only the units it was working on with it: they go to
    another actor, up to three times. Paths must mean the same on every node (a shared file system).
    """

    def __init__(self, workers: int) -> None:
        self._ray: Any = require("ray", "ray", "engine ray")
        self._workers = workers

    def run(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Iterator[Answer[UnitT, ResultT]]:
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

    def _run_actors(self, stage: Stage[UnitT, ResultT], units: Sequence[UnitT]) -> Iterator[Answer[UnitT, ResultT]]:
        ray = self._ray
        actor_class = ray.remote(num_cpus=_CPUS_PER_ACTOR)(_StageActor)
        idle = [actor_class.remote(stage) for _ in range(min(self._workers, len(units)))]
        waiting: list[tuple[UnitT, int]] = [(unit, 1) for unit in reversed(units)]
        in_flight: dict[Any, tuple[Any, UnitT, int]] = {}
        while waiting or in_flight:
            while waiting and idle:
                unit, attempt = waiting.pop()
                actor = idle.pop()
                in_flight[actor.answer.remote(unit)] = (actor, unit, attempt)
            finished, _ = ray.wait(list(in_flight), num_returns=1)
            actor, unit, attempt = in_flight.pop(finished[0])
            try:
                result = ray.get(finished[0])
            except ray.exceptions.RayActorError:
                # The actor is gone: a fresh one takes its place, and the unit goes to the back of the queue.
                idle.append(actor_class.remote(stage))
                if attempt < _TRIES:
                    waiting.insert(0, (unit, attempt + 1))
                else:
                    yield Answer(unit, None)
                continue
            except ray.exceptions.RayTaskError as error:
                raise error.cause from error
            idle.append(actor)
            yield Answer(unit, result)
        for actor in idle:
            with contextlib.suppress(ray.exceptions.RayError):
                ray.kill(actor)


class _StageActor:
    """Holds one stage in one Ray worker process."""

    def __init__(self, stage: Callable[[], Callable[[Any], Any]]) -> None:
        self._work = stage()
        self._limits = contextlib.ExitStack()
        self._limits.enter_context(one_thread())

    def answer(self, unit: Any) -> Any:
        """Answer one unit."""
        return self._work(unit)
