"""What the routes share: the model, the queue, the private folder, and the count of what was refused."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

from hearsight.listening.listener import Listener
from hearsight.serve.archive.finding import Archive
from hearsight.serve.archive.judging import JudgementTable
from hearsight.serve.archive.lessons import Lessons
from hearsight.serve.folder import PrivateFolder
from hearsight.serve.limits import ServeLimits
from hearsight.serve.recordings import Recordings
from hearsight.serve.refusals import RefusalLog
from hearsight.serve.work import WorkQueue
from hearsight.version import VERSION

READERS = 2
"""Threads of the queue without the network."""


@dataclasses.dataclass
class Service:
    """The parts of a running server.

    Attributes
    ----------
    listener
        The model.
    source
        Where the model was loaded from, as the user wrote it.
    folder
        Where uploads lie.
    limits
        What a client may ask for.
    queue
        Who uses the network, and who waits.
    hosts
        Names by which clients may call the server; empty for any.
    token
        What a client has to know; empty where everybody on this machine may ask.
    recordings
        What the page may look at.
    archive
        The index that is searched; None without one.
    judgements
        The table that judgements are written into; None without one.
    lessons
        The folder of taught models; None where nothing is taught.
    refusals
        What was not answered.
    """

    listener: Listener
    source: str
    folder: PrivateFolder
    limits: ServeLimits
    queue: WorkQueue
    hosts: frozenset[str] = frozenset()
    token: str = ""
    recordings: Recordings = dataclasses.field(default_factory=lambda: Recordings(ServeLimits()))
    archive: Archive | None = None
    judgements: JudgementTable | None = None
    lessons: Lessons | None = None
    refusals: RefusalLog = dataclasses.field(default_factory=RefusalLog)
    started: float = dataclasses.field(default_factory=time.monotonic)
    num_answered: int = 0
    readers: WorkQueue = dataclasses.field(init=False)

    def __post_init__(self) -> None:
        """Make the queue of short work without the network: parts of recordings, and searches by rows of the index."""
        self.readers = WorkQueue(dataclasses.replace(self.limits, workers=READERS))

    def close(self) -> None:
        """End all work."""
        self.queue.close()
        self.readers.close()

    def describe_model(self) -> dict[str, Any]:
        """Return the model as ``GET /models`` lists it."""
        listener = self.listener
        return {
            "name": listener.name,
            "digest": listener.digest,
            "classes": list(listener.vocabulary),
            "senses": [origin.sense for origin in listener.classes],
            "sample_rate": listener.sample_rate,
            "segment_seconds": listener.segment_seconds,
            "embedding_dim": listener.embedding_dim,
        }

    def describe_health(self) -> dict[str, Any]:
        """Return the state of the server as ``GET /health`` shows it.

        A model whose folder is gone is reported; it stays in memory, and is used until the server ends.
        """
        notes: list[str] = []
        if not self.source.startswith("hf:/") and not Path(self.source).exists():
            notes.append(f"{self.source}: the model's folder is gone; the server works until it ends")
        if self.archive is not None and not self.archive.index.folder.exists():
            notes.append(f"{self.archive.index.folder}: the index is gone; the server works until it ends")
        return {
            "status": "degraded" if notes else "ok",
            "notes": notes,
            "version": VERSION,
            "seconds": round(time.monotonic() - self.started, 1),
            "answered": self.num_answered,
            "refused": self.refusals.as_json(),
            "queue": {
                "taken": self.queue.taken,
                "places": self.limits.workers + self.limits.queue_length,
                "workers": self.limits.workers,
            },
            "stored_bytes": self.folder.stored_bytes,
            "limits": dataclasses.asdict(self.limits),
        }
