"""Files that hold less sound than their header announces, and headers that do not know."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.errors import BrokenMediaError
from hearsight.media.audio import stream_audio
from hearsight.media.containers.announced import find_announced_share

RATE = 8_000
KINDS = {
    "wav": ("WAV", "PCM_16"),
    "rf64": ("RF64", "PCM_24"),
    "w64": ("W64", "FLOAT"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "ULAW"),
    "caf": ("CAF", "PCM_16"),
    "adpcm": ("WAV", "IMA_ADPCM"),
}


def write(folder: Path, kind: str, seconds: float = 4.0) -> Path:
    container, subtype = KINDS[kind]
    path = folder / f"{kind}.sound"
    sound = 0.3 * np.random.default_rng(0).standard_normal(round(seconds * RATE)).clip(-3, 3)
    soundfile.write(path, sound, RATE, format=container, subtype=subtype)
    return path


def read(path: Path) -> float:
    """Return the seconds that can be read, also of a file that ends early."""
    count = 0
    try:
        for block in stream_audio(path, RATE, 1.0):
            count += len(block)
    finally:
        read.seconds = count / RATE  # pyright: ignore[reportFunctionMemberAccess]
    return count / RATE


def patch(path: Path, mark: bytes, offset: int, content: bytes) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(mark) + offset
    data[place : place + len(content)] = content
    path.write_bytes(data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_that_is_cut_short_gives_what_is_there_and_says_what_is_missing(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path, kind)
    assert read(path) == pytest.approx(4.0, abs=0.1)
    with path.open("rb") as file:
        assert find_announced_share(file) == pytest.approx(1.0, abs=0.01)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(BrokenMediaError, match=r"the sound ends at (1\.[89]|2\.0)\d s of the (3\.9|4\.0)\d s"):
        read(path)
    assert read.seconds == pytest.approx(2.0, abs=0.15)  # pyright: ignore[reportFunctionMemberAccess]


UNKNOWN: dict[str, tuple[str, Callable[[Path], None]]] = {
    "a pipe's WAV": ("wav", lambda path: patch(path, b"data", 4, b"\xff\xff\xff\xff")),
    "another pipe's WAV": ("wav", lambda path: patch(path, b"data", 4, struct.pack("<I", 0x7FFFF000))),
    "an absurd RF64": ("rf64", lambda path: patch(path, b"ds64", 16, struct.pack("<Q", 1 << 60))),
    "an RF64 that was never finished": ("rf64", lambda path: patch(path, b"ds64", 16, bytes(8))),
    "an absurd Wave-64": ("w64", lambda path: patch(path, b"data\xf3", 16, struct.pack("<Q", (1 << 62) - 1))),
    "a pipe's AU": ("au", lambda path: patch(path, b".snd", 8, b"\xff\xff\xff\xff")),
    "a pipe's CAF": ("caf", lambda path: patch(path, b"data", 4, b"\xff" * 8)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_header_that_does_not_know_its_length_promises_nothing(tmp_path: Path, name: str) -> None:
    kind, change = UNKNOWN[name]
    path = write(tmp_path, kind)
    change(path)
    assert read(path) == pytest.approx(4.0, abs=0.1)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        b"RIFF\0\0\0\0WAVE" + bytes(7),
        b"RIFF\0\0\0\0WAVE" + bytes(200_000),
        b"caff\0\1\0\0" + b"desc" + b"\xff" * 8 + bytes(50),
        b"riff" + bytes(100),
        b".snd\0\0\0\x18\0\0\1\0",
        b"no sound at all",
    ],
)
def test_headers_of_any_kind_are_read_to_an_end(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with (tmp_path / "x").open("rb") as file:
        assert find_announced_share(file) == 1.0
