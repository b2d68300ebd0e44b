"""The picture of a sound: the same however the sound is cut into blocks, and read back in tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import InputError
from hearsight.serve.spectrogram import BANDS, COLUMNS_PER_SECOND, SpectrogramWriter, read_peaks, read_tile

RATE = 16_000


def write(path: Path, sound: np.ndarray, cuts: list[int]) -> SpectrogramWriter:
    writer = SpectrogramWriter(path, RATE)
    assert np.array_equal(np.concatenate(list(writer.follow(np.split(sound, cuts)))), sound)
    writer.close()
    return writer


def make_sound(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.5 * np.sin(2 * np.pi * 440 * time) * (time > 1.0)).astype(np.float32)


def test_blocks_of_any_length_make_the_same_picture(tmp_path: Path) -> None:
    sound = make_sound(3.0)
    whole = write(tmp_path / "a.columns", sound, [])
    write(tmp_path / "b.columns", sound, [1, 2, 500, 16_001, 40_000])
    for suffix in (".columns", ".peaks"):
        assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert abs(whole.num_columns - 3 * COLUMNS_PER_SECOND) <= 1


def test_a_tone_is_bright_where_and_when_it_sounds(tmp_path: Path) -> None:
    path = tmp_path / "a.columns"
    write(path, make_sound(3.0), [])
    tile = read_tile(path, 0, 0)
    assert tile.shape[1] == BANDS
    assert tile[:45].max() <= 20
    assert tile[60:140].max(axis=1).min() > 150
    assert 0 < tile[100].argmax() < BANDS // 3  # 440 Hz is low in 8 kHz
    peaks = read_peaks(path, 10**6)
    assert (peaks[:45] == 0).all()
    assert abs(int(peaks[100]) - 127) <= 1


def test_a_level_is_the_maximum_of_the_one_below(tmp_path: Path) -> None:
    path = tmp_path / "a.columns"
    writer = write(path, np.random.default_rng(0).uniform(-1, 1, 30 * RATE).astype(np.float32), [])
    whole = np.concatenate([read_tile(path, 0, number) for number in range(4)])
    assert len(whole) == writer.num_columns
    shrunk = read_tile(path, 3, 0)
    assert np.array_equal(shrunk[10], whole[80:88].max(axis=0))
    assert read_tile(path, 0, 99).shape == (0, BANDS)
    assert read_tile(path, 20, 0).shape == (1, BANDS)
    assert len(read_peaks(path, 100)) <= 100
    assert read_peaks(path, 100).max() == read_peaks(path, 10**6).max()
    low, high = writer.find_range()
    assert 0 <= low < high <= 255


def test_points_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="points: 0, wanted at least 1"):
        read_peaks(tmp_path / "a.columns", 0)
