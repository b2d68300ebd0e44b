"""One epoch of training: steps, checkpoints between them, validation, and the epoch's line of the log."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Generator, Iterator
from typing import Any, TypeVar

from hearsight.console import Bar, print_message
from hearsight.errors import DatasetError
from hearsight.prefetch import prefetch
from hearsight.training.data.batches import Batch
from hearsight.training.interruption import DeferredSignals, defer_signals
from hearsight.training.parallel.restore import begin_epoch
from hearsight.training.run.filters import draw_filters
from hearsight.training.run.folder import RunFolder
from hearsight.training.run.log import RunLog
from hearsight.training.run.partial import EpochProgress, save_progress
from hearsight.training.step.student import Student
from hearsight.training.validation import Scores, validate

_T = TypeVar("_T")


class EpochTraining:
    """Trains the rest of an epoch.

    Parameters
    ----------
    student
        What is trained.
    run
        Where checkpoints go.
    log, bar
        Where losses and progress are shown.
    """

    def __init__(self, student: Student, run: RunFolder, log: RunLog, bar: Bar) -> None:
        self._student = student
        self._run = run
        self._log = log
        self._bar = bar
        self._saved = time.monotonic()
        self._postponed = False

    def train(self, progress: EpochProgress) -> dict[str, Any]:
        """Train from a step of an epoch to its end, score the network, and log both; return the epoch's line of the log.

        Ctrl-C and SIGTERM save the state before they take effect.
        """
        student, before = self._student, progress.seconds
        per_epoch = student.train_batches.num_batches
        first = progress.step - (progress.epoch - 1) * per_epoch
        stop = min(per_epoch, student.num_steps - (progress.epoch - 1) * per_epoch)
        batches = prefetch(student.train_batches.batches(progress.epoch, first, stop))
        begin_epoch(student, progress, self._log.history[-1]["loss"] if self._log.history else None)
        started = time.perf_counter()
        with defer_signals() as signals, self._save_before_unreadable(progress):
            for batch, waited in _time(batches):
                student.accumulator.stop = signals.is_pending
                self._take_step(batch, waited, progress)
                progress.seconds = before + time.perf_counter() - started
                self._save_if_due(progress, signals)
        return self._finish(progress, stop)

    @contextlib.contextmanager
    def _save_before_unreadable(self, progress: EpochProgress) -> Generator[None]:
        """Save the state where the dataset turns out to be damaged, so that no step is lost."""
        begun = progress.step
        try:
            yield
        except DatasetError:
            if self._student.group.size == 1 and progress.step > begun:  # others would have to save the same step
                self._save(progress)
            raise

    def _take_step(self, batch: Batch, waited: float, progress: EpochProgress) -> None:
        student, begun = self._student, time.perf_counter()
        epoch, step = progress.epoch, progress.step + 1
        loss, rate = student.train_step(batch, epoch, step)
        progress.count_step(loss, batch.num_clips, left_out=student.watch.left_out)
        progress.waited += waited
        if student.watch.left_out:
            clips = student.list_clips(epoch, step)
            self._log.write("left out", epoch, {"loss": loss, "clips": clips}, step=step)
        elif step % student.config.log_every == 0:
            clock = {"data": waited, "step": waited + time.perf_counter() - begun}
            self._log.write("step", epoch, {"loss": loss, "learning_rate": rate, "seconds": clock}, step=step)
        self._bar.advance(batch.num_clips)
        self._bar.note(f"epoch {epoch}/{student.num_epochs}, loss {loss:.4f}")

    def _save_if_due(self, progress: EpochProgress, signals: DeferredSignals) -> None:
        """Save the state where a signal asks for it, or the configuration does."""
        config = self._student.config
        due = bool(config.checkpoint_steps) and progress.step % config.checkpoint_steps == 0
        due |= self._postponed
        due |= bool(config.checkpoint_minutes) and time.monotonic() - self._saved >= 60.0 * config.checkpoint_minutes
        # between two averages of local steps, this process alone has its weights
        self._postponed = due and self._student.local.is_local and progress.step % config.sync_every != 0
        due &= not self._postponed
        stop = self._student.accumulator.stop  # in a group, all processes stop after the same step
        pending = signals.is_pending and self._student.group.size == 1
        if due or stop or pending:
            self._save(progress)
        if stop or pending:
            signals.raise_pending(signal.SIGTERM)  # that of another process, where this one has none

    def _save(self, progress: EpochProgress) -> None:
        student = self._student
        save_progress(self._run, student.network, student.optimizer, progress, student.average)
        self._saved = time.monotonic()

    def _finish(self, progress: EpochProgress, num_steps: int) -> dict[str, Any]:
        """Score the network and log the epoch, which had a number of steps."""
        student, epoch = self._student, progress.epoch
        begun = time.perf_counter()
        try:
            scores = self._validate()
        except KeyboardInterrupt:  # scoring changes no weight: the epoch's training is kept
            self._save(progress)
            raise
        student.check(epoch, progress.step, scores.loss)
        seconds = time.perf_counter() - begun
        mean = progress.average_loss(student.train_batches.count_clips(num_steps))
        if mean is None:
            raise student.explain(epoch, progress.step, "every step was left out", "numbers")
        values = {"loss": mean, **scores.as_values()}
        if progress.left_out_steps:
            values["left_out_steps"] = progress.left_out_steps
        clock = {"train": progress.seconds, "data": progress.waited, "validation": seconds}
        line = self._log.write("epoch", epoch, {**values, "seconds": clock}, step=progress.step)
        self._log.settle()
        if self._log.is_shown:
            clips = student.train_batches.count_clips(num_steps)
            rates = {
                "epoch/clips_per_second": clips / progress.seconds,
                "epoch/data_wait": progress.waited / progress.seconds,
            }
            self._log.show(rates, draw_filters(student.network.trunk), progress.step)
        took = progress.seconds + seconds
        print_message(
            f"epoch {epoch}/{student.num_epochs}: loss {values['loss']:.4f}, {scores.describe()}, {took:.0f} s"
        )
        return line

    def _validate(self) -> Scores:
        student = self._student
        with student.with_average():
            return validate(
                student.network, student.validation_batches, student.device, student.objective, self._run.folder
            )


def _time(items: Iterator[_T]) -> Iterator[tuple[_T, float]]:
    """Iterate over items, each with the seconds that were spent waiting for it."""
    while True:
        asked = time.perf_counter()
        try:
            item = next(items)
        except StopIteration:
            return
        yield item, time.perf_counter() - asked
