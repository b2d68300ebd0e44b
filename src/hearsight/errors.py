"""Every error that hearsight raises on purpose, and the exit code of the command line for each.

::

    HearsightError                 a mistake or a failure that the user can correct
    ├── UsageError                 an invalid command or call                      (exit code 2)
    │   ├── ConfigError            unknown key, value out of range, broken TOML
    │   └── MissingExtraError      an optional dependency is not installed
    ├── InputError                 an input file that cannot be used                (exit code 3)
    │   ├── MediaError             a video or audio file; carries its RejectReason
    │   │   └── BrokenMediaError   from some time on; carries the span that is lost
    │   ├── TableError             a CSV or Parquet list
    │   ├── TeacherError           a teacher's file, or its classes
    │   ├── DatasetError           a dataset folder
    │   ├── RunError               a run folder, finished or not
    │   ├── CheckpointError        a checkpoint folder
    │   ├── GraphError             an ONNX file
    │   ├── HubError               a repository on the Hugging Face Hub
    │   ├── WeightsError           a file of published weights
    │   ├── IndexFolderError       a folder of indexed recordings
    │   └── BenchmarkError         a benchmark folder
    ├── FailureRateError           more bad input than the limit allows             (exit code 4)
    ├── WorkerError                a worker process died and retrying did not help  (exit code 5)
    ├── TrainingError              the loss is no longer a number                   (exit code 6)
    └── MachineError               output cannot be written, memory ran out         (exit code 7)

The message of each is *where: what was found, what was wanted*, and a ``hint:`` line if there is something to try.
"""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Iterable

from hearsight.text import escape_controls

EXIT_CODES: dict[int, str] = {
    0: "success",
    1: "an error in hearsight itself; please report it with the traceback",
    2: "invalid command: an unknown option, key or name, a value out of range, a missing optional package",
    3: "unusable input: a file or folder that is missing, damaged or of the wrong kind",
    4: "more input was rejected than the limit allows; the good files have been kept",
    5: "a worker failed on some files; the dataset is complete without them, and the same command tries them again",
    6: "training failed, because the loss is no longer a number",
    7: "output that cannot be written, or a limit of the machine: disk full or read-only, permission denied, a file where a "
    "folder should be, too many open files, out of memory",
    130: "interrupted by Ctrl-C (SIGINT); 0 for `hearsight serve`",
    143: "ended by SIGTERM; 0 for `hearsight serve`",
}
"""What each exit code of the command line means; the same mistake has the same code in every command."""


CONTINUE = "run the same command again to continue where it stopped"
"""The advice for everything that was interrupted and keeps its work: the same from every command that meets it."""


class HearsightError(Exception):
    """Base of all errors that a user can correct.

    Parameters
    ----------
    where
        The file, key or argument that the error is about.
    found
        What was found there.
    wanted
        What was wanted instead; empty if ``found`` is enough.
    hint
        What the user can do about it.

    Examples
    --------
    >>> try:
    ...     hearsight.load("absent")
    ... except hearsight.HearsightError as error:
    ...     print(error.exit_code, error.where)
    3 absent
    """

    exit_code = 1
    """Of the command line; see :data:`EXIT_CODES`."""

    def __init__(self, where: object, found: str, wanted: str = "", hint: str = "") -> None:
        self.where = str(where)
        self.found = found
        self.wanted = wanted
        self.hint = hint
        super().__init__(where, found, wanted, hint)

    @property
    def summary(self) -> str:
        """The message in one line, without the hint; control characters in it are escaped."""
        message = f"{self.where}: {self.found}"
        if self.wanted:
            message += f", wanted {self.wanted}"
        return escape_controls(message)

    def __str__(self) -> str:
        """Return the summary, and a ``hint:`` line if there is a hint."""
        return f"{self.summary}\nhint: {escape_controls(self.hint)}" if self.hint else self.summary

    def __reduce__(self) -> tuple[type[HearsightError], tuple[str, str, str, str]]:
        """Keep every field when the error is sent to another process."""
        return type(self), (self.where, self.found, self.wanted, self.hint)


class UsageError(HearsightError):
    """An invalid command or call."""

    exit_code = 2


class ConfigError(UsageError):
    """An unknown configuration key, a value out of range, a broken file."""


class MissingExtraError(UsageError):
    """An optional dependency that this call needs is not installed."""


class InputError(HearsightError):
    """An input file that cannot be used."""

    exit_code = 3


