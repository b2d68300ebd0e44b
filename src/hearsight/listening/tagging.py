"""Tagging many recordings: to standard output, or file by file into a folder with a journal, in this process or in several.

Invariant: a recording that cannot be read is reported with its reason, and the others are tagged.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

from hearsight.console import Bar, describe_retry, print_message, track
from hearsight.detection.formats.catalogue import FORMATS, open_file
from hearsight.detection.formats.reading import read_detections
from hearsight.detection.formats.writer import Context, DetectionWriter
from hearsight.engine.engines import open_engine
from hearsight.engine.progress import report_progress
from hearsight.errors import InputError, MediaError, UsageError, from_os_error
from hearsight.listening.backends import Backend
from hearsight.listening.detector import Detector, TagOptions
from hearsight.listening.journal import Journal, locate_output, measure, open_journal
from hearsight.listening.listener import Listener, load
from hearsight.listening.recordings import Recording, check_names
from hearsight.listening.report import WorkReport
from hearsight.listening.stdin import STDIN, RawFormat, stream_pipe
from hearsight.records import Tag


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one recording: its rows, its seconds, what is to be said of it, and why it could not be read to its end."""

    rows: int
    duration: float
    notes: tuple[str, ...] = ()
    error: MediaError | None = None
    measured: tuple[int, int] = (-1, 0)


@dataclasses.dataclass(frozen=True)
class TagStage:
    """Called once in each process: loads a model, and returns the function that tags one recording into files.

    Attributes
    ----------
    model
        A run folder, a checkpoint folder or a repository.
    options
        What is looked for.
    formats
        Keys of :data:`~hearsight.detection.formats.catalogue.FORMATS`.
    out
        The folder of the files.
    raw
        The format of raw samples on standard input; None for WAV.
    backend
        As of :func:`~hearsight.listening.listener.load`.
    """

    model: str
    options: TagOptions
    formats: tuple[str, ...]
    out: str
    raw: RawFormat | None = None
    backend: Backend = "torch"

    def __call__(self) -> Callable[[Recording], Outcome]:
        """Load the model."""
        return self.bind(load(self.model, backend=self.backend))

    def bind(self, listener: Listener) -> Callable[[Recording], Outcome]:
        """Return the function that tags one recording with a model that is loaded already."""
        work = RecordingTagger(listener, self.options, self.raw)

        def tag_into_files(recording: Recording) -> Outcome:
            context, measured = make_context(listener), measure(recording.path)
            try:
                with contextlib.ExitStack() as stack:
                    paths = [locate_output(Path(self.out), recording, FORMATS[name].suffix) for name in self.formats]
                    files = zip(self.formats, paths, strict=True)
                    writers = [stack.enter_context(open_file(name, path, context)) for name, path in files]
                    return dataclasses.replace(work.tag(recording, writers), measured=measured)
            except OSError as error:
                raise from_os_error(error, self.out) from error

        return tag_into_files


class RecordingTagger:
    """Tags one recording after the other.

    Parameters
    ----------
    listener
        The network.
    options
        What is looked for.
    raw
        The format of raw samples on standard input; None for WAV.
    """

    def __init__(self, listener: Listener, options: TagOptions, raw: RawFormat | None = None) -> None:
        self._listener, self._raw, self._hop = listener, raw, options.hop
        self._detector = Detector(listener.vocabulary, listener.classes, options)
        listener.check_hop(options.hop)

    def tag(self, recording: Recording, writers: Sequence[DetectionWriter]) -> Outcome:
        """Write the rows of a recording; a recording that cannot be read is noted in the formats that have a place for it."""
        count, error, notes = 0, None, list[str]()
        try:
            for found in self._detect(recording, notes.append):
                report_progress()
                rows = [dataclasses.replace(row, note="; ".join(notes)) for row in found] if notes else found
                count += len(rows)
                for writer in writers:
                    writer.write(rows)
        except MediaError as damage:
            error = damage
            for writer in writers:
                writer.fail(recording.path, damage.summary)
        end, shortest = self._detector.end, self._detector.shortest
        for writer in writers:
            writer.end_file(recording.path, end)
        if shortest < self._listener.least_seconds and error is None:
            notes.append(self._listener.describe_padding(end))
        return Outcome(count, end, tuple(notes), error)

    def _detect(self, recording: Recording, notify: Callable[[str], None]) -> Iterator[list[Tag]]:
        if recording.path == STDIN:
            blocks = stream_pipe(sys.stdin.buffer, self._listener.training_sample_rate, self._raw)
            outputs = self._listener.forward_stream(blocks, STDIN, self._hop)
        else:
            outputs = self._listener.forward_file(recording.path, self._hop, notify)
        return self._detector.detect(outputs, recording.path)


