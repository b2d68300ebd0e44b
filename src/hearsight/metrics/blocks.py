"""Scores and targets, taken a block of columns or rows at a time, so that a file larger than memory can be processed."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import numpy as np
from jaxtyping import Bool, Float, UInt8

from hearsight.errors import UsageError

BLOCK_BYTES = 512 * 2**20
"""Memory that one block may take. Columns of a file of rows are strips of every page: wide blocks read each page seldom."""

Targets = Bool[np.ndarray, "clips classes"] | UInt8[np.ndarray, "clips bytes"]
"""Which classes are true of which clips: booleans, or eight of them to a byte (``numpy.packbits(targets, axis=1)``)."""


def check_shapes(scores: np.ndarray, targets: np.ndarray) -> None:
    """Refuse targets that do not belong to the scores.

    Raises
    ------
    UsageError
        When the shapes differ, there are no clips or classes, or packed targets have another width.
    """
    if scores.size == 0:
        raise UsageError("scores", f"shape {scores.shape}", "at least one clip and one class")
    wanted = scores.shape if targets.dtype == np.bool_ else (scores.shape[0], -(-scores.shape[1] // 8))
    if targets.shape != wanted:
        kind = "targets" if targets.dtype == np.bool_ else "packed targets"
        raise UsageError("scores", f"shape {scores.shape}, and {kind} of shape {targets.shape}", f"targets of {wanted}")


def walk_columns(
    scores: Float[np.ndarray, "clips classes"], targets: Targets, block_bytes: int = BLOCK_BYTES
) -> Iterator[tuple[slice, Float[np.ndarray, "clips block"], Bool[np.ndarray, "clips block"]]]:
    """Go through the classes: which ones, and their scores and targets; in memory when they are given."""
    num_clips, num_classes = scores.shape
    width = max(1, block_bytes // (num_clips * (scores.itemsize + 1)))
    width = max(8, width - width % 8)  # packed targets are taken in whole bytes
    for first in range(0, num_classes, width):
        columns = slice(first, min(first + width, num_classes))
        block, flags = scores[:, columns], _unpack(targets, slice(None), columns)
        if isinstance(block, np.memmap):
            block = np.array(block)
            _release(scores)
        if isinstance(flags, np.memmap):
            flags = np.array(flags)
        _release(targets)
        yield columns, np.asarray(block), np.asarray(flags)


def walk_rows(
    scores: Float[np.ndarray, "clips classes"], targets: Targets, block_bytes: int = BLOCK_BYTES // 4
) -> Iterator[tuple[slice, Float[np.ndarray, "block classes"], Bool[np.ndarray, "block classes"]]]:
    """Iterate over the clips: the slice of each block, with its scores and targets.

    Raises
    ------
    UsageError
        When a score is NaN.
    """
    num_clips, num_classes = scores.shape
    height = max(1, block_bytes // (num_classes * 8))
    for first in range(0, num_clips, height):
        rows = slice(first, min(first + height, num_clips))
        block = widen(np.asarray(scores[rows]))
        flags = np.asarray(_unpack(targets, rows, slice(0, num_classes)))
        refuse_nan(int(np.isnan(block).sum()))
        yield rows, block, flags
        _release(scores)
        _release(targets)


def widen(block: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Half precision has no fast sort; single precision holds its values exactly."""
    return block.astype(np.float32) if block.dtype == np.float16 else block


def refuse_nan(count: int) -> None:
    """Refuse scores without a rank.

    Raises
    ------
    UsageError
        When there are any.
    """
    if count:
        raise UsageError("scores", f"{count} of the values are NaN", "numbers", "NaN has no rank: leave such clips out")


def _unpack(targets: Targets, rows: slice, columns: slice) -> Bool[np.ndarray, "rows columns"]:
    if targets.dtype == np.bool_:
        return targets[rows, columns]
    packed = targets[rows, columns.start // 8 : -(-columns.stop // 8)]
    return np.unpackbits(packed, axis=1, count=columns.stop - columns.start).view(np.bool_)


def _release(array: Float[np.ndarray, "clips classes"] | Targets) -> None:
    """Release the pages of a mapped file that have been read, so that memory stays bounded. They can be read again."""
    if not (isinstance(array, np.memmap) and array.mode in ("r", "r+") and hasattr(mmap, "MADV_DONTNEED")):
        return
    if isinstance(array.base, mmap.mmap):
        array.base.madvise(mmap.MADV_DONTNEED)
