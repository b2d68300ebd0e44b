"""Which engines there are."""

from __future__ import annotations

from hearsight.engine.engine import Engine
from hearsight.engine.local import ProcessEngine, SerialEngine
from hearsight.errors import UsageError, guess
from hearsight.threads import count_cores

ENGINES: tuple[str, ...] = ("local", "ray")
"""Names that :func:`open_engine` knows."""


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
        return SerialEngine() if workers == 1 else ProcessEngine(workers)
    if name == "ray":
        from hearsight.engine.ray import RayEngine

        return RayEngine(workers)
    raise UsageError("engine", repr(name), "a known engine", guess(name, ENGINES))
