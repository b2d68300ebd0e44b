"""How the clips of a step are divided: into parts that go through the network one after the other, or on several devices.

The parts of a step depend on its number of clips and on the run's configuration, not on the number of processes. So each part has
the same examples, dropout masks and batch statistics, whichever process computes it.
"""

from __future__ import annotations

import dataclasses
import itertools


@dataclasses.dataclass(frozen=True)
class Part:
    """Some of the clips of a step, which go through the network together.

    Attributes
    ----------
    number
        Place of the part within the step, counted from zero.
    first, stop
        The first clip, and the one after the last.
    share
        The part's share of the clips of the step; the shares of all parts sum to one.
    """

    number: int
    first: int
    stop: int
    share: float

    @property
    def rows(self) -> slice:
        """The rows of the part."""
        return slice(self.first, self.stop)


@dataclasses.dataclass(frozen=True)
class Division:
    """How steps are divided.

    Attributes
    ----------
    largest
        Maximum number of clips in a part.
    least
        Minimum number of parts, as far as each of them has two clips: batch normalisation needs two.
    rank, size
        Which of how many processes this is, counted from zero.
    """

    largest: int
    least: int = 1
    rank: int = 0
    size: int = 1

    def divide(self, num_clips: int) -> tuple[Part, ...]:
        """Return all parts of a step of ``num_clips`` clips; their sizes differ by at most one."""
        wanted = max(-(-num_clips // self.largest), self.least)
        count = max(1, min(wanted, num_clips // 2))
        size, larger = divmod(num_clips, count)
        firsts = [number * size + min(number, larger) for number in range(count + 1)]
        return tuple(
            Part(number, first, stop, (stop - first) / num_clips)
            for number, (first, stop) in enumerate(itertools.pairwise(firsts))
        )

    def choose(self, parts: tuple[Part, ...]) -> tuple[Part, ...]:
        """Return the parts of this process; there is none where there are fewer parts than processes."""
        return parts[len(parts) * self.rank // self.size : len(parts) * (self.rank + 1) // self.size]
