"""Indexing recordings: each is embedded into its own file, a journal lists what is done, and all are gathered at the end.

Invariant: a run that was stopped continues with the first recording that is not done; one that has changed is done again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from hearsight.console import describe_count
from hearsight.errors import InputError, UsageError
from hearsight.files import describe_path, holds_other_things
from hearsight.listening.backends import Backend
from hearsight.listening.journal import LOCK as JOURNAL_LOCK
from hearsight.listening.journal import NAME as JOURNAL
from hearsight.listening.journal import Journal, State, measure, open_journal
from hearsight.listening.listener import Listener, load
from hearsight.listening.recordings import Recording
from hearsight.listening.report import WorkReport
from hearsight.listening.stdin import STDIN
from hearsight.listening.tagging import Outcome, note_outcome, run_stage, track_recordings
from hearsight.search.gather import Source, gather, list_finished
from hearsight.search.index import Index
from hearsight.search.manifest import NAME, ModelIdentity
from hearsight.search.metadata import Metadata
from hearsight.search.parts import SUFFIX, TOP, IndexStage, name_part
from hearsight.search.plane import write_map
from hearsight.text import make_encodable


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexReport(WorkReport):
    """What was indexed; its rows are the segments of the whole index.

    Attributes
    ----------
    num_removed
        Recordings that were taken out because their files are gone.
    num_recordings
        Recordings of the index.
    without_metadata
        Recordings that the table of metadata does not have; None without one.
    """

    num_removed: int
    num_recordings: int
    without_metadata: int | None

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        if not self.num_rows:
            return [f"{self.out}: no recording could be read, and no index is written"]
        of = describe_count(self.num_recordings, "recording")
        lines = [f"{self.out}: {describe_count(self.num_rows, 'segment')} of {of}"]
        if self.num_done:
            lines.append(f"{describe_count(self.num_done, 'recording')} embedded, {self.describe_speed()}")
        if self.num_removed:
            lines.append(f"{describe_count(self.num_removed, 'recording')} removed, because the files are gone")
        if self.without_metadata:
            are = "is" if self.without_metadata == 1 else "are"
            lines.append(f"{describe_count(self.without_metadata, 'recording')} {are} not in the table of metadata")
        return lines + self.describe_others()


@dataclasses.dataclass(frozen=True)
class IndexOptions:
    """How recordings are indexed.

    Attributes
    ----------
    hop
        Seconds from the start of one segment to the start of the next; None for the network's own.
    workers
        Number of processes; with 1, this one.
    only_failed
        Whether those recordings are tried again that could not be read before, and no others.
    prune
        Whether recordings whose files are gone are removed.
    map
        Whether the index gets a map. One that has a map gets a new one in any case.
    backend
        As of :func:`~hearsight.listening.listener.load`.
    force
        Whether recordings that were embedded with another hop are embedded again; otherwise they are refused.
    """

    hop: float | None = None
    workers: int = 1
    only_failed: bool = False
    prune: bool = False
    map: bool = False
    backend: Backend = "torch"
    force: bool = False


def index_recordings(
    model: str,
    recordings: Sequence[Recording],
    out: Path,
    options: IndexOptions,
    metadata: Metadata | None = None,
) -> IndexReport:
    """Index recordings, and continue where an earlier run stopped. Recordings that are in the index already stay in it.

    Parameters
    ----------
    model
        A run folder, a checkpoint folder, a repository, or the name of an installed model.
    recordings
        What :func:`~hearsight.listening.recordings.find_recordings` returned.
    out
        The index; created where it is missing.
    options
        How they are indexed.
    metadata
        Columns for the table of rows, in place of those that it has; None leaves these.

    Returns
    -------
    IndexReport
        Where no recording could be read and there was no index, none is written.

    Raises
    ------
    UsageError
        When the index was made by another model or with another hop, standard input is named, or there is nothing to index.
    IndexFolderError
        When the index is damaged.
    MachineError
        When the folder cannot be written, or another process writes into it.
    """
    _check(recordings, out)
    started = time.monotonic()
    listener = load(model, backend=options.backend)
    stage = IndexStage(model, str(out), options.hop, listener.backend)
    work = stage.bind(listener)
    failures: list[InputError] = []
    sound: list[float] = []
    with open_journal(out, digest_parameters(listener, options.hop), (SUFFIX,)) as journal:
        known = Known(out, listener, journal, digest_parameters(listener, options.hop))
        sources = {known.name_source(one.path): one for one in recordings}
        if not options.force:
            known.refuse_changes(sources, options.hop)
        todo = known.choose(sources, options.only_failed, failures)
        before = len(sources) - len(todo) - len(failures)
        shared = options.workers > 1 and len(todo) > 1
        answers = run_stage(stage, todo, options.workers) if shared else ((one, work(one)) for one in todo)
        with track_recordings(len(todo), "indexing") as bar:
            for recording, outcome in answers:
                sound.append(_note(recording, outcome, journal, failures))
                bar.advance()
        kept, removed = known.list_sources(options.prune)
        if known.index is not None or any(one.rows for one in kept):
            identity = ModelIdentity.of(listener, _locate(model))
            index = gather(out, known.index, kept, (identity, listener.embedding_dim, known.root), metadata)
            if options.map or (known.index is not None and known.index.manifest.map is not None):
                write_map(index)
        _clean(out)
    if not (out / NAME).exists():
        with contextlib.suppress(OSError):  # there may be something else in it
            out.rmdir()
    missing = None if metadata is None else int((metadata.find([one.source for one in kept]) < 0).sum())
    return IndexReport(
        out=str(out),
        num_done=len(todo),
        num_before=before,
        num_removed=removed,
        num_recordings=len(kept),
        num_rows=sum(one.rows for one in kept),
        without_metadata=missing,
        duration=sum(sound),
        seconds=time.monotonic() - started,
        failures=failures,
    )


def digest_parameters(listener: Listener, hop: float | None) -> str:
    """Return a SHA-256 of all that the segments of a recording depend on, except the recording."""
    parts = [listener.digest, *listener.vocabulary, f"{hop}", f"{TOP}"]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class Known:
    """What an index knows already: its finished recordings, and those of a run that was stopped.

    Parameters
    ----------
    out
        The index.
    listener
        The network.
    journal
        Of the run that was stopped, or of this one.
    parameters
        Of :func:`digest_parameters`.

    Attributes
    ----------
    index
        The finished index; None if there is none.
    root
        The folder that relative sources start from.

    Raises
    ------
    UsageError
        When the finished index was made by another network.
    """

    def __init__(self, out: Path, listener: Listener, journal: Journal, parameters: str) -> None:
        self._out, self._journal, self._parameters = out, journal, parameters
        self.index = Index.open(out) if (out / NAME).exists() else None
        self.root = str(Path.cwd()) if self.index is None else self.index.manifest.root
        self._old: dict[str, Source] = {}
        if self.index is not None:
            self.index.check_model(listener)
            self._old = list_finished(self.index)

    def name_source(self, path: str) -> str:
        """Return how a recording is named in the index: an absolute path as it is, another one from the root."""
        near = Path(path).is_absolute() or self.root == str(Path.cwd())
        return make_encodable(path if near else os.path.relpath(path, self.root))

    def refuse_changes(self, sources: Collection[str], hop: float | None) -> None:
        """Refuse to embed finished recordings again because an option has changed.

        Raises
        ------
        UsageError
            When one of the recordings was embedded with another hop, or its model had other classes.
        """
        others = [one for name in sources if (one := self._old.get(name)) and one.parameters != self._parameters]
        if others:
            count = describe_count(len(others), "recording")
            now = "the network's own --hop" if hop is None else f"--hop {hop:g}"
            raise UsageError(
                self._out,
                f"{count} embedded with another --hop, or with other classes",
                f"the options of the index, and not {now}",
                "choose another --out, or embed them again with --force",
            )

    def choose(
        self, sources: Mapping[str, Recording], only_failed: bool, failures: list[InputError]
    ) -> list[Recording]:
        """Return the recordings that are to be done; one that failed before and has not changed is a failure again."""
        todo: list[Recording] = []
        for source, one in sources.items():
            recording = Recording(one.path, name_part(source))
            state, error = self._find_state(source, recording)
            if state == "failed" and not only_failed:
                failures.append(InputError(one.path, f"failed before ({error})"))
            elif state == "failed" or (state == "new" and not only_failed):
                todo.append(recording)
        return todo

    def _find_state(self, source: str, recording: Recording) -> tuple[State, str]:
        """Return whether a recording is done, has failed or is to be done, and why it failed."""
        state = self._journal.find_state(recording)
        old = self._old.get(source)
        if state == "failed":
            return state, self._journal.get_error(recording)
        if state == "done" or old is None or old.parameters != self._parameters:
            return state, ""
        if (old.size, old.mtime_ns) != measure(recording.path):
            return "new", ""
        return ("done", "") if old.error is None else ("failed", old.error)

    def list_sources(self, prune: bool) -> tuple[list[Source], int]:
        """Return all recordings of the new index in the order of their names, and how many were removed.

        Parameters
        ----------
        prune
            Whether recordings whose files are gone are removed.
        """
        found = dict(self._old)
        for entry in self._journal.list_entries():
            source, part = self.name_source(entry.path), self._out / f"{entry.name}{SUFFIX}"
            ours = entry.name == name_part(source) and entry.parameters == self._parameters and entry.size >= 0
            if ours and (part.is_file() or not entry.rows):
                facts = (entry.size, entry.mtime_ns, entry.parameters, entry.rows, entry.duration, entry.error)
                found[source] = Source(source, *facts, part=part if entry.rows else None)
        kept = [one for _, one in sorted(found.items()) if not prune or Path(self.root, one.source).exists()]
        return kept, len(found) - len(kept)


def _check(recordings: Sequence[Recording], out: Path) -> None:
    if any(one.path == STDIN for one in recordings):
        raise UsageError("index", "standard input", "files, which can be found again")
    if not recordings:
        raise UsageError("index", f"no recording for {out}", "at least one")
    if holds_other_things(out, NAME, JOURNAL, JOURNAL_LOCK):
        raise UsageError(out, describe_path(out), "a new or empty folder, or an index", "choose another --out")


def _clean(out: Path) -> None:
    """Remove what was kept in case that the run is stopped."""
    shutil.rmtree(out / "parts", ignore_errors=True)
    (out / JOURNAL).unlink(missing_ok=True)


def _note(recording: Recording, outcome: Outcome, journal: Journal, failures: list[InputError]) -> float:
    note_outcome(recording, outcome, failures)
    error = None if outcome.error is None else outcome.error.summary
    journal.add(recording, outcome.measured, outcome.rows, outcome.duration, error)
    return outcome.duration


def _locate(model: str) -> str:
    """Return how a model is found again from another folder."""
    return str(Path(model).absolute()) if Path(model).exists() else model
