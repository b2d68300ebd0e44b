"""When a recording was made, from the name of its file.

Understood are ``YYYYMMDD_HHMMSS`` (most recorders), ISO 8601 (``2024-05-17T04:30:00Z``, also with ``-`` or ``_`` for the colons),
and AudioMoth's eight hexadecimal digits, which count the seconds since 1970 in UTC. The time is that of the recorder's clock: an
offset or a ``Z`` after it is not applied.
"""

from __future__ import annotations

import datetime
import re
from pathlib import PurePath

_COMPACT = re.compile(r"(?<!\d)(\d{4})(\d{2})(\d{2})[_\-T ]?(\d{2})(\d{2})(\d{2})(?:[.,](\d{1,6}))?(?!\d)")
_ISO = re.compile(
    r"(?<!\d)(\d{4})-(\d{2})-(\d{2})[T_ \-](\d{2})[:_\-.h](\d{2})(?:[:_\-.m](\d{2})(?:[.,](\d{1,6}))?)?(?!\d)"
)
_AUDIOMOTH = re.compile(r"[0-9A-F]{8}")
_FIRST = datetime.datetime(2015, 1, 1)
_LAST = datetime.datetime(2040, 1, 1)
_EPOCH = datetime.datetime(1970, 1, 1)
_YEARS = range(1900, 2200)


def parse_time(source: str) -> datetime.datetime | None:
    """Return the time at which a recording starts, without a time zone; None where its name has none.

    Parameters
    ----------
    source
        A path or a name; only its last part counts.

    Notes
    -----
    Eight hexadecimal digits are taken for a time only as a whole name, and from 2015 to 2040: others are numbers of something else.
    The first time in a name is the one at which the recording starts.
    """
    name = PurePath(source.replace("\\", "/")).name
    for match in sorted([*_COMPACT.finditer(name), *_ISO.finditer(name)], key=lambda one: one.start()):
        found = _build(match)
        if found is not None:
            return found
    stem = name.partition(".")[0]
    if _AUDIOMOTH.fullmatch(stem):
        time = _EPOCH + datetime.timedelta(seconds=int(stem, 16))
        return time if _FIRST <= time < _LAST else None
    return None


def _build(match: re.Match[str]) -> datetime.datetime | None:
    """Return the time that a match names; None where it has no such month, day or hour."""
    year, month, day, hour, minute = (int(text) for text in match.groups()[:5])
    second, fraction = match.group(6) or "0", (match.group(7) or "0").ljust(6, "0")
    if year not in _YEARS:
        return None
    try:
        return datetime.datetime(year, month, day, hour, minute, int(second), int(fraction))
    except ValueError:
        return None
