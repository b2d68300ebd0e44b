"""The recordings that the page may look at: uploads that it keeps for a while, and the files of a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import secrets
import threading
import time
from pathlib import Path
from typing import Any

from hearsight.listening.files import find_media
from hearsight.serve.analysis import Analysis
from hearsight.serve.limits import ServeLimits
from hearsight.serve.refusals import Refusal
from hearsight.serve.uploads import Upload
from hearsight.text import make_encodable

MOST_LISTED = 2_000
"""Files of a folder that are listed."""


@dataclasses.dataclass
class Recording:
    """One of them.

    Attributes
    ----------
    key
        What a client calls it by: random for an upload, a digest of its path for a file of the user.
    name
        What is shown.
    path
        Where it lies.
    upload
        The upload that it is; None for a file of the user, which is never removed.
    analysis
        What is known of it; None until it has been analysed.
    used
        When it was last asked for.
    """

    key: str
    name: str
    path: Path
    upload: Upload | None = None
    analysis: Analysis | None = None
    used: float = dataclasses.field(default_factory=time.monotonic)

    def as_json(self) -> dict[str, Any]:
        """Return what a list of recordings shows."""
        try:
            size = self.path.stat().st_size
        except OSError:
            size = None
        return {"id": self.key, "name": self.name, "size_bytes": size, "kept": self.upload is not None}

    def discard(self) -> None:
        """Remove what is known of it, and the upload."""
        analysis, self.analysis = self.analysis, None
        if analysis is not None:
            analysis.remove()
        if self.upload is not None:
            self.upload.remove()


class Recordings:
    """All of them; used by several threads.

    Parameters
    ----------
    limits
        How many uploads are kept, and for how long.
    folder
        The folder whose files are offered; None for none.
    """

    def __init__(self, limits: ServeLimits, folder: Path | None = None) -> None:
        self._limits = limits
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, Recording] = {}

    def add(self, upload: Upload) -> Recording:
        """Keep an upload, and discard those without a recent request, the oldest first where there are too many."""
        recording = Recording(secrets.token_hex(8), upload.name, upload.path, upload)
        with self._lock:
            self._known[recording.key] = recording
        self.sweep()
        return recording

    def get(self, key: str) -> Recording:
        """Return a recording.

        Raises
        ------
        Refusal
            404 when there is none of this key, or no longer.
        """
        with self._lock:
            found = self._known.get(key)
        if found is None:
            raise Refusal(
                404, "no_recording", "the recording", f"{key[:40]!r} is not here, or no longer", hint="open it again"
            )
        found.used = time.monotonic()
        self.sweep()
        return found

    def offer(self, path: Path, name: str) -> Recording:
        """Return the recording of a file that the user has named when the server was started; it is never removed."""
        shown = make_encodable(name)
        key = hashlib.sha256(f"{path.absolute()}\0{shown}".encode(errors="surrogateescape")).hexdigest()[:16]
        with self._lock:
            return self._known.setdefault(key, Recording(key, shown, path))

    def remove(self, key: str) -> None:
        """Discard a recording; a file of the folder stays where it is."""
        recording = self.get(key)
        if recording.upload is not None:
            with self._lock:
                self._known.pop(key, None)
        recording.discard()

    def sweep(self) -> None:
        """Discard what has had no request for a while."""
        now = time.monotonic()
        with self._lock:
            held = [one for one in self._known.values() if one.upload is not None or one.analysis is not None]
            held.sort(key=lambda one: one.used)
            too_many = held[: max(0, len(held) - self._limits.kept_uploads)]
            old = [one for one in held if now - one.used > self._limits.kept_seconds]
            gone = {one.key: one for one in (*too_many, *old)}
            for key, one in gone.items():
                if one.upload is not None:
                    del self._known[key]
        for one in gone.values():
            one.discard()

    def list_folder(self) -> list[Recording]:
        """Return the audio and video files of the folder, up to :data:`MOST_LISTED`, by name.

        Raises
        ------
        InputError
            When the folder has none, or cannot be read.
        """
        if self._folder is None:
            return []
        listed: list[Recording] = []
        for found in find_media([self._folder])[:MOST_LISTED]:
            path = Path(found)
            listed.append(self.offer(path, str(path.relative_to(self._folder))))
        return listed

    def close(self) -> None:
        """Discard all."""
        with self._lock:
            known, self._known = list(self._known.values()), {}
        for one in known:
            one.discard()
