from __future__ import annotations

import numpy as np
import pytest

from hearsight.teachers.descriptors import (
    IMAGE_DIM,
    IMAGE_SIDE,
    SOUND_DIM,
    describe_images,
    describe_sounds,
    find_region,
)

SIDE = IMAGE_SIDE


def _draw_square(row: int, column: int, half: int, bright: int = 200, dark: int = 40) -> np.ndarray:
    image = np.full((SIDE, SIDE, 3), dark, np.uint8)
    image[row - half : row + half, column - half : column + half] = bright
    return image


def _play(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return (0.1 * np.sin(2.0 * np.pi * hertz * np.arange(round(16_000 * seconds)) / 16_000)).astype(np.float32)


def test_the_region_is_where_the_edges_are() -> None:
    for row, column, half in ((30, 60, 12), (60, 30, 20), (48, 48, 30)):
        found_row, found_column, reach = find_region(_draw_square(row, column, half))
        assert abs(found_row - row) < 2.0
        assert abs(found_column - column) < 2.0
        assert half < reach < 2.5 * half + 8


def test_the_larger_of_two_things_is_looked_at() -> None:
    image = _draw_square(48, 24, 16)
    image[44:52, 76:84] = 200
    row, column, _ = find_region(image)
    assert abs(column - 24) < 3.0
    assert abs(row - 48) < 3.0


def test_a_thing_has_the_same_descriptor_wherever_and_however_large_and_whatever_its_colours() -> None:
    images = np.stack(
        [
            _draw_square(40, 40, 14),
            _draw_square(56, 60, 14),
            _draw_square(48, 48, 24),
            _draw_square(40, 40, 14, bright=90, dark=160),
        ]
    )
    checks = (np.indices((SIDE, SIDE)).sum(0) // 6 % 2 * 160 + 40).astype(np.uint8)
    same = describe_images(images)
    other = describe_images(np.repeat(checks[None, :, :, None], 3, axis=3))[0]
    nearest_other = np.linalg.norm(same - other, axis=1).min()
    assert np.linalg.norm(same - same[0], axis=1).max() < 0.5 * nearest_other


def test_colours_of_equal_brightness_make_edges_too() -> None:
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    image[..., 0] = 100
    image[30:60, 30:60] = (0, 100, 0)
    row, column, _ = find_region(image)
    assert abs(row - 45) < 2.0
    assert abs(column - 45) < 2.0


def test_pictures_are_described_one_by_one() -> None:
    images = np.random.default_rng(0).integers(0, 255, (5, SIDE, SIDE, 3), np.uint8)
    together = describe_images(images)
    assert together.shape == (5, IMAGE_DIM)
    assert together.dtype == np.float32
    for place in range(5):
        np.testing.assert_array_equal(describe_images(images[place : place + 1])[0], together[place])


def test_a_plain_picture_and_no_picture_are_described_without_ado() -> None:
    plain = np.full((1, SIDE, SIDE, 3), 77, np.uint8)
    np.testing.assert_array_equal(describe_images(plain), 0.0)
    assert describe_images(plain[:0]).shape == (0, IMAGE_DIM)
    assert describe_sounds(np.zeros((0, 16_000), np.float32)).shape == (0, SOUND_DIM)
    assert np.isfinite(describe_sounds(np.zeros((1, 16_000), np.float32))).all()


def test_sounds_are_told_apart_by_pitch_and_by_rhythm_more_than_by_level() -> None:
    gate = (np.arange(16_000) // 2_000 % 2).astype(np.float32)  # 4 Hz
    sounds = np.stack([_play(500.0), 0.5 * _play(500.0), _play(2_000.0), _play(500.0) * gate])
    described = describe_sounds(sounds)
    assert described.shape == (4, SOUND_DIM)
    distances = np.linalg.norm(described - described[0], axis=1)
    assert distances[1] < 0.5 * distances[2]
    assert distances[1] < 0.5 * distances[3]


@pytest.mark.parametrize(("hertz", "octave"), [(1.5, 0), (3.0, 1), (6.0, 2), (12.0, 3), (24.0, 4)])
def test_a_fluctuation_shows_in_its_octave(hertz: float, octave: int) -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    course = 1.0 + 0.9 * np.sin(2.0 * np.pi * hertz * np.arange(16_000) / 16_000)
    described = describe_sounds((noise * course).astype(np.float32)[None])[0]
    assert int(np.argmax(described.reshape(6, -1)[1:].mean(axis=1))) == octave
