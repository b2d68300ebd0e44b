"""Every error that hearsight raises on purpose.

::

    HearsightError                 what a user can cause and can mend
    ├── UsageError                 a command or call that makes no sense          (exit code 2)
    │   ├── ConfigError            unknown key, value out of range, broken TOML
    │   └── MissingExtraError      an optional dependency is not installed
    ├── InputError                 a file of the user's that cannot be used       (exit code 3)
    │   ├── MediaError             a video or audio file; carries its RejectReason
    │   │   └── BrokenMediaError   from some time on; carries the span that is lost
    │   ├── TableError             a CSV or Parquet list
    │   ├── TeacherError           a teacher's file, or its classes
    │   ├── DatasetError           a dataset folder
    │   ├── CheckpointError        a checkpoint folder
    │   ├── GraphError             an ONNX file
    │   ├── HubError               a repository on the Hugging Face Hub
    │   ├── WeightsError           a file of published weights
    │   └── BenchmarkError         a benchmark folder
    ├── FailureRateError           more bad input than the limit allows           (exit code 4)
    ├── WorkerError                a worker process died and retrying did not help (exit code 5)
    └── TrainingError              the loss is no longer a number                 (exit code 6)

Each says *where: what was found, what was wanted*, and where there is a way out, a ``hint:`` line.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class HearsightError(Exception):
    """Base of all errors a user can cause and mend.

    Parameters
    ----------
    where
        The file, key or argument that the error is about.
    found
        What was found there.
    wanted
        What was wanted instead; empty where ``found`` says it all.
    hint
        A way out, for a person to follow.
    """

    exit_code = 1

    def __init__(self, where: object, found: str, wanted: str = "", hint: str = "") -> None:
        self.where = str(where)
        self.found = found
        self.wanted = wanted
        self.hint = hint
        super().__init__(where, found, wanted, hint)

    def __str__(self) -> str:
        """One line, and a ``hint:`` line where there is one."""
        message = f"{self.where}: {self.found}"
        if self.wanted:
            message += f", wanted {self.wanted}"
        if self.hint:
            message += f"\nhint: {self.hint}"
        return message

    def __reduce__(self) -> tuple[type[HearsightError], tuple[str, str, str, str]]:
        """Cross a process boundary whole."""
        return type(self), (self.where, self.found, self.wanted, self.hint)


class UsageError(HearsightError):
    """A command or call that makes no sense."""

    exit_code = 2


class ConfigError(UsageError):
    """An unknown configuration key, a value out of range, a broken file."""


class MissingExtraError(UsageError):
    """An optional dependency that this call needs is not installed."""


class InputError(HearsightError):
    """A file of the user's that cannot be used."""

    exit_code = 3


class MediaError(InputError):
    """A video or audio file that cannot be used; ``reason`` is the :class:`~hearsight.records.RejectReason` value."""

    def __init__(self, where: object, found: str, wanted: str = "", hint: str = "", reason: str = "unreadable") -> None:
        super().__init__(where, found, wanted, hint)
        self.reason = reason

    def __reduce__(self) -> tuple[type[HearsightError], tuple[str, str, str, str, str]]:  # type: ignore[override]
        """Cross a process boundary whole."""
        return type(self), (self.where, self.found, self.wanted, self.hint, self.reason)


class BrokenMediaError(MediaError):
    """A file whose sound or pictures break off; what lies before ``start`` is good.

    Parameters
    ----------
    start
        Seconds of the file's own time from which on it cannot be used.
    end
        Where the lost span ends, in seconds; None where nobody knows.
    """

    def __init__(
        self,
        where: object,
        found: str,
        wanted: str = "",
        hint: str = "",
        reason: str = "broken_stream",
        start: float = 0.0,
        end: float | None = None,
    ) -> None:
        super().__init__(where, found, wanted, hint, reason)
        self.start = start
        self.end = end

    def __reduce__(self) -> tuple[type[HearsightError], tuple[object, ...]]:  # type: ignore[override]
        """Cross a process boundary whole."""
        return type(self), (self.where, self.found, self.wanted, self.hint, self.reason, self.start, self.end)


class TableError(InputError):
    """A CSV or Parquet list that cannot be read as what it should be."""


class TeacherError(InputError):
    """A teacher's file, or the classes it says it has."""


class DatasetError(InputError):
    """A dataset folder that is absent, unfinished, or of another configuration."""


class CheckpointError(InputError):
    """A checkpoint folder that is absent, incomplete, or of another network or vocabulary."""


class GraphError(InputError):
    """An ONNX file that cannot be run, or is not one that hearsight exported."""


class HubError(InputError):
    """A repository on the Hugging Face Hub that is absent, not open to the user, or out of reach."""


class WeightsError(InputError):
    """A file of published weights that cannot be read safely, is cut short, or is of another network."""


class BenchmarkError(InputError):
    """A benchmark folder whose files or folds are not the published ones."""


class FailureRateError(HearsightError):
    """More of the input was rejected than the limit allows; what was good has been kept."""

    exit_code = 4


class WorkerError(HearsightError):
    """A worker process died, again and again, on the same unit of work."""

    exit_code = 5


class TrainingError(HearsightError):
    """Training that cannot go on: the loss is no longer a number. What was good before has been kept."""

    exit_code = 6


def guess(name: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant.

    Returns
    -------
    str
        ``"did you mean 'x'?"``, or the list of known names when none is near.
    """
    options = list(known)
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return "known: " + ", ".join(sorted(options))
