"""What a command did with a folder's recordings: how many, how fast, and which failed."""

from __future__ import annotations

import dataclasses
from typing import Any

from hearsight.console import describe_count
from hearsight.errors import InputError


@dataclasses.dataclass(frozen=True, kw_only=True)
class WorkReport:
    """What was done with recordings, whose results lie in a folder.

    Attributes
    ----------
    out
        The folder.
    num_done, num_before
        Recordings that were worked on now, and that had been before.
    num_rows
        Rows of the results.
    duration, seconds
        Seconds of sound that were read now, and how long it took.
    failures
        Why other recordings could not be read, now or before.
    """

    out: str
    num_done: int
    num_before: int
    num_rows: int
    duration: float
    seconds: float
    failures: list[InputError]

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``--json`` prints."""
        return {**dataclasses.asdict(self), "failures": [str(failure) for failure in self.failures]}

    def describe(self) -> list[str]:
        """Return a summary as lines of text."""
        return [f"{self.out}: {self.describe_done()}", *self.describe_others()]

    def describe_done(self) -> str:
        """Return what was done now, and how fast."""
        done = f"{describe_count(self.num_done, 'recording')} with {describe_count(self.num_rows, 'row')}"
        return f"{done}, {self.describe_speed()}"

    def describe_speed(self) -> str:
        """Return how much sound was read in which time."""
        speed = self.duration / max(self.seconds, 1e-9)
        return f"{self.duration:.0f} s of sound in {self.seconds:.1f} s ({speed:.0f} times real time)"

    def describe_others(self) -> list[str]:
        """Return lines about the recordings that were not worked on now, and about those that failed."""
        lines: list[str] = []
        if self.num_before:
            done, unchanged = ("was", "has") if self.num_before == 1 else ("were", "have")
            lines.append(
                f"{describe_count(self.num_before, 'recording')} {done} done before and {unchanged} not changed"
            )
        if self.failures:
            lines.append(f"{len(self.failures)} failed; --only-failed tries them again")
        return lines
