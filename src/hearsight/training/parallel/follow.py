"""What a process does that trains along, and writes nothing."""

from __future__ import annotations

import signal
from pathlib import Path

from hearsight.config import TrainConfig
from hearsight.errors import RunError
from hearsight.prefetch import prefetch
from hearsight.training.data.dataset import TrainingData
from hearsight.training.group import Group
from hearsight.training.interruption import defer_signals
from hearsight.training.parallel.restore import begin_epoch, continue_plan, restore_run
from hearsight.training.run.folder import RunFolder, check_same_run
from hearsight.training.run.partial import EpochProgress
from hearsight.training.run.summary import TrainSummary, summarize_run
from hearsight.training.step.device import Device
from hearsight.training.step.student import Student

PLAN = "plan"
"""The word under which the leader shares how the run is trained; None where it is finished."""


def follow(data: TrainingData, folder: Path, config: TrainConfig, group: Group) -> TrainSummary:
    """Train along with the leader of a group, until the run is finished.

    Raises
    ------
    RunError
        When this process sees another dataset, configuration or folder than the leader.
    MachineError
        When the leader or another process has ended.
    """
    run = RunFolder(folder)
    plan = group.share(PLAN)
    if not run.record.exists():
        raise RunError(folder, "no run.json", "that of process 0", "use a file system that all machines share")
    record = check_same_run(run, config, data.digest)
    if plan is not None:
        device = Device.from_record({**plan["machine"], "device": Device.resolve(config).name})
        with device.deterministic():
            student = Student.prepare(data, config, device, continue_plan(run, record, group))
            history, progress = restore_run(student, run)
            loss = history[-1]["loss"] if history else None
            for epoch in range(progress.epoch, student.num_epochs + 1):
                loss = _train_epoch(student, progress, loss)
                group.wait()  # the leader has scored and saved the network
                progress = EpochProgress(epoch + 1, progress.step)
    group.wait()  # the run is finished
    return summarize_run(record["dataset"], run.read_final_history(), folder)


def _train_epoch(student: Student, progress: EpochProgress, before: float | None) -> float | None:
    """Take the remaining steps of an epoch; return its mean loss, from that of the epoch before."""
    per_epoch = student.train_batches.num_batches
    begun = (progress.epoch - 1) * per_epoch
    stop = min(per_epoch, student.num_steps - begun)
    begin_epoch(student, progress, before)
    with defer_signals() as signals:
        for batch in prefetch(student.train_batches.batches(progress.epoch, progress.step - begun, stop)):
            student.accumulator.stop = signals.is_pending
            loss, _ = student.train_step(batch, progress.epoch, progress.step + 1)
            progress.count_step(loss, batch.num_clips, left_out=student.watch.left_out)
            if student.accumulator.stop:
                signals.raise_pending(signal.SIGTERM)
    return progress.average_loss(student.train_batches.count_clips(stop))
