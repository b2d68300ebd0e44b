"""Training: a dataset in, a run folder with a checkpoint out (Jia 2019, section 3)."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hearsight.config import TrainConfig
from hearsight.console import ProgressCallback, print_message, redirect_progress, track
from hearsight.errors import RunError, from_os_error
from hearsight.models.checkpoint import save_checkpoint
from hearsight.training.data.batches import ORDER
from hearsight.training.data.dataset import TrainingData, open_data, restrict_teachers, take_all_classes
from hearsight.training.epoch import EpochTraining
from hearsight.training.group import Group, join_group
from hearsight.training.parallel.follow import PLAN, follow
from hearsight.training.parallel.restore import continue_plan, restore_run
from hearsight.training.run.folder import RunFolder, check_same_run, lock_run
from hearsight.training.run.initial import complete_config
from hearsight.training.run.log import RunLog, check_tensorboard
from hearsight.training.run.partial import EpochProgress, find_last_step, remove_progress
from hearsight.training.run.summary import TrainSummary, choose_best, summarize_run
from hearsight.training.step.device import Device
from hearsight.training.step.student import RunPlan, Student


def train(
    dataset: str | Path | TrainingData,
    out: str | Path,
    config: TrainConfig,
    *,
    resume: bool = True,
    progress: ProgressCallback | None = None,
) -> TrainSummary:
    """Train a network on a dataset's labels.

    A run that was interrupted continues after its last checkpoint, which may be within an epoch, and ends with the same weights and
    losses as if it had not been interrupted. Ctrl-C and SIGTERM write a checkpoint before they end the run. Where the run is
    finished, nothing is done.

    Where the environment names several processes (:mod:`hearsight.training.group`), each of them calls this function, and
    they train one network together.

    Parameters
    ----------
    dataset
        The folder that ``hearsight build`` wrote, or an open dataset.
    out
        The run folder; see :mod:`hearsight.training.run.folder` for its files.
    config
        The configuration. To continue a run, it must be the one that the run began with.
    resume
        Whether a run in the folder may be continued; if not, it is refused.
    progress
        Called with a :class:`~hearsight.console.ProgressEvent` at every step, which counts training clips, in place of a progress
        bar.

    Returns
    -------
    TrainSummary
        The run's size, time and scores.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, or has fewer than two clips with labels to train on.
    RunError
        When the folder holds a run of another configuration or dataset, a damaged one, one that is being trained, or any run
        without ``resume``.
    UsageError
        When the network or device is unknown, or the dataset has no such teacher.
    TrainingError
        When the loss is no longer a number. The checkpoints up to the epoch before are kept.
    MachineError
        When the disk is full or cannot be written, or another process of the run has ended. The checkpoints so far are kept.

    Examples
    --------
    >>> from hearsight.config import TrainConfig
    >>> config = TrainConfig(recipe="quick", model="hearsight-conv-4", epochs=1)
    >>> summary = hearsight.train("dataset", "new-run", config)
    >>> hearsight.load("new-run").embedding_dim
    256
    """
    data, folder = restrict_teachers(open_data(dataset), config.teachers), Path(out)
    config = complete_config(config, folder)
    if config.all_classes:
        data = take_all_classes(data)
    if config.tensorboard:
        check_tensorboard()
    with join_group(config.device) as group:
        if not group.is_leader:
            return follow(data, folder, config, group)
        with _explain_os_errors(folder), redirect_progress(progress), lock_run(folder) as run:
            return _lead(data, run, config, group, resume=resume)


def _lead(data: TrainingData, run: RunFolder, config: TrainConfig, group: Group, *, resume: bool) -> TrainSummary:
    """Begin or continue the run of a folder, which no other process writes."""
    record = None
    if run.record.exists():
        if not resume:
            found = "a finished run" if run.is_finished else "an unfinished run"
            raise RunError(run.folder, found, "a new folder", "use another folder, or leave out resume=False")
        record = check_same_run(run, config, data.digest)
        if run.is_finished:
            group.share(PLAN)
            group.wait()
            print_message(f"{run.folder}: this run is finished")
            return summarize_run(record["dataset"], run.read_final_history(), run.folder)
        device = Device.from_record(record["machine"])
        plan = continue_plan(run, record, group)
    else:
        device, plan = Device.resolve(config), RunPlan(ORDER, group.size, group)
    with device.deterministic():
        student = Student.prepare(data, config, device, plan)
        if record is None:
            about = (student.describe(), device.describe(), plan.least_parts, student.initial)
            run.start(config.model_dump(mode="json"), *about)
        run.sweep()
        group.share(PLAN, {"machine": device.describe(), "order": plan.order, "parts": plan.least_parts})
        history = _train_epochs(student, run)
        _deliver(student, run, history)
    group.wait()
    return summarize_run(student.describe(), history, run.folder)


@contextlib.contextmanager
def _explain_os_errors(folder: Path) -> Generator[None]:
    """Turn errors of the operating system into ours, with what has been kept."""
    try:
        yield
    except OSError as error:
        failure = from_os_error(error, folder)
        run = RunFolder(folder)
        done, step = run.last_epoch(), find_last_step(run)
        last = f"step {step}" if step else f"epoch {done}" if done else ""
        kept = f"the checkpoint of {last} is kept, and the same command continues from it" if last else ""
        failure.hint = "; ".join(part for part in (failure.hint, kept) if part)
        raise failure from error


def _train_epochs(student: Student, run: RunFolder) -> list[dict[str, Any]]:
    """Train from the last checkpoint to the last step, with a checkpoint after each epoch; return the log's lines of all epochs."""
    config = student.config
    history, progress = restore_run(student, run)
    done = len(history)
    _print_start(student, done, progress)
    num_clips = student.num_examples - min(student.num_examples, student.count_examples(progress.step))
    with (
        RunLog(run.folder, student.describe(), history, tensorboard=config.tensorboard, step=progress.step) as log,
        track("train", num_clips, "clips") as bar,
    ):
        for epoch in range(done + 1, student.num_epochs + 1):
            line = EpochTraining(student, run, log, bar).train(progress)
            about = student.describe_checkpoint(line)
            run.save(student.network, student.optimizer, log.history, about, student.average)
            run.prune([choose_best(log.history)], range(epoch - config.keep + 1, epoch + 1))
            remove_progress(run, before=progress.step + 1)
            student.group.wait()
            progress = EpochProgress(epoch + 1, progress.step)
        return log.history


def _print_start(student: Student, done: int, progress: EpochProgress) -> None:
    if progress.step > done * student.train_batches.num_batches:
        print_message(f"continuing after step {progress.step:,} of {student.num_steps:,}")
    elif done:
        print_message(f"continuing after epoch {done} of {student.num_epochs}")
    else:
        student.warn_if_too_short()


def _deliver(student: Student, run: RunFolder, history: Sequence[Mapping[str, Any]]) -> None:
    """Write the network of the last epoch, or of the best one, to the run folder."""
    last, best = len(history), choose_best(history)
    delivered = best if student.config.deliver == "best" else last
    run.restore(delivered, student.network)
    save_checkpoint(student.network, run.folder, **student.describe_checkpoint(history[delivered - 1]))
    run.prune([best, last], [])
