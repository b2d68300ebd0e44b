"""What others read of a run's history while it is trained: lines of finished epochs, and the last step."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hearsight.documents import parse_json
from hearsight.errors import InputError
from hearsight.training.run.folder import RunFolder
from hearsight.training.run.log import LOG
from hearsight.training.run.partial import find_last_step

_TAIL_BYTES = 65_536
"""How much of the end of a log is read for its last line."""


def read_curve(folder: Path) -> list[dict[str, Any]]:
    """Return the log's lines of all finished epochs of a run, in any state.

    Raises
    ------
    RunError
        When they are lost or damaged.
    """
    run = RunFolder(folder)
    if run.is_finished:
        return run.read_final_history()
    while epochs := run.epochs():
        try:
            return run.read_history(epochs[-1])
        except InputError:  # a run in training may replace the checkpoint meanwhile
            if run.epochs() == epochs:
                raise
    return []


def find_step(folder: Path, finished: int) -> int:
    """Return the last step that a run is known to have taken.

    Parameters
    ----------
    folder
        The run's.
    finished
        The last step of its finished epochs.
    """
    return max(finished, find_last_step(RunFolder(folder)), _read_logged_step(folder / LOG))


def _read_logged_step(path: Path) -> int:
    """Return the step of the last whole line of a log; 0 where there is none, or it is damaged."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            lines = file.read().split(b"\n")[:-1]
        step = parse_json(lines[-1], path).get("step", 0) if lines else 0
    except (OSError, InputError, AttributeError):
        return 0  # the log is a report; the state of the run is in its checkpoints
    return step if isinstance(step, int) else 0
