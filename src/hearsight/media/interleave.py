"""Sound and pictures of one file in step and in bounded memory, however the file interleaves them.

Most files keep sound and pictures of the same time within a second of each other, and one pass through one handle reads both.
Where one kind runs ahead of the other by more than ``LOOKAHEAD``, because the file stores it so or because the other one has a
hole, the one that lags is read through a second handle from there on. Either way a packet is decoded once, except for the two
seconds that the second handle's decoder needs to start.
"""

from __future__ import annotations

from collections.abc import Iterator

from hearsight.media.containers.reader import MediaReader
from hearsight.media.containers.streams import Damage, Picture, Sound

LOOKAHEAD = 10.0
"""Seconds by which one kind may run ahead of the other: what a caller has to hold."""

_WARM_UP = 2.0
"""Seconds before the place of interest at which a decoder is set going, so that it has what it needs by then."""


def read_interleaved(reader: MediaReader, threads: int = 1) -> Iterator[Sound | Picture | Damage]:
    """Decode sound and pictures so that neither runs ahead of the other by much more than ``LOOKAHEAD``.

    Parameters
    ----------
    reader
        The open file, where reading is to begin.
    threads
        Threads of each decoder of the second handle, where one is needed.

    Yields
    ------
    Sound, Picture or Damage
        Each kind in its own order of time. When one kind has ended for good, so does the reading, ``LOOKAHEAD`` later: what
        comes after has no partner.

    Raises
    ------
    BrokenMediaError
        As :meth:`MediaReader.read` does.
    """
    sound_end, picture_end = 0.0, 0.0
    items = reader.read()
    for item in items:
        yield item
        if isinstance(item, Sound):
            sound_end = find_end(item)
        elif isinstance(item, Picture):
            picture_end = find_end(item)
        if abs(sound_end - picture_end) > LOOKAHEAD:
            break
    else:
        return
    sound_lags = sound_end < picture_end
    reader.skip(sound=sound_lags, pictures=not sound_lags)
    with MediaReader(reader.path, threads) as second:
        if not reader.num_restarts:
            second.seek(max(0.0, min(sound_end, picture_end) - _WARM_UP))
        lagging = second.read(sound=sound_lags, pictures=not sound_lags)
        yield from _merge(items, lagging, max(sound_end, picture_end), min(sound_end, picture_end))


def _merge(
    ahead: Iterator[Sound | Picture | Damage],
    lagging: Iterator[Sound | Picture | Damage],
    ahead_end: float,
    lagging_end: float,
) -> Iterator[Sound | Picture | Damage]:
    """Read from the stream that lags; stop when it has ended."""
    seen = lagging_end
    while True:
        if lagging_end <= ahead_end:
            item = next(lagging, None)
            if item is None:
                return
            if isinstance(item, Damage):
                yield item
                continue
            if (item.time + find_end(item)) / 2 <= seen:
                continue
            lagging_end = find_end(item)
        else:
            item = next(ahead, None)
            if item is None:
                ahead_end = float("inf")
                continue
            if not isinstance(item, Damage):
                ahead_end = find_end(item)
        yield item


def find_end(item: Sound | Picture) -> float:
    """Return when a block of sound or a picture ends, in seconds of the file's time."""
    if isinstance(item, Sound):
        return item.time + item.samples.shape[1] / item.sample_rate
    return item.time + item.duration
