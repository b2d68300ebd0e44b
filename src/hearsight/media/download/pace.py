"""How fast downloads follow each other, and how long to wait after a failure."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS_PER_HOUR = 3600.0


class Pace:
    """Keep an hourly rate: each start is at least ``3600 / per_hour`` seconds after the one before.

    Parameters
    ----------
    per_hour
        Downloads that may start in an hour.
    clock, sleep
        Seconds that pass, and how they are let pass.
    """

    def __init__(
        self,
        per_hour: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = _SECONDS_PER_HOUR / per_hour
        self.clock = clock
        self.sleep = sleep
        self._next = clock()

    def wait_for_turn(self) -> None:
        """Return when the next download may start."""
        now = self.clock()
        if now < self._next:
            self.sleep(self._next - now)
        self._next = max(now, self._next) + self._interval


def describe_duration(count: int, per_hour: float) -> str:
    """Return in words how long so many downloads take at an hourly rate."""
    hours = count / per_hour
    if hours >= 48.0:
        return f"{hours / 24.0:,.1f} days"
    return f"{hours:.1f} hours" if hours >= 1.0 else f"{hours * 60.0:.0f} minutes"
