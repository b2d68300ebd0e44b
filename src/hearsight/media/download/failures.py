"""Why a video cannot be downloaded: whether it ever can, whether by somebody else, or whether the server wants us to stop."""

from __future__ import annotations

import re

GONE = "gone"
"""The video does not exist any more; it is never tried again."""
BLOCKED = "blocked"
"""The video is not for this place or without an account; it is tried again when that is asked for."""
FAILED = "failed"
"""Something went wrong on the way; the next run tries again."""


class DownloadError(Exception):
    """A download that failed and may succeed when it is tried again."""

    outcome = FAILED


class GoneError(DownloadError):
    """The video does not exist any more."""

    outcome = GONE


class BlockedDownloadError(DownloadError):
    """The video cannot be had from this place, or without an account."""

    outcome = BLOCKED


class StopError(DownloadError):
    """The server refuses this machine for now: too many requests, or a check for robots. Every other video would fail too."""


_STOP = re.compile(
    r"not a bot|HTTP Error 429|too many requests|rate.?limit|captcha|unusual traffic|content isn'?t available, try again later",
    re.IGNORECASE,
)
_BLOCKED = re.compile(
    r"in your country|in your location|geo.?restrict|confirm your age|age.?restrict|log ?in|sign in|account cookies|"
    r"members.?only|join this channel|requires payment|premium|purchase|private video|HTTP Error 40[13]|HTTP Error 451",
    re.IGNORECASE,
)
_GONE = re.compile(
    r"video unavailable|has been removed|no longer (available|exists)|does not exist|not exist|terminated|HTTP Error 4(04|10)|"
    r"copyright|been deleted|(video|content) (isn'?t|is not) available|not available anymore",
    re.IGNORECASE,
)


def classify_message(message: str) -> DownloadError:
    """Return the failure that a message of yt-dlp describes.

    A check for robots asks to sign in too, and a video that is unavailable in a country is not gone, so that the order matters.
    """
    for pattern, kind in ((_STOP, StopError), (_BLOCKED, BlockedDownloadError), (_GONE, GoneError)):
        if pattern.search(message):
            return kind(message)
    return DownloadError(message)


def classify_status(status: int, detail: str) -> DownloadError:
    """Return the failure that a status of HTTP means."""
    if status in (404, 410):
        return GoneError(detail)
    if status in (401, 402, 403, 407, 451):
        return BlockedDownloadError(detail)
    if status == 429:
        return StopError(detail)
    return DownloadError(detail)
