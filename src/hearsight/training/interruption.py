"""Ctrl-C and SIGTERM during training: the step is finished and saved before the signal takes effect."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class DeferredSignals:
    """The signals that came while they were deferred. A second one is not deferred."""

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._found: int | None = None

    @property
    def is_pending(self) -> bool:
        """Whether a signal waits to take effect."""
        return self._found is not None

    def raise_pending(self, otherwise: int | None = None) -> None:
        """Let the pending signal take effect, as it would have without this class; or another one, where none is pending."""
        if self._found is None:
            self._found = otherwise
        if self._found is not None:
            number, self._found = self._found, None
            self.restore()
            signal.raise_signal(number)

    def install(self) -> None:
        """Defer signals from now on; outside the main thread Python delivers none, and nothing is done."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._note)

    def restore(self) -> None:
        """Defer signals no longer."""
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._found is not None:
            self.raise_pending()
        self._found = number


@contextmanager
def defer_signals() -> Generator[DeferredSignals]:
    """Defer Ctrl-C and SIGTERM within the block; one that is pending takes effect at the end of the block."""
    deferred = DeferredSignals()
    deferred.install()
    try:
        yield deferred
    finally:
        deferred.restore()
    deferred.raise_pending()
