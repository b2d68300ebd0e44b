"""The deadline of a worker: a worker that reports no progress for too long is ended.

A unit may be a film of many hours, so that no fixed time fits all of them. Instead the work calls :func:`report_progress` after
each step (a clip), and only a single step has a deadline. The watch is a C thread of :mod:`faulthandler`: it ends the process even
where a library never returns to Python.
"""

from __future__ import annotations

import faulthandler
import os

EXIT_CODE = 1
"""Exit code of a process that ran into its deadline; faulthandler leaves no choice. Workers use it for nothing else."""

_seconds: float | None = None
_log: int | None = None


def start_deadline(seconds: float) -> None:
    """End this process where it does not report progress for ``seconds``; only workers call this."""
    global _seconds, _log
    _seconds = seconds
    if _log is None:
        _log = os.open(os.devnull, os.O_WRONLY)
    report_progress()


def report_progress() -> None:
    """Restart the deadline. Without effect in a process that has none."""
    if _seconds is not None and _log is not None:
        faulthandler.dump_traceback_later(_seconds, exit=True, file=_log)


def stop_deadline() -> None:
    """Suspend the deadline until the next :func:`start_deadline`: a worker that waits for work may wait for ever."""
    global _seconds
    if _seconds is not None:
        _seconds = None
        faulthandler.cancel_dump_traceback_later()
