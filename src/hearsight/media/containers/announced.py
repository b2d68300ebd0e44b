"""How much sound the header of an uncompressed audio file announces, compared with how much is in the file.

A copy that was cut short has a header for more. libsndfile reads what is there and reports that as the length.

Sources: Microsoft, *Multimedia Programming Interface* (RIFF); EBU Tech 3306 (RF64); Apple, *Audio Interchange File Format* and
*Core Audio Format*; Sony, *Wave-64*; NeXT, *SND*.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BufferedReader
from typing import Literal

UNFINISHED = 0x7FFFF000
"""Sizes in 32 bits from which on they mean *unknown*: programs that write into a pipe put 0x7FFFF000 to 0xFFFFFFFF there."""

_MOST_CHUNKS = 10_000
_MOST_BYTES = 1 << 47
"""Sizes in 64 bits from which on they are taken to be unknown: no disk holds such a file."""
_Order = Literal["little", "big"]


def find_announced_share(file: BufferedReader) -> float:
    """Return the bytes of sound that a header announces, divided by those that follow it.

    Parameters
    ----------
    file
        An open WAV, RF64, Wave-64, AIFF, CAF or AU file; its position is changed.

    Returns
    -------
    float
        More than 1 where the file ends early; 1 where it is whole, of another format, or its header does not know the size.
    """
    total = file.seek(0, os.SEEK_END)
    for start, size in _find_samples(file):
        present = total - start
        return size / present if 0 < present < size else 1.0
    return 1.0


def is_unfinished(file: BufferedReader) -> bool:
    """Return whether the header of an RF64 file announces no sound although bytes follow it; the file's position is changed."""
    total = file.seek(0, os.SEEK_END)
    file.seek(0)
    if file.read(4) != b"RF64":
        return False
    return any(size == 0 and start < total for start, size in _find_in_chunks(file, "little"))


def _find_samples(file: BufferedReader) -> Iterator[tuple[int, int]]:
    """Find where the samples begin, and the bytes that the header announces; nothing where it does not know."""
    file.seek(0)
    head = file.read(12)
    if head[:4] in (b".snd", b"dns."):
        order: _Order = "big" if head[:4] == b".snd" else "little"
        start, size = (int.from_bytes(head[place : place + 4], order) for place in (4, 8))
        found: Iterator[tuple[int, int]] = iter([(start, size if size < UNFINISHED else 0)])
    elif head[:4] in (b"RIFF", b"RIFX", b"RF64", b"FORM"):
        found = _find_in_chunks(file, "big" if head[:4] in (b"RIFX", b"FORM") else "little")
    elif head[:4] == b"caff":
        found = _find_in_caf(file)
    elif head[:4] == b"riff":
        found = _find_in_wave64(file)
    else:
        return
    yield from ((start, size) for start, size in found if 0 < size < _MOST_BYTES)


def _find_in_chunks(file: BufferedReader, order: _Order) -> Iterator[tuple[int, int]]:
    place, long_size = 12, None
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        name, size = head[:4], int.from_bytes(head[4:], order)
        if len(head) < 8:
            return
        if name == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
        if name in (b"data", b"SSND"):
            known = size < UNFINISHED or long_size is not None
            yield (place + 8, (size if long_size is None else long_size) if known else 0)
            return
        place += 8 + size + size % 2


def _find_in_caf(file: BufferedReader) -> Iterator[tuple[int, int]]:
    place = 8
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(12)
        size = int.from_bytes(head[4:], "big", signed=True)
        if len(head) < 12 or (size < 0 and head[:4] != b"data"):
            return
        if head[:4] == b"data":
            yield (place + 12, size)
            return
        place += 12 + size


def _find_in_wave64(file: BufferedReader) -> Iterator[tuple[int, int]]:
    place = 40
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(24)
        size = int.from_bytes(head[16:], "little")
        if len(head) < 24 or not 24 <= size < 1 << 62:
            return
        if head[:4] == b"data":
            yield (place + 24, size - 24)
            return
        place += -(-size // 8) * 8
