"""One continuous clock for a file whose time stamps start again on the way.

DVD cells, recordings that a browser wrote in several runs, chained Ogg and joined broadcast segments hold several recordings one
after another, each with its own time stamps. FFmpeg passes those stamps on unchanged. Here each stream is watched packet by
packet, in the order of decoding: where its stamps fall back, what follows is moved to the end of what came before. All streams
move by the same amount, so that sound and pictures stay together.
"""

from __future__ import annotations

import dataclasses

from hearsight.media.limits import MAX_JUMP

RESTART = 0.5
"""Seconds by which the stamps of a stream must fall back for its clock to have started again."""


_LONGEST_PACKET = 1.0
"""Seconds that a packet's duration counts at most: some files announce more than there is."""


@dataclasses.dataclass
class _StreamClock:
    """How far a stream's own stamps are moved, when its last packet began and when it ended, in seconds."""

    offset: float = 0.0
    last: float | None = None
    end: float = 0.0


class JoinedClock:
    """Find by how much the stamps of each packet are to be moved.

    Parameters
    ----------
    joins_ahead
        Whether a jump ahead of more than :data:`~hearsight.media.limits.MAX_JUMP` is a restart too. It is in broadcast formats,
        whose clocks start anywhere.

    Attributes
    ----------
    num_restarts
        How often the clock has started again.
    """

    def __init__(self, joins_ahead: bool = False) -> None:
        self.num_restarts = 0
        self._joins_ahead = joins_ahead
        self._latest = 0.0
        self._streams: dict[int, _StreamClock] = {}

    def find_offset(self, stream: int, time: float, duration: float) -> float:
        """Return the seconds to be added to a packet's stamps.

        Parameters
        ----------
        stream
            Index of the packet's stream.
        time
            Its decoding time in seconds, as the file has it.
        duration
            Its duration in seconds; 0 where nothing is known.
        """
        clock = self._streams.setdefault(stream, _StreamClock(self._latest))
        if clock.last is not None and not self._follows(time + clock.offset, clock.last):
            if clock.offset == self._latest or not self._follows(time + self._latest, clock.last):
                self._restart(time)
            clock.offset = self._latest
        clock.last = time + clock.offset
        clock.end = max(clock.end, clock.last + min(duration, _LONGEST_PACKET))
        return clock.offset

    def _follows(self, time: float, last: float) -> bool:
        return time >= last - RESTART and not (self._joins_ahead and time > last + MAX_JUMP)

    def _restart(self, time: float) -> None:
        self._latest = max(clock.end for clock in self._streams.values()) - time
        self.num_restarts += 1
