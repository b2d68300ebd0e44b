"""How large and how slow a teacher may be. Teachers are files of other people: what a number in one asks for is checked first.

=====================  ============================================================================================
a model file           ``MAX_MODEL_BYTES``
its classes            ``MAX_CLASSES`` (of :mod:`hearsight.vocabulary`), before one of them is named
its input              ``MAX_IMAGE_SIDE`` pixels, ``MAX_SAMPLES`` samples or ``MAX_FRAMES`` log-mel frames
its output             ``MAX_OUTPUT_VALUES`` for one image or segment
its memory             ``MAX_MEMORY_BYTES`` for all arrays of one run, where the runtime can be bounded (ONNX) or asked (LiteRT)
the first run          ``PROBE_SECONDS``; a model with an endless loop is refused when it is loaded
a class list           see :mod:`hearsight.vocabulary`
=====================  ============================================================================================

The bounds are far above every published model, and are not configurable.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from hearsight.console import print_message
from hearsight.errors import TeacherError
from hearsight.vocabulary import MAX_CLASSES

MAX_MODEL_BYTES = 4 << 30
MAX_MEMORY_BYTES = 16 << 30
MAX_IMAGE_SIDE = 4096
MAX_SAMPLES = 60 * 384_000
MAX_FRAMES = 60_000
MAX_OUTPUT_VALUES = 10_000_000
PROBE_SECONDS = 120.0
"""Seconds for the run that tries a model on one image or segment. The largest published models take some seconds."""
NOTICE_SECONDS = 10.0
"""Seconds of that run after which a message says what is being waited for."""
_LAST_SECONDS = 10.0
"""Seconds in which a run that was cancelled ends."""

_ResultT = TypeVar("_ResultT")


def count_classes(sizes: Sequence[int | None]) -> int | None:
    """Return the number of classes of an output: the size of its only axis that is longer than 1, or of its last axis.

    Parameters
    ----------
    sizes
        The shape; None for an axis of any size.

    Returns
    -------
    int or None
        None where it is not fixed.
    """
    long = [size for size in sizes if size != 1]
    if len(long) == 1:
        return long[0]
    return sizes[-1] if sizes else 1


def check_output(where: object, sizes: Sequence[int | None]) -> None:
    """Check the declared shape of a model's output before anything of that size is allocated.

    Parameters
    ----------
    where
        The model, for the error.
    sizes
        The shape; None for an axis of any size.

    Raises
    ------
    TeacherError
        When there are more than ``MAX_CLASSES`` classes or ``MAX_OUTPUT_VALUES`` values.
    """
    classes = count_classes(sizes)
    shown = f"an output [{', '.join('any' if size is None else f'{size:,}' for size in sizes)}]"
    if classes is not None and classes > MAX_CLASSES:
        raise TeacherError(where, shown, f"at most {MAX_CLASSES:,} classes")
    if math.prod(size for size in sizes if size is not None) > MAX_OUTPUT_VALUES:
        raise TeacherError(where, shown, f"at most {MAX_OUTPUT_VALUES:,} values for one image or segment")


def check_memory(where: object, num_bytes: int) -> None:
    """Check how much memory a model's arrays take, before they are allocated.

    Raises
    ------
    TeacherError
        When it is more than ``MAX_MEMORY_BYTES``.
    """
    if num_bytes > MAX_MEMORY_BYTES:
        raise TeacherError(where, f"arrays of {num_bytes:,} bytes", f"at most {MAX_MEMORY_BYTES:,}")


def check_size(where: object, what: str, size: int, most: int) -> None:
    """Check one size of a model's input.

    Parameters
    ----------
    where
        The model, for the error.
    what
        What is counted: ``samples``, ``frames``, ``pixels of height``.
    size, most
        The size and its bound.

    Raises
    ------
    TeacherError
        When the size exceeds its bound.
    """
    if size > most:
        raise TeacherError(where, f"an input of {size:,} {what}", f"at most {most:,}")


def run_with_deadline(
    function: Callable[[], _ResultT], where: object, *, seconds: float, cancel: Callable[[], None] | None = None
) -> _ResultT:
    """Run a function that may never return, in a separate thread.

    Parameters
    ----------
    function
        What to run. Code that holds the interpreter's lock for ever cannot be stopped; neither runtime does.
    where
        The model, for the error.
    seconds
        How long to wait; after :data:`NOTICE_SECONDS` a message on stderr reports it.
    cancel
        Called when the time is over or the wait is interrupted, to end the function. Without it the thread continues until the
        process ends.

    Returns
    -------
    object
        The function's value. Its exceptions are raised here.

    Raises
    ------
    TeacherError
        When the time is over.
    """
    results: list[_ResultT] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(function())
        except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True, name=f"probe of {where}")
    thread.start()
    try:
        thread.join(min(seconds, NOTICE_SECONDS))
        if thread.is_alive() and seconds > NOTICE_SECONDS:
            print_message(f"{where}: still trying it on one image or segment; it is given up after {seconds:g} s")
            thread.join(seconds - NOTICE_SECONDS)
    finally:
        # also when Ctrl-C ends the wait: a runtime that is still at work would abort the process at its end
        ended = not thread.is_alive()
        if not ended and cancel is not None:
            cancel()
            thread.join(_LAST_SECONDS)
    if not ended:
        raise TeacherError(
            where,
            f"no answer for one image or segment within {seconds:g} s",
            "a model that ends",
            "has it an endless loop?",
        )
    if errors:
        raise errors[0]
    return results[0]
