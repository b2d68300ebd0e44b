"""Restoring the state of a run, in each of its processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hearsight.errors import RunError
from hearsight.training.group import Group
from hearsight.training.run.folder import RunFolder, read_order, read_parts
from hearsight.training.run.partial import EpochProgress, find_last_step, restore_progress
from hearsight.training.step.student import RunPlan, Student


def continue_plan(run: RunFolder, record: Mapping[str, Any], group: Group) -> RunPlan:
    """Return how a run that has begun is continued, from its record.

    Raises
    ------
    RunError
        When the record is damaged, or of a version that this one does not know.
    """
    initial = record.get("initial")
    if initial is not None and not isinstance(initial, dict):
        found = f"initial {initial!r:.60}"
        raise RunError(run.record, found, "where the weights came from", "train into another folder")
    has_checkpoint = run.last_epoch() > 0 or find_last_step(run) > 0
    return RunPlan(read_order(run, record), read_parts(run, record), group, initial, has_checkpoint)


def restore_run(student: Student, run: RunFolder) -> tuple[list[dict[str, Any]], EpochProgress]:
    """Restore the last checkpoint of a run; return the log's lines of the finished epochs, and where training continues.

    Raises
    ------
    RunError
        When another process of the run found another checkpoint: the folder is not the same for all of them.
    """
    done = run.last_epoch()
    history = run.read_history(done)
    if done:
        run.restore(done, student.network, student.optimizer, student.average)
    progress = EpochProgress(done + 1, done * student.train_batches.num_batches)
    if done < student.num_epochs:
        progress = restore_progress(run, student.network, student.optimizer, progress, student.average)
    step = student.group.share("step", progress.step)
    if step != progress.step:
        found = f"step {progress.step} in process {student.group.rank}, and step {step} in process 0"
        raise RunError(run.folder, found, "one folder for all processes", "use a file system that all machines share")
    student.group.wait()
    return history, progress


def begin_epoch(student: Student, progress: EpochProgress, before: float | None) -> None:
    """Let a student judge the losses of the rest of an epoch, given the mean loss of the epoch before."""
    done = progress.step - (progress.epoch - 1) * student.train_batches.num_batches
    clips = student.train_batches.count_clips(done) - progress.left_out_clips
    student.watch.begin_epoch(before, progress.total_loss, clips, done - progress.left_out_steps)
