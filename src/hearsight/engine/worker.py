"""The worker process of the local engine: receives a stage and then units on its standard input, and sends back their outcomes.

It is started as ``python -c``, and not by :mod:`multiprocessing`, which would run the user's script a second time in each worker: a
script without an ``if __name__ == "__main__"`` guard would start itself again and again. Only a stage that is defined in the script
itself needs the script; see :func:`pack_stage`.
"""

from __future__ import annotations

import multiprocessing.spawn
import os
import pickle
import queue
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, Literal

from hearsight.engine.engine import DEADLINE, Stage, describe_exception, set_up
from hearsight.engine.progress import start_deadline, stop_deadline
from hearsight.errors import HearsightError, UsageError
from hearsight.threads import one_thread

_COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "  # also while it imports
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); from hearsight.engine.worker import main; main()"
)

Outcome = tuple[Literal["ready", "result", "raise", "error"], Any]
"""``ready``: the stage is set up. ``raise``: an error that ends the run. ``error``: the text of an unexpected exception."""

_LENGTH = struct.Struct("<Q")
_ORPHANED, _BROKEN = 3, 4
_is_worker = False


def start_process() -> subprocess.Popen[bytes]:
    """Start the process of a worker; the first message that it expects is the pickled ``sys.path`` of its parent."""
    return subprocess.Popen([sys.executable, "-c", _COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def write_message(stream: BinaryIO, value: Any) -> None:
    """Write a pickled value, preceded by its length. Nothing is written where it cannot be pickled."""
    content = pickle.dumps(value)
    stream.write(_LENGTH.pack(len(content)) + content)
    stream.flush()


def read_message(stream: BinaryIO) -> Any:
    """Read what :func:`write_message` wrote.

    Raises
    ------
    EOFError
        When the other side is gone.
    """
    head = stream.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        raise EOFError
    content = stream.read(_LENGTH.unpack(head)[0])
    if len(content) < _LENGTH.unpack(head)[0]:
        raise EOFError
    return pickle.loads(content)


def pack_stage(stage: Stage[Any, Any]) -> tuple[dict[str, Any], bytes]:
    """Pickle a stage, together with what is needed to import the script that it is defined in, if it is defined in one.

    Raises
    ------
    UsageError
        When this process is itself a worker that is importing that script.
    """
    if _is_worker:
        raise UsageError(
            "script",
            "it starts work again when a worker imports it",
            "a main program that only runs when it is run",
            'put it under `if __name__ == "__main__":`, or define teachers and stages in a separate module',
        )
    content = pickle.dumps(stage)
    needed: dict[str, Any] = {}
    if b"__main__" in content:
        data = multiprocessing.spawn.get_preparation_data("hearsight-worker")
        needed = {key: data[key] for key in ("sys_argv", "init_main_from_name", "init_main_from_path") if key in data}
    return needed, content


def main() -> None:
    """Work until the parent closes the standard input or ends."""
    global _is_worker
    _is_worker = True
    # Ctrl-C reaches every process of the terminal; the parent decides when its workers end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the messages
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(messages,), daemon=True).start()
    try:
        _serve(messages, replies)
    except Exception:  # noqa: BLE001 - a bug here must not look like a deadline
        traceback.print_exc()
        os._exit(_BROKEN)  # not 1, which would be taken for the deadline


def _serve(messages: queue.SimpleQueue[Any], replies: BinaryIO) -> None:
    deadline, needed, stage = messages.get()
    start_deadline(max(deadline, DEADLINE))  # to load libraries and teachers takes longer than a step of the work
    outcome, work = _prepare(needed, stage)
    stop_deadline()
    write_message(replies, outcome)
    # entered after the libraries are loaded: a unit is the work of one thread
    with one_thread():
        while True:
            unit = messages.get()
            start_deadline(deadline)
            outcome = _work_on(work, unit)
            stop_deadline()
            try:
                write_message(replies, outcome)
            except (pickle.PicklingError, TypeError, AttributeError) as error:
                write_message(replies, ("error", f"its result cannot be sent ({describe_exception(error)})"))


def _receive(messages: queue.SimpleQueue[Any]) -> None:
    try:
        while True:
            messages.put(read_message(sys.stdin.buffer))
    except EOFError:
        os._exit(_ORPHANED)  # the parent is gone or needs no more; parts are written atomically


def _prepare(needed: dict[str, Any], stage: bytes) -> tuple[Outcome, Callable[[Any], Any] | None]:
    try:
        multiprocessing.spawn.prepare(needed)
        return ("ready", None), set_up(pickle.loads(stage))
    except HearsightError as error:
        return ("raise", error), None
    except Exception as error:  # noqa: BLE001 - whatever a library raises is the unit's failure
        return ("error", describe_exception(error)), None


def _work_on(work: Callable[[Any], Any] | None, unit: Any) -> Outcome:
    if work is None:
        raise RuntimeError("a worker received a unit although its stage is not set up")
    try:
        return "result", work(unit)
    except HearsightError as error:
        return "raise", error
    except Exception as error:  # noqa: BLE001 - whatever a library raises is the unit's failure
        return "error", describe_exception(error)
