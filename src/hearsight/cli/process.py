"""The process around a command: its signals, and the one place where errors become a sentence and an exit code.

Data go to stdout, everything else to stderr. The exit codes are :data:`hearsight.errors.EXIT_CODES`.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Generator, Sequence
from types import FrameType
from typing import NoReturn

from hearsight.cli.application import ArgumentError, app
from hearsight.errors import CONTINUE, HearsightError, MachineError, UsageError, from_os_error

_INTERRUPTED, _TERMINATED = 130, 143
_CONTINUED = frozenset({"fetch", "build", "label", "mix", "train", "learn", "demo", "study", "finetune", "index"})
_CONTINUED_WITH = {"tag": "--out", "evaluate": "finetune"}
"""Commands that continue only with this among their options."""


class _Termination(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code.

    Parameters
    ----------
    arguments
        Command and options; those of the process by default.
    """
    tokens = list(sys.argv[1:] if arguments is None else arguments)
    open_closed_streams()
    _allow_every_name()
    try:
        with _terminate_like_interrupt():
            _run(tokens)
    except ArgumentError as error:
        _end_with_mistake(error, tokens)
    except HearsightError as error:
        _end(error)
    except KeyboardInterrupt as interrupt:
        _end_interrupted(interrupt, tokens)
    except BrokenPipeError:
        # The reader of our output went away (`| head`), as it may.
        sys.stderr.close()
        raise SystemExit(0) from None
    except OSError as error:
        _end(from_os_error(error, f"hearsight {tokens[0] if tokens else ''}".rstrip()))
    except MemoryError:
        _end(MachineError("memory", "there is not enough of it", hint="use fewer workers or smaller batches"))


def _run(tokens: Sequence[str]) -> None:
    app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    if "hearsight.console" in sys.modules:
        from hearsight.console import flush_data

        flush_data()


def _end_with_mistake(error: ArgumentError, tokens: Sequence[str]) -> NoReturn:
    """End for a mistake in the arguments themselves, in the form of our own errors."""
    from hearsight.console import print_message

    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    print_message(f"error: {' '.join(lines)}")
    known = [token for token in tokens[:1] if token in app]
    print_message(f"hint: see {' '.join(['hearsight', *known])} --help")
    raise SystemExit(UsageError.exit_code) from None


def _end(error: HearsightError) -> NoReturn:
    from hearsight.console import print_error

    print_error(error)
    raise SystemExit(error.exit_code) from None


def _end_interrupted(interrupt: KeyboardInterrupt, tokens: Sequence[str]) -> NoReturn:
    from hearsight.console import print_message

    ended, code = ("terminated", _TERMINATED) if isinstance(interrupt, _Termination) else ("interrupted", _INTERRUPTED)
    advice = explain_continuation(tokens)
    print_message(f"{ended}; {advice}" if advice else ended)
    raise SystemExit(code) from None


def explain_continuation(tokens: Sequence[str]) -> str:
    """Return how to go on with a command that was interrupted; empty for a server, which works until it is.

    Parameters
    ----------
    tokens
        The command and its options.
    """
    command = next((token for token in tokens if not token.startswith("-")), "")
    if command == "serve":
        return ""
    needed = _CONTINUED_WITH.get(command)
    if command in _CONTINUED or (needed and any(needed in token for token in tokens)):
        return CONTINUE
    return "run the same command again to start over"


@contextlib.contextmanager
def _terminate_like_interrupt() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that finished work is kept and workers are ended."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = signal.signal(signal.SIGTERM, _raise_termination)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _raise_termination(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  (what handlers are called with)
    raise _Termination


def open_closed_streams() -> None:
    """Put the null device in the place of standard streams that are closed.

    Otherwise the next file that is opened would have the number of one, and what libraries print would be written into it. Data for
    a closed stdout are an error of :mod:`hearsight.console`.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    if getattr(sys, "stdin", None) is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 (open until the process ends)
    if getattr(sys, "stderr", None) is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _allow_every_name() -> None:
    """Let names that the terminal's encoding lacks be printed as escapes, instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
