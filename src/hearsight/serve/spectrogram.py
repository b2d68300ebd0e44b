"""The picture of a sound, made while it is decoded: a byte per band and column on the disk, read back in tiles."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from hearsight.errors import InputError
from hearsight.signal.front_ends import FrontEnd
from hearsight.signal.log_mel import compute_log_mel

COLUMNS_PER_SECOND = 50
BANDS = 64
TILE_COLUMNS = 512
"""Columns of a tile."""
LARGEST_LEVEL = 20
"""At level ``n`` a column is the maximum of ``2 ** n`` columns."""
FAINTEST, LOUDEST = -4.0, 4.5
"""Natural logarithms of magnitudes that the bytes 0 and 255 stand for."""
_BLOCK_COLUMNS = 1 << 16


class SpectrogramWriter:
    """Writes the columns of a sound that comes in blocks, and its peaks: the highest amplitude of each column.

    Parameters
    ----------
    path
        The file of columns. That of the peaks is next to it, with the suffix ``.peaks``.
    sample_rate
        Hz of the sound.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        hop = max(1, sample_rate // COLUMNS_PER_SECOND)
        length = 2 * hop
        self.front_end = FrontEnd(
            "page",
            sample_rate=sample_rate,
            n_fft=1 << (length - 1).bit_length() if length > 512 else 512,
            win_length=length,
            hop_length=hop,
            n_mels=BANDS,
            f_min=40.0,
            f_max=sample_rate / 2,
            log_offset=0.01,
        )
        self.num_columns = 0
        self._counts = np.zeros(256, dtype=np.int64)
        self._held = np.zeros(0, dtype=np.float32)
        self._columns = path.open("xb")
        self._peaks = path.with_suffix(".peaks").open("xb")

    def follow(self, blocks: Iterable[Float32[np.ndarray, " _"]]) -> Iterator[Float32[np.ndarray, " _"]]:
        """Yield the blocks unchanged, and write their columns."""
        for block in blocks:
            self.push(block)
            yield block

    def push(self, block: Float32[np.ndarray, " samples"]) -> None:
        """Write the columns that a block completes."""
        held = np.concatenate([self._held, block])
        hop, window = self.front_end.hop_length, self.front_end.win_length
        count = (len(held) - window) // hop + 1 if len(held) >= window else 0
        if count:
            self._write(held[: (count - 1) * hop + window], count)
        self._held = held[count * hop :]

    def _write(self, samples: Float32[np.ndarray, " samples"], count: int) -> None:
        values = compute_log_mel(samples, self.front_end)
        scaled = np.clip((values - FAINTEST) * (255.0 / (LOUDEST - FAINTEST)), 0.0, 255.0).astype(np.uint8)
        hop = self.front_end.hop_length
        peaks = np.abs(samples[: count * hop]).reshape(count, hop).max(axis=1)
        self._columns.write(scaled.tobytes())
        self._peaks.write(np.clip(peaks * 255.0, 0.0, 255.0).astype(np.uint8).tobytes())
        self._counts += np.bincount(scaled.ravel(), minlength=256)
        self.num_columns += count

    def close(self) -> None:
        """Write what is left, padded with silence."""
        if len(self._held):
            self.push(np.zeros(self.front_end.win_length, dtype=np.float32))
        self._columns.close()
        self._peaks.close()

    def find_range(self) -> tuple[int, int]:
        """Return the bytes between which most of the picture lies: the 20th and the 99.8th percentile."""
        total = np.cumsum(self._counts)
        if not total[-1]:
            return 0, 255
        low, high = np.searchsorted(total, total[-1] * np.array([0.2, 0.998])).tolist()
        return low, max(high, low + 32)


def read_tile(path: Path, level: int, tile: int) -> UInt8[np.ndarray, "columns bands"]:
    """Read a tile of a picture.

    Parameters
    ----------
    path
        What a :class:`SpectrogramWriter` has written.
    level
        Halvings of the resolution in time, up to :data:`LARGEST_LEVEL`.
    tile
        Number of the tile, from 0.

    Returns
    -------
    UInt8[np.ndarray, "columns bands"]
        Up to :data:`TILE_COLUMNS` columns; none beyond the end.
    """
    step = 1 << level
    first = tile * TILE_COLUMNS * step
    parts: list[UInt8[np.ndarray, "columns bands"]] = []
    with path.open("rb") as file:
        total = file.seek(0, 2) // BANDS
        last = min(total, first + TILE_COLUMNS * step)
        block = max(step, _BLOCK_COLUMNS // step * step)
        for start in range(first, last, block):
            file.seek(start * BANDS)
            bytes_read = file.read((min(last, start + block) - start) * BANDS)
            parts.append(_shrink(np.frombuffer(bytes_read, dtype=np.uint8).reshape(-1, BANDS), step))
    return np.concatenate(parts) if parts else np.zeros((0, BANDS), dtype=np.uint8)


def read_peaks(path: Path, most: int) -> UInt8[np.ndarray, " points"]:
    """Read the peaks of a sound, each the maximum of as many columns as make at most ``most`` points.

    Raises
    ------
    InputError
        When ``most`` is less than 1.
    """
    if most < 1:
        raise InputError("points", f"{most}", "at least 1")
    peaks = np.fromfile(path.with_suffix(".peaks"), dtype=np.uint8)
    step = -(-len(peaks) // most) or 1
    return _shrink(peaks[:, None], step)[:, 0]


def _shrink(columns: UInt8[np.ndarray, "columns bands"], step: int) -> UInt8[np.ndarray, "fewer bands"]:
    if step == 1 or not len(columns):
        return columns
    return np.maximum.reduceat(columns, np.arange(0, len(columns), step), axis=0)
