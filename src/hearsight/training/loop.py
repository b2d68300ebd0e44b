"""Training: a dataset in, a run folder with a checkpoint out (Jia 2019, section 3)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hearsight.config import TrainConfig
from hearsight.console import Bar, ProgressCallback, print_message, report_progress, track
from hearsight.errors import RunError, from_os_error
from hearsight.models.checkpoint import save_checkpoint
from hearsight.prefetch import prefetch
from hearsight.training.data.dataset import TrainingData, open_data
from hearsight.training.run.folder import RunFolder, check_same_run, lock_run
from hearsight.training.run.log import RunLog, check_tensorboard
from hearsight.training.run.summary import TrainSummary, choose_best, summarize_run
from hearsight.training.step.device import Device
from hearsight.training.step.student import Student
from hearsight.training.validation import validate

_T = TypeVar("_T")


def train(
    dataset: str | Path | TrainingData,
    out: str | Path,
    config: TrainConfig,
    *,
    resume: bool = True,
    progress: ProgressCallback | None = None,
) -> TrainSummary:
    """Train a network on a dataset's labels.

    A run that was interrupted continues after its last finished epoch, and ends with the same weights and losses as if it had not
    been interrupted. Where the run is finished, nothing is done.

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
        Called with the number of training clips done, in place of a progress bar.

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
        When the network or device is unknown.
    TrainingError
        When the loss is no longer a number. The checkpoints up to the epoch before are kept.
    MachineError
        When the disk is full or cannot be written. The checkpoints so far are kept.

    Examples
    --------
    >>> from hearsight.config import TrainConfig
    >>> config = TrainConfig(recipe="quick", model="hearsight-conv-4", epochs=1)
    >>> summary = hearsight.train("dataset", "new-run", config)
    >>> hearsight.load("new-run").embedding_dim
    256
    """
    data, folder = open_data(dataset), Path(out)
    if config.tensorboard:
        check_tensorboard()
    with _explain_os_errors(folder), report_progress(progress), lock_run(folder) as run:
        if run.record.exists():
            if not resume:
                found = "a finished run" if run.is_finished else "an unfinished run"
                raise RunError(folder, found, "a new folder", "use another folder, or leave out resume=False")
            record = check_same_run(run, config, data.digest)
            if run.is_finished:
                print_message(f"{folder}: this run is finished")
                return summarize_run(record["dataset"], run.read_final_history(), folder)
            device = Device.from_record(record["machine"])
        else:
            device = Device.resolve(config)
        with device.deterministic():
            student = Student.prepare(data, config, device)
            if not run.record.exists():
                run.start(config.model_dump(mode="json"), student.describe(), device.describe())
            history = _train_epochs(student, run)
            _deliver(student, run, history)
        return summarize_run(student.describe(), history, folder)


@contextlib.contextmanager
def _explain_os_errors(folder: Path) -> Generator[None]:
    """Turn errors of the operating system into ours, with what has been kept."""
    try:
        yield
    except OSError as error:
        failure = from_os_error(error, folder)
        done = RunFolder(folder).last_epoch()
        kept = f"the checkpoint of epoch {done} is kept, and the same command continues from it" if done else ""
        failure.hint = "; ".join(part for part in (failure.hint, kept) if part)
        raise failure from error


def _train_epochs(student: Student, run: RunFolder) -> list[dict[str, Any]]:
    """Train from the last checkpoint to the last epoch, with a checkpoint after each; return the log's lines of all epochs."""
    config = student.config
    run.sweep()
    done = run.last_epoch()
    history = run.read_history(done)
    if done:
        print_message(f"continuing after epoch {done} of {student.num_epochs}")
        run.restore(done, student.network, student.optimizer)
    else:
        student.warn_if_too_short()
    num_clips = (student.num_epochs - done) * student.num_clips
    with (
        RunLog(run.folder, student.describe(), history, tensorboard=config.tensorboard) as log,
        track("train", num_clips, "clips") as bar,
    ):
        for epoch in range(done + 1, student.num_epochs + 1):
            line = _train_epoch(student, epoch, log, bar, run.folder)
            run.save(student.network, student.optimizer, log.history, student.describe_checkpoint(line))
            run.prune([choose_best(log.history)], range(epoch - config.keep + 1, epoch + 1))
        return log.history


def _train_epoch(student: Student, epoch: int, log: RunLog, bar: Bar, scratch: Path) -> dict[str, Any]:
    """Train one epoch, score it, and log both; return the epoch's line of the log."""
    config, step = student.config, (epoch - 1) * student.train_batches.num_batches
    started, total, waited = time.perf_counter(), 0.0, 0.0
    for batch, seconds in _time(prefetch(student.train_batches.batches(epoch))):
        begun = time.perf_counter()
        step += 1
        loss, rate = student.train_step(batch, epoch, step)
        total += loss * len(batch.clips)
        waited += seconds
        if step % config.log_every == 0:
            clock = {"data": seconds, "step": seconds + time.perf_counter() - begun}
            log.write("step", epoch, {"loss": loss, "learning_rate": rate, "seconds": clock}, step=step)
        bar.advance(len(batch.clips))
        bar.note(f"epoch {epoch}/{student.num_epochs}, loss {loss:.4f}")
    trained = time.perf_counter()
    scores = validate(student.network, student.validation_batches, student.device, student.objective, scratch)
    student.check(epoch, step, scores.loss)
    ended = time.perf_counter()
    values = {"loss": total / student.num_clips, **scores.as_values()}
    clock = {"train": trained - started, "data": waited, "validation": ended - trained}
    line = log.write("epoch", epoch, {**values, "seconds": clock}, step=step)
    log.settle()
    print_message(
        f"epoch {epoch}/{student.num_epochs}: loss {values['loss']:.4f}, {scores.describe()}, {ended - started:.0f} s"
    )
    return line


def _deliver(student: Student, run: RunFolder, history: Sequence[Mapping[str, Any]]) -> None:
    """Write the network of the last epoch, or of the best one, to the run folder."""
    last, best = len(history), choose_best(history)
    delivered = best if student.config.deliver == "best" else last
    run.restore(delivered, student.network)
    save_checkpoint(student.network, run.folder, **student.describe_checkpoint(history[delivered - 1]))
    run.prune([best, last], [])


def _time(items: Iterator[_T]) -> Iterator[tuple[_T, float]]:
    """Iterate over items, each with the seconds that were spent waiting for it."""
    while True:
        asked = time.perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        yield item, time.perf_counter() - asked
