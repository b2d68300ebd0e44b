"""Teaching from the page: marked examples → a checkpoint in the folder that the user has allowed, one at a time."""

from __future__ import annotations

import dataclasses
import re
import shutil
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hearsight.errors import HearsightError, MachineError
from hearsight.files import describe_path, make_folder
from hearsight.listening.listener import Listener, load
from hearsight.search.index import Index
from hearsight.serve.refusals import Refusal, refuse
from hearsight.serve.work import RETRY_SECONDS, Watch
from hearsight.teaching.examples import BACKGROUND, Example
from hearsight.teaching.suggest import choose_diverse, measure_uncertainty, predict_rows
from hearsight.teaching.teach import TeachOptions, TeachReport, teach_examples

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"
"""Names of models: no dot and no separator, so that a name is never a path."""


@dataclasses.dataclass(frozen=True)
class Suggestion:
    """A row of the index that is worth judging next, with the class that it may be of."""

    row: int
    name: str
    probability: float


class Lessons:
    """The folder of taught models, and who is teaching; used by several threads.

    Parameters
    ----------
    folder
        Where checkpoints are written, each in a folder of its name. It is created where it is missing.
    model
        What the user called the model of the server.

    Raises
    ------
    UnwritableError, MachineError
        When it is no folder, or cannot be created.
    """

    def __init__(self, folder: Path, model: str) -> None:
        if folder.exists() and not folder.is_dir():
            raise MachineError(folder, f"{describe_path(folder)}, not a folder", "a folder for taught models")
        make_folder(folder)
        self.folder = folder
        self._model = model
        self._lock = threading.Lock()

    def list_models(self) -> list[str]:
        """Return the names of the models that are there."""
        return sorted(one.name for one in self.folder.iterdir() if re.match(NAME_PATTERN, one.name) and one.is_dir())

    def begin(self, name: str) -> Path:
        """Return the folder of a new model, and let no other lesson begin before :meth:`end`.

        Raises
        ------
        Refusal
            409 when there is a model of this name, 422 when it is no name, 429 when another lesson is going on.
        """
        if not re.match(NAME_PATTERN, name):
            raise Refusal(422, "usage", "name", f"{name[:64]!r}", "letters, digits, - and _, at most 64")
        out = self.folder / name
        if out.exists() or out.is_symlink():
            raise Refusal(409, "exists", "name", f"there is a model {name!r} already", "a new name")
        if not self._lock.acquire(blocking=False):
            raise Refusal(
                429, "busy", "the server", "another class is being taught", hint=f"try again in {RETRY_SECONDS} s"
            )
        return out

    def end(self) -> None:
        """Let another lesson begin."""
        self._lock.release()

    def teach(
        self,
        listener: Listener,
        examples: Sequence[Example],
        out: Path,
        watch: Watch,
        options: Mapping[str, Any],
    ) -> TeachReport:
        """Teach, and write the checkpoint.

        Parameters
        ----------
        listener
            The model of the server, which stays as it is.
        examples
            Parts of recordings with their classes.
        out
            What :meth:`begin` returned.
        watch
            Follows the work, in files that have been read.
        options
            Further fields of :class:`~hearsight.teaching.teach.TeachOptions`.

        Raises
        ------
        HearsightError
            When the examples cannot be used, or the checkpoint cannot be written.
        Refusal
            When the client is gone, or it takes too long.
        """
        settings = TeachOptions(self._model, **options)

        def report(count: int) -> None:
            watch.advance(float(count), f"after {count} files")

        try:
            return teach_examples(examples, out, listener, settings, report)
        except BaseException:
            shutil.rmtree(out, ignore_errors=True)  # there was nothing before, and half a checkpoint is none
            raise


def suggest_rows(taught: Path, index: Index, count: int) -> list[Suggestion]:
    """Return the rows of an index that are most worth judging for a taught model: uncertain, and different from each other."""
    listener = load(taught, device="cpu")
    classes = np.flatnonzero([name != BACKGROUND for name in listener.vocabulary])
    probabilities, best = predict_rows(listener, index.embeddings, classes)
    if not len(probabilities) or not count:
        return []
    chosen = choose_diverse(index.embeddings, measure_uncertainty(probabilities), count).tolist()
    names = listener.vocabulary
    return [Suggestion(row, names[int(classes[best[row]])], float(probabilities[row])) for row in chosen]


def refuse_lesson(error: HearsightError | OSError | MemoryError, names: Mapping[str, str], folder: Path) -> Refusal:
    """Return an error of teaching as a refusal that names recordings as the client does, and no path of the server."""
    first = refuse(error, folder, "the folder of models")
    texts = [first.where, first.found, first.wanted, first.hint]
    for path, name in sorted(names.items(), key=lambda one: -len(one[0])):
        texts = [text.replace(path, name) for text in texts]
    return Refusal(first.status, first.reason, *texts)
