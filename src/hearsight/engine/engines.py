"""The engines by name."""

from __future__ import annotations

from hearsight.engine.engine import DEADLINE, Engine
from hearsight.engine.local import ProcessEngine
from hearsight.errors import UsageError, guess
from hearsight.threads import count_cores

ENGINES: tuple[str, ...] = ("local", "ray")
"""Names that :func:`open_engine` knows."""


def open_engine(name: str = "local", workers: int | None = None, deadline: float = DEADLINE) -> Engine:
    """Return the engine of a name.

    Parameters
    ----------
    name
        ``local`` (worker processes on this machine) or ``ray``.
    workers
        How many units run at the same time; by default one per processor, of this machine or of the Ray cluster.
    deadline
        Seconds without progress (a clip, say) after which a worker is killed and its unit fails.

    Raises
    ------
    UsageError
        For an unknown name, fewer than one worker, or a deadline that is not positive.
    MissingExtraError
        When Ray is requested but not installed.
    """
    if workers is not None and workers < 1:
        raise UsageError("workers", f"{workers}", "at least 1")
    if not deadline > 0.0:
        raise UsageError("deadline", f"{deadline:g} s", "more than 0")
    if name == "local":
        return ProcessEngine(count_cores() if workers is None else workers, deadline)
    if name == "ray":
        from hearsight.engine.ray import RayEngine

        return RayEngine(workers, deadline)
    raise UsageError("engine", repr(name), "a known engine", guess(name, ENGINES))
