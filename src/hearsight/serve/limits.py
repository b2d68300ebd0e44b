"""Every bound on what a client may ask of the server."""

from __future__ import annotations

import dataclasses

MIB = 1 << 20
NAME_CHARACTERS = 200
"""Characters of a client's file name that are kept."""
DRAINED_BYTES = 4 * MIB
"""Bytes of a refused upload that are still read, so that a client who is sending sees the refusal and no broken connection."""
DRAIN_SECONDS = 2.0
"""Seconds that this may take."""
CHUNK_BYTES = 1 << 16
"""Bytes of a file that are sent at a time."""


@dataclasses.dataclass(frozen=True)
class ServeLimits:
    """What a client may ask for.

    Attributes
    ----------
    upload_bytes
        Largest upload.
    stored_bytes
        All uploads together that are on the disk at a time.
    sound_seconds
        Longest sound, by what is decoded and not by what a header says.
    queue_length
        Requests that wait for the network; further ones are refused with status 429.
    workers
        Requests that are answered at a time.
    upload_seconds, idle_seconds
        How long an upload may take, and how long it may pause.
    grace_seconds, bytes_per_second
        An upload that is slower than this rate after so many seconds is ended.
    header_seconds
        How long a connection may stay open before it has sent a request.
    answer_seconds
        How long a request may be at work.
    kept_uploads, kept_seconds
        How many uploads the page may keep at a time, and for how long one is kept without a request.
    """

    upload_bytes: int = 1024 * MIB
    stored_bytes: int = 8192 * MIB
    sound_seconds: float = 12 * 3600.0
    queue_length: int = 16
    workers: int = 1
    upload_seconds: float = 3600.0
    idle_seconds: float = 20.0
    grace_seconds: float = 10.0
    bytes_per_second: float = 4096.0
    header_seconds: float = 15.0
    answer_seconds: float = 3600.0
    kept_uploads: int = 16
    kept_seconds: float = 3600.0
