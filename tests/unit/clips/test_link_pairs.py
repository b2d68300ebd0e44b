"""Pairs of media that share words are found, whatever the size of partitions and the order of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.clips import partitions
from hearsight.clips.link_pairs import FRAME, FrameFile, find_pairs


def make_frames(num_media: int, length: int = 120) -> np.ndarray:
    """Return random words; medium 5 has those of medium 2 from frame 20 on, with a bit of every second one turned over."""
    frames = np.zeros((num_media, length), FRAME)
    draw = np.random.default_rng(3)
    frames["media"], frames["frame"] = np.arange(num_media)[:, np.newaxis], np.arange(length)
    for name in ("word", "half"):
        frames[name] = draw.integers(1, 2**32, frames.shape, np.uint32)
    for name in ("word", "half", "weak"):
        frames[name][5, : length - 20] = frames[name][2, 20:]
    frames["word"][5, ::2] ^= 1 << 9
    return frames.reshape(-1)


def search(folder: Path, frames: np.ndarray, num_media: int, blocks: int = 3) -> list[list[int]]:
    folder.mkdir()
    file = FrameFile(folder, num_media, len(frames))
    for some in np.array_split(frames, blocks):
        file.append(some)
    file.finish()
    return find_pairs(folder, file).tolist()


def test_a_shifted_copy_is_found_whatever_the_size_of_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = make_frames(9)
    found = [search(tmp_path / "one", frames, 9)]
    monkeypatch.setattr(partitions, "ROWS", 100)
    found.append(search(tmp_path / "many", frames, 9))
    found.append(search(tmp_path / "mixed", np.random.default_rng(0).permutation(frames), 9))
    assert found == [[[2, 5]]] * 3


def test_frames_that_come_twice_count_once(tmp_path: Path) -> None:
    frames = make_frames(9)
    short = frames[(frames["media"] != 5) | (frames["frame"] < 50)]  # 1.6 s are shared, which is too little
    assert search(tmp_path / "once", short, 9) == []
    assert search(tmp_path / "twice", np.concatenate([short, short]), 9) == []


def test_frames_of_a_medium_are_read_in_the_order_of_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "ROWS", 100)
    frames = make_frames(9)
    frames = frames[frames["media"] != 4]  # a medium without sound
    file = FrameFile(tmp_path, 9, len(frames))
    file.append(np.random.default_rng(0).permutation(frames))
    file.finish()
    for media in range(9):
        assert np.array_equal(file.read(media), frames[frames["media"] == media])


def test_no_frames_make_no_pairs(tmp_path: Path) -> None:
    assert search(tmp_path / "none", np.zeros(0, FRAME), 3) == []
    assert search(tmp_path / "nothing", np.zeros(0, FRAME), 0) == []
