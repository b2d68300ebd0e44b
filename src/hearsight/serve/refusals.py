"""What a client is answered when it cannot be served: a status, a reason in one word, and one sentence."""

from __future__ import annotations

import collections
import datetime
import threading
from pathlib import Path
from typing import Any

from hearsight.errors import HearsightError, InputError, MachineError, MediaError, UsageError, from_os_error
from hearsight.records import RejectReason

KEPT_REFUSALS = 20
"""Refusals that ``GET /health`` shows in full."""

_MEDIA_STATUS: dict[str, int] = {RejectReason.NOT_MEDIA: 415, RejectReason.NO_AUDIO: 415}
"""Statuses of files that are no sound; of all others it is 422."""
_FULL_DISK = frozenset({"No space left on device", "Disk quota exceeded", "File too large"})


class Refusal(HearsightError):  # noqa: N818 (it is an answer)
    """A request that is not answered.

    Parameters
    ----------
    status
        Of the HTTP response.
    reason
        One word, by which ``GET /health`` counts them.
    where, found, wanted, hint
        As in every error.
    """

    def __init__(self, status: int, reason: str, where: object, found: str, wanted: str = "", hint: str = "") -> None:
        super().__init__(where, found, wanted, hint)
        self.status = status
        self.reason = reason

    def __reduce__(self) -> tuple[type[HearsightError], tuple[Any, ...]]:  # type: ignore[override]
        """Keep every field when the error is sent to another process."""
        return type(self), (self.status, self.reason, self.where, self.found, self.wanted, self.hint)

    def as_json(self) -> dict[str, Any]:
        """Return the body of the response."""
        body: dict[str, Any] = {"status": self.status, "reason": self.reason, "error": self.summary}
        return {**body, "hint": self.hint} if self.hint else body


def refuse(error: HearsightError | OSError | MemoryError, path: Path | None = None, name: str = "") -> Refusal:
    """Return an error as a refusal.

    Parameters
    ----------
    error
        What happened.
    path, name
        The file of the server that it is about, and what the client called it: the client never sees the path.
    """
    if isinstance(error, Refusal):
        return error
    if isinstance(error, MemoryError):
        return Refusal(503, "memory", name or "the server", "there is not enough memory for this")
    if isinstance(error, OSError):
        error = from_os_error(error, name or "the server")
    status, reason = _find_status(error)
    texts = (error.where, error.found, error.wanted, error.hint)
    if path is not None:
        texts = tuple(text.replace(str(path), name) for text in texts)
    return Refusal(status, reason, *texts)


def _find_status(error: HearsightError) -> tuple[int, str]:
    if isinstance(error, MediaError):
        return _MEDIA_STATUS.get(error.reason, 422), str(error.reason)
    if isinstance(error, MachineError):
        full = any(text in error.found for text in _FULL_DISK)
        return (507, "disk_full") if full else (503, "machine")
    if isinstance(error, UsageError):
        return 422, "usage"
    return (422, "unusable") if isinstance(error, InputError) else (500, "failed")


class RefusalLog:
    """Counts refusals by their reason, and keeps the latest ones; used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: collections.Counter[str] = collections.Counter()
        self._latest: collections.deque[dict[str, Any]] = collections.deque(maxlen=KEPT_REFUSALS)

    def add(self, refusal: Refusal) -> None:
        """Count a refusal."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        with self._lock:
            self._counts[refusal.reason] += 1
            self._latest.append({"time": now, **refusal.as_json()})

    def as_json(self) -> dict[str, Any]:
        """Return the counts, and the latest refusals, the newest first."""
        with self._lock:
            return {"counts": dict(sorted(self._counts.items())), "latest": list(reversed(self._latest))}
