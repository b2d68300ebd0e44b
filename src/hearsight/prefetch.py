"""Prepare items in a thread while the caller works on earlier ones."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterable
from typing import TypeVar

_T = TypeVar("_T")


def prefetch(items: Iterable[_T], depth: int = 4) -> Generator[_T]:
    """Iterate over items that a separate thread prepares a few ahead.

    An exception in the thread is raised here. When the caller stops early, the thread stops too.

    Parameters
    ----------
    items
        Prepared one after the other, in order.
    depth
        Maximum number of finished items that wait.
    """
    waiting: queue.Queue[tuple[_T] | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(message: tuple[_T] | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                waiting.put(message, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put((item,))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the caller raises it)
            put(error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (message := waiting.get()) is not None:
            if isinstance(message, BaseException):
                raise message
            yield message[0]
    finally:
        stopped.set()
        thread.join()