def tag_to_writer(
    model: str,
    recordings: Sequence[Recording],
    options: TagOptions,
    open_writer: Callable[[Context], DetectionWriter],
    *,
    workers: int = 1,
    raw: RawFormat | None = None,
    backend: Backend = "torch",
) -> list[InputError]:
    """Write the rows of all recordings, in their order, with one writer.

    Parameters
    ----------
    model
        A run folder, a checkpoint folder or a repository.
    recordings
        What :func:`~hearsight.listening.recordings.find_recordings` returned.
    options
        What is looked for.
    open_writer
        Opens the writer, once the model is known.
    workers
        Number of processes; with 1, this one.
    raw
        The format of raw samples on standard input; None for WAV.
    backend
        As of :func:`~hearsight.listening.listener.load`.

    Returns
    -------
    list[InputError]
        Why some recordings could not be read.

    Raises
    ------
    UsageError
        When an option does not fit the model, or standard input is to be read by several processes.
    CheckpointError
        When the model cannot be used.
    """
    failures: list[InputError] = []
    listener = load(model, backend=backend)
    work = RecordingTagger(listener, options, raw)
    writer = open_writer(make_context(listener))
    with track_recordings(len(recordings)) as bar:
        if workers == 1 or len(recordings) < 2:
            for recording in recordings:
                note_outcome(recording, work.tag(recording, [writer]), failures)
                bar.advance()
        else:
            with tempfile.TemporaryDirectory(prefix="hearsight-tag-") as folder:
                stage = TagStage(model, options, ("parquet",), folder, backend=listener.backend)
                for recording, outcome in _order(run_stage(stage, _number(recordings), workers)):
                    _copy_rows(Path(folder), recording, outcome, writer)
                    note_outcome(recording, outcome, failures)
                    bar.advance()
    writer.close()
    return failures


def tag_to_folder(
    model: str,
    recordings: Sequence[Recording],
    options: TagOptions,
    out: Path,
    formats: Sequence[str],
    *,
    workers: int = 1,
    raw: RawFormat | None = None,
    backend: Backend = "torch",
    only_failed: bool = False,
) -> WorkReport:
    """Write one file per recording and format, and continue where an earlier run stopped.

    Parameters
    ----------
    model, recordings, options, workers, raw, backend
        As those of :func:`tag_to_writer`.
    out
        The folder; created where it is missing.
    formats
        Keys of :data:`~hearsight.detection.formats.catalogue.FORMATS`: each recording has a file of each.
    only_failed
        Whether those recordings are tried again that could not be read before, and no others.

    Raises
    ------
    UsageError
        When two recordings have the same name in the folder; or as :func:`tag_to_writer` raises.
    MachineError
        When the folder cannot be written, or another process writes into it.
    """
    check_names(recordings)
    started = time.monotonic()
    listener = load(model, backend=backend)
    stage = TagStage(model, options, tuple(formats), str(out), raw, listener.backend)
    work = stage.bind(listener)
    failures: list[InputError] = []
    done = rows = before = 0
    duration = 0.0
    with open_journal(out, digest_parameters(listener, options, formats), _list_suffixes(formats)) as journal:
        todo = _choose(recordings, journal, only_failed, failures)
        before = len(recordings) - len(todo) - len(failures)
        if only_failed and todo:
            print_message(f"{out}: {describe_retry(len(todo), 'recording')}")
        answers = (
            ((one, work(one)) for one in todo) if workers == 1 or len(todo) < 2 else run_stage(stage, todo, workers)
        )
        with track_recordings(len(todo)) as bar:
            for recording, outcome in answers:
                note_outcome(recording, outcome, failures)
                error = None if outcome.error is None else outcome.error.summary
                journal.add(recording, outcome.measured, outcome.rows, outcome.duration, error)
                done, rows, duration = done + (error is None), rows + outcome.rows, duration + outcome.duration
                bar.advance()
    return WorkReport(
        out=str(out),
        num_done=done,
        num_before=before,
        num_rows=rows,
        duration=duration,
        seconds=time.monotonic() - started,
        failures=failures,
    )


