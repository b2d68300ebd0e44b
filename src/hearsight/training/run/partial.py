"""Checkpoints within an epoch: the state after a step, from which a run continues exactly.

A folder ``checkpoints/step-00001200/`` holds the weights, the optimizer's state, and ``progress.json``. Which clips come next
follows from the number of steps alone. The lines of the epochs before are in the checkpoint of the last finished epoch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from typing import Any

import torch

from hearsight.dataset.layout import read_json, write_json
from hearsight.errors import RunError
from hearsight.files import rename_durably
from hearsight.models.checkpoint import WEIGHTS
from hearsight.models.network import Network
from hearsight.models.tensors import write_tensors
from hearsight.training.run.folder import RunFolder, restore_state, write_state
from hearsight.training.step.averaging import WeightAverage

PROGRESS = "progress.json"


@dataclasses.dataclass
class EpochProgress:
    """How far an epoch has come.

    Attributes
    ----------
    epoch
        Counted from one.
    step
        Number of steps since the beginning of the run.
    total_loss
        Sum of the losses of the epoch's examples.
    seconds
        Time spent in training in this epoch.
    waited
        How much of it was spent waiting for data.
    left_out_steps, left_out_clips
        Number of the epoch's steps that were left out, and of their examples.
    """

    epoch: int
    step: int
    total_loss: float = 0.0
    seconds: float = 0.0
    waited: float = 0.0
    left_out_steps: int = 0
    left_out_clips: int = 0

    def count_step(self, loss: float, num_clips: int, *, left_out: bool) -> None:
        """Count a step, whose loss is the mean over its clips."""
        self.step += 1
        if left_out:
            self.left_out_steps += 1
            self.left_out_clips += num_clips
        else:
            self.total_loss += loss * num_clips

    def average_loss(self, num_clips: int) -> float | None:
        """Return the mean loss over the epoch's first clips, without those that were left out; None if none is left."""
        num_clips -= self.left_out_clips
        return self.total_loss / num_clips if num_clips else None


def save_progress(
    run: RunFolder,
    network: Network,
    optimizer: torch.optim.Optimizer,
    progress: EpochProgress,
    average: WeightAverage | None = None,
) -> None:
    """Write a checkpoint within an epoch, and remove the one before it.

    Raises
    ------
    OSError
        When the disk is full or cannot be written.
    """
    name = f"step-{progress.step:08d}"
    unfinished = run.checkpoints / f".{name}.tmp"
    shutil.rmtree(unfinished, ignore_errors=True)
    if (run.checkpoints / name).exists():
        return
    try:
        unfinished.mkdir()
        with contextlib.nullcontext() if average is None else average.in_place():
            write_tensors(unfinished / WEIGHTS, network.state_dict())
            write_state(unfinished, network, optimizer, average)
        write_json(unfinished / PROGRESS, dataclasses.asdict(progress))
        rename_durably(unfinished, run.checkpoints / name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    remove_progress(run, before=progress.step)


def restore_progress(
    run: RunFolder,
    network: Network,
    optimizer: torch.optim.Optimizer,
    start: EpochProgress,
    average: WeightAverage | None = None,
) -> EpochProgress:
    """Restore the checkpoint within an epoch, if there is one.

    Parameters
    ----------
    run, network, optimizer, average
        The run, and what is restored.
    start
        The beginning of the epoch: checkpoints of earlier steps are ignored.

    Returns
    -------
    EpochProgress
        Of the checkpoint, or ``start`` where there is none.

    Raises
    ------
    RunError, CheckpointError
        When a file of the checkpoint is damaged.
    """
    last = max(_list_steps(run), default=0)
    if last <= start.step:
        return start
    folder = run.checkpoints / f"step-{last:08d}"
    progress = _parse_progress(run, last, read_json(folder / PROGRESS))
    restore_state(folder, network, optimizer, average)
    return progress


def remove_progress(run: RunFolder, *, before: int) -> None:
    """Remove the checkpoints within epochs of all steps before one."""
    for step in _list_steps(run):
        if step < before:
            doomed = run.checkpoints / f".old-step-{step:08d}"
            rename_durably(run.checkpoints / f"step-{step:08d}", doomed)
            shutil.rmtree(doomed)


def find_last_step(run: RunFolder) -> int:
    """Return the step of the last checkpoint within an epoch; 0 where there is none."""
    return max(_list_steps(run), default=0)


def _list_steps(run: RunFolder) -> list[int]:
    names = (path.name.removeprefix("step-") for path in run.checkpoints.glob("step-*"))
    return sorted(int(name) for name in names if name.isdigit())


def _parse_progress(run: RunFolder, step: int, values: Any) -> EpochProgress:
    try:
        progress = EpochProgress(**values)
        progress = EpochProgress(
            int(progress.epoch),
            int(progress.step),
            float(progress.total_loss),
            float(progress.seconds),
            float(progress.waited),
            int(progress.left_out_steps),
            int(progress.left_out_clips),
        )
    except (TypeError, ValueError) as error:
        raise RunError(
            run.checkpoints / f"step-{step:08d}" / PROGRESS, str(error), "the progress of an epoch", "remove its folder"
        ) from error
    if progress.step != step:
        found = f"step {progress.step}"
        raise RunError(run.checkpoints / f"step-{step:08d}" / PROGRESS, found, f"step {step}", "remove its folder")
    return progress
