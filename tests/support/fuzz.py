"""Mutated media files, read in a process of their own, so that a crash is a failure of a test and not of the whole run.

``python -m tests.support.fuzz FILE FOLDER FIRST COUNT`` reads COUNT mutants of FILE and writes the seed of each to standard output
before it is read: the last line of a process that died names the mutant that it died of.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from hearsight.clips.cut import cut_media
from hearsight.clips.screen import screen_clip
from hearsight.errors import MediaError
from hearsight.media.audio import stream_audio
from hearsight.media.decode import DecodedClip, ImageRequest
from hearsight.media.info import read_media
from hearsight.records import Rejection, RejectReason, Source

_HEAD = 2_000
_NUMBERS = (
    b"\x00" * 4,
    b"\xff" * 4,
    b"\x7f\xff\xff\xff",
    b"\x80\x00\x00\x00",
    b"\x00\x00\x00\x01",
    b"\xff\xff\xff\x7f",
)


def mutate(content: bytes, seed: int) -> bytes:
    """Return a damaged copy of a file: bits flipped, numbers of the header replaced, blocks lost, doubled, zeroed or swapped."""
    generator = np.random.default_rng(seed)
    data = bytearray(content)
    kind = seed % 8
    size = len(data)
    place, length = int(generator.integers(size)), int(generator.integers(1, max(2, size // 8)))
    if kind == 0:
        for bit in generator.integers(8 * size, size=int(generator.integers(1, 30))):
            data[bit // 8] ^= 1 << (bit % 8)
    elif kind in (1, 2):
        for place in generator.integers(min(size - 4, _HEAD), size=int(generator.integers(1, 6))):
            data[place : place + 4] = _NUMBERS[generator.integers(len(_NUMBERS))]
    elif kind == 3:
        for place in generator.integers(min(size, _HEAD), size=int(generator.integers(1, 20))):
            data[place] = int(generator.integers(256))
    elif kind == 4:
        del data[place : place + length]
    elif kind == 5:
        data[place:place] = data[place : place + length]
    elif kind == 6:
        data[place : place + length] = generator.bytes(length) if seed % 16 < 8 else bytes(length)
    else:
        del data[place:]
    return bytes(data)


def check_video(path: Path) -> None:
    """Cut a file, and check that its pieces follow each other and are what they say."""
    try:
        media = read_media(Source(str(path)))
    except MediaError as error:
        RejectReason(error.reason)
        return
    end = media.start
    for piece in cut_media(
        media,
        length=0.5,
        min_length=0.4,
        max_length=0.6,
        tail="share",
        images_per_second=4.0,
        requests=[ImageRequest(24, 32)],
    ):
        assert abs(piece.start - end) < 1e-3, (piece.start, end)
        end = piece.start + (piece.duration or 0.0)
        if isinstance(piece, Rejection):
            RejectReason(piece.reason)
            continue
        assert isinstance(piece, DecodedClip)
        assert abs(len(piece.samples) - 16_000 * piece.duration) <= 1
        assert 0.4 - 1e-3 < piece.duration < 0.6 + 1e-3
        assert max(piece.width, piece.height) < 2**31
        screen_clip(piece, min_loudness=-60.0, min_motion=0.05)


def check_sound(path: Path) -> None:
    """Read the sound of a file, and check that it is finite."""
    try:
        for block in stream_audio(path, 16_000, 1.0):
            assert np.isfinite(block).all()
    except MediaError as error:
        RejectReason(error.reason)


def main() -> None:
    """Read mutants, as the arguments say."""
    source, folder, first, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    content = source.read_bytes()
    path = folder / f"mutant{source.suffix}"
    for seed in range(first, first + count):
        print(seed, flush=True)
        path.write_bytes(mutate(content, seed))
        check_video(path)
        check_sound(path)


if __name__ == "__main__":
    main()