def make_context(listener: Listener) -> Context:
    """Return what formats state about the network: the highest frequency that it uses, and where paths start from."""
    return Context(highest=listener.training_sample_rate / 2.0, root=str(Path.cwd()))


def digest_parameters(listener: Listener, options: TagOptions, formats: Sequence[str]) -> str:
    """Return a SHA-256 of all that the results in a folder depend on, except the recordings."""
    parts = [listener.digest, *listener.vocabulary, options.compute_digest(), *formats]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _list_suffixes(formats: Sequence[str]) -> list[str]:
    return [FORMATS[name].suffix for name in formats]


def _choose(
    recordings: Sequence[Recording], journal: Journal, only_failed: bool, failures: list[InputError]
) -> list[Recording]:
    """Return what is to be done; what failed before and has not changed is a failure again."""
    todo: list[Recording] = []
    for one in recordings:
        state = journal.find_state(one)
        if state == "failed" and not only_failed:
            failures.append(InputError(one.path, f"failed before ({journal.get_error(one)})"))
        elif state == "failed" or (state == "new" and not only_failed):
            todo.append(one)
    return todo


def note_outcome(recording: Recording, outcome: Outcome, failures: list[InputError]) -> None:
    """Add the error of a recording to the failures, and report that it was padded."""
    if outcome.error is not None:
        failures.append(outcome.error)
    for note in outcome.notes:
        print_message(f"{recording.path}: {note}")


def run_stage(
    stage: Callable[[], Callable[[Recording], Outcome]], recordings: Sequence[Recording], workers: int
) -> Iterator[tuple[Recording, Outcome]]:
    """Work on recordings in several processes; one that ends its process is a failure like others.

    Parameters
    ----------
    stage
        Called once in each process; returns the function that works on one recording.
    recordings
        Files; standard input is refused.
    workers
        Number of processes.

    Raises
    ------
    UsageError
        When standard input is among them.
    """
    if any(one.path == STDIN for one in recordings):
        raise UsageError("--workers", f"{workers} processes for standard input", "1")
    with contextlib.closing(open_engine("local", workers).run(stage, recordings)) as answers:
        for answer in answers:
            if answer.result is not None:
                yield answer.unit, answer.result
                continue
            message = answer.failure.message if answer.failure is not None else ""
            error = MediaError(answer.unit.path, message, "a recording that can be read")
            yield answer.unit, Outcome(0, 0.0, error=error, measured=measure(answer.unit.path))


def _number(recordings: Sequence[Recording]) -> list[Recording]:
    """Return the recordings with numbers for names, for a temporary folder."""
    return [dataclasses.replace(one, name=str(place)) for place, one in enumerate(recordings)]


def _order(answers: Iterator[tuple[Recording, Outcome]]) -> Iterator[tuple[Recording, Outcome]]:
    """Return answers in the order of the recordings, whose names are numbers."""
    waiting: dict[str, tuple[Recording, Outcome]] = {}
    place = 0
    for recording, outcome in answers:
        waiting[recording.name] = (recording, outcome)
        while str(place) in waiting:
            yield waiting.pop(str(place))
            place += 1


def _copy_rows(folder: Path, recording: Recording, outcome: Outcome, writer: DetectionWriter) -> None:
    """Write the rows that a process left in a file, and remove it."""
    path = locate_output(folder, recording, FORMATS["parquet"].suffix)
    if path.exists():
        for table in read_detections(path):
            rows = [_make_tag(recording, values) for values in table.drop_columns(["error"]).to_pylist()]
            writer.write(rows)
        path.unlink()
    if outcome.error is not None:
        writer.fail(recording.path, outcome.error.summary)
    writer.end_file(recording.path, outcome.duration)


def _make_tag(recording: Recording, values: dict[str, Any]) -> Tag:
    numbers, kept = (values["start"], values["duration"]), ("class", "probability", "sense", "teacher", "note")
    return Tag(recording.path, *numbers, *(values[name] for name in kept))


@contextlib.contextmanager
def track_recordings(count: int, what: str = "tagging") -> Generator[Bar]:
    """Show progress where there are more than two recordings."""
    if count > 2:
        with track(what, count, "files") as bar:
            yield bar
    else:
        yield Bar(what, count, "files")