class MediaError(InputError):
    """A video or audio file that cannot be used; ``reason`` is the :class:`~hearsight.records.RejectReason` value."""

    def __init__(self, where: object, found: str, wanted: str = "", hint: str = "", reason: str = "unreadable") -> None:
        super().__init__(where, found, wanted, hint)
        self.reason = reason

    def __reduce__(self) -> tuple[type[HearsightError], tuple[str, str, str, str, str]]:  # type: ignore[override]
        """Keep every field when the error is sent to another process."""
        return type(self), (self.where, self.found, self.wanted, self.hint, self.reason)


class BrokenMediaError(MediaError):
    """A file whose sound or pictures are damaged; everything before ``start`` can be used.

    Parameters
    ----------
    start
        Where the lost span starts, in seconds of the file's own time.
    end
        Where the lost span ends, in seconds; None where it is unknown.
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
        """Keep every field when the error is sent to another process."""
        return type(self), (self.where, self.found, self.wanted, self.hint, self.reason, self.start, self.end)


class TableError(InputError):
    """A CSV or Parquet list that cannot be read as what it should be."""


class TeacherError(InputError):
    """A teacher's file that cannot be used, or classes that do not fit it."""


class DatasetError(InputError):
    """A dataset folder that is absent, unfinished, or of another configuration."""


class RunError(InputError):
    """A run folder that is of another configuration or dataset, damaged, or in use by another process."""


class CheckpointError(InputError):
    """A checkpoint folder that is absent, incomplete, or of another network or vocabulary."""


class GraphError(InputError):
    """An ONNX file that cannot be run, or is not one that hearsight exported."""


class HubError(InputError):
    """A repository on the Hugging Face Hub that is absent, private to others, or out of reach."""


class WeightsError(InputError):
    """A file of published weights that cannot be read safely, is cut short, or is of another network."""


class IndexFolderError(InputError):
    """A folder of indexed recordings that is absent, damaged, or was changed while it was read."""


class BenchmarkError(InputError):
    """A benchmark folder whose files or folds are not the published ones."""


class FailureRateError(HearsightError):
    """More of the input was rejected than the limit allows; what was good has been kept."""

    exit_code = 4


class WorkerError(HearsightError):
    """A worker process that died again and again on the same unit of work."""

    exit_code = 5


class TrainingError(HearsightError):
    """Training that cannot go on: the loss is no longer a number. What was good before has been kept."""

    exit_code = 6


class MachineError(HearsightError):
    """Output that cannot be written, or a limit of the machine: disk full, permission denied, open files, memory."""

    exit_code = 7


class UnwritableError(OSError):
    """Output that cannot be written, whatever the reason: the disk, the permissions, or something else in its place."""


_REFUSALS: dict[int, str] = {
    errno.ENOSPC: "free some space there, or choose another folder",
    errno.EDQUOT: "free some of your quota, or choose another folder",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or choose another file system",
    errno.EROFS: "choose a folder on a disk that can be written",
    errno.EACCES: "check the permissions of the file and of its folder",
    errno.EPERM: "check the permissions of the file and of its folder",
    errno.EMFILE: "raise the limit on open files (ulimit -n), or use fewer workers",
    errno.ENFILE: "raise the limit on open files (ulimit -n), or use fewer workers",
    errno.ENOMEM: "use fewer workers or smaller batches",
    errno.EAGAIN: "use fewer workers",
    errno.EIO: "check the disk",
}
"""Errors of the operating system that are no mistake in the input, and what to do about each."""


def from_os_error(error: OSError, where: object = "") -> HearsightError:
    """Return an error of the operating system as one of ours, with its exit code and a hint.

    Parameters
    ----------
    error
        The error, as the operating system or a library raised it.
    where
        The file that it is about, if the error itself does not name it.

    Returns
    -------
    HearsightError
        :class:`MachineError` for output that cannot be written, a full or read-only disk, a missing permission and limits of the
        machine; otherwise :class:`InputError`, as for a file that is absent or of the wrong kind.
    """
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(where or "the file system")
    number = error.errno or 0
    found = error.strerror or (os.strerror(number) if number else str(error) or type(error).__name__)
    if isinstance(error, UnwritableError):
        return cannot_write(place, error)
    if number in _REFUSALS:
        return MachineError(place, os.strerror(number), hint=_REFUSALS[number])
    return InputError(place, found)


def cannot_write(path: object, error: OSError) -> HearsightError:
    """Return the error of a file that cannot be written, whatever the reason; errors as in :func:`from_os_error`."""
    reason = error.strerror or (os.strerror(error.errno) if error.errno else str(error))
    if error.errno in _REFUSALS:
        reason = os.strerror(error.errno)  # libraries add words that the system's sentence does not need
    return MachineError(path, f"cannot be written ({reason})", hint=_REFUSALS.get(error.errno or 0, ""))


def guess(name: str, known: Iterable[str]) -> str:
    """Return a hint that names the known name that was probably meant.

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
