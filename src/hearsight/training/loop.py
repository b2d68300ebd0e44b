"""Training: a dataset in, a run folder with a checkpoint out (Jia 2019, section 3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from hearsight.config import TrainConfig
from hearsight.console import Bar, print_message, track
from hearsight.models.checkpoint import save_checkpoint
from hearsight.training.data import TrainingData, open_data
from hearsight.training.device import Device
from hearsight.training.prefetch import prefetch
from hearsight.training.run import RunFolder, check_resumable, claim_run
from hearsight.training.runlog import RunLog, read_runlog
from hearsight.training.student import Student
from hearsight.training.summary import TrainSummary, choose_best, summarise_run
from hearsight.training.validation import validate

_T = TypeVar("_T")


def train(
    dataset: str | Path | TrainingData, out: str | Path, config: TrainConfig, *, resume: bool = False
) -> TrainSummary:
    """Train a network on a dataset's labels.

    Parameters
    ----------
    dataset
        The folder that ``hearsight build`` wrote, or a dataset that is open.
    out
        The run folder; see :mod:`hearsight.training.run` for what is in it.
    config
        Every knob; what a run began with, it must go on with.
    resume
        Whether to go on with a run that was interrupted: after its last whole epoch, with the same losses as if it had not been.
        Where there is none, a new one begins; where it is finished, nothing is done.

    Raises
    ------
    DatasetError
        When the dataset cannot be read, or has fewer than two clips with labels to train on.
    UsageError
        When the folder holds a run of another configuration or dataset, an unfinished one without ``resume``, or one that is
        being trained; or when the network or device is unknown.
    TrainingError
        When the loss is no longer a number. The checkpoints up to the epoch before are kept.
    """
    data = open_data(dataset)
    values = config.model_dump(mode="json")
    with claim_run(Path(out)) as run:
        if run.record.exists():
            record = check_resumable(run, values, data.digest, resume=resume)
            if run.is_finished:
                print_message(f"{run.folder}: this run is finished")
                return summarise_run(run.folder)
            device = Device.from_record(record["machine"])
        else:
            device = Device.resolve(config)
        with device.deterministic():
            student = Student.prepare(data, config, device)
            if not run.record.exists():
                run.start(values, student.describe(), device.describe())
            _train_epochs(student, run)
            _deliver(student, run)
    return summarise_run(run.folder)


def _train_epochs(student: Student, run: RunFolder) -> None:
    """Train from the last checkpoint to the last epoch, with a checkpoint after each."""
    config = student.config
    run.sweep()
    done = run.last_epoch()
    if done:
        print_message(f"going on after epoch {done} of {student.num_epochs}")
        run.restore(done, student.network, student.optimizer)
    num_clips = (student.num_epochs - done) * student.num_clips
    with RunLog(run.folder, done, tensorboard=config.tensorboard) as log, track("train", num_clips, "clips") as bar:
        if log.is_new:
            log.write("start", 0, student.describe())
        for epoch in range(done + 1, student.num_epochs + 1):
            line = _train_epoch(student, epoch, log, bar, run.folder)
            run.save(epoch, student.network, student.optimizer, student.describe_checkpoint(line))
            run.prune([choose_best(log.history)], range(epoch - config.keep + 1, epoch + 1))


def _train_epoch(student: Student, epoch: int, log: RunLog, bar: Bar, scratch: Path) -> dict[str, Any]:
    """Train one epoch, score it, and log both; give the epoch's line of the log."""
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


def _deliver(student: Student, run: RunFolder) -> None:
    """Write the run's network beside its record: that of the last epoch, or of the best."""
    history = [line for line in read_runlog(run.folder) if line["kind"] == "epoch"]
    last, best = history[-1]["epoch"], choose_best(history)
    delivered = best if student.config.deliver == "best" else last
    run.restore(delivered, student.network)
    save_checkpoint(student.network, run.folder, **student.describe_checkpoint(history[delivered - 1]))
    run.prune([best, last], [])


def _time(items: Iterator[_T]) -> Iterator[tuple[_T, float]]:
    """Give each item with the seconds that were spent in waiting for it."""
    while True:
        asked = time.perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        yield item, time.perf_counter() - asked
