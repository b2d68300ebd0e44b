from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hearsight.clips.duplicates import MAX_SOUND_BITS
from hearsight.clips.screen import (
    fingerprint_images,
    fingerprint_sound,
    measure_loudness,
    measure_motion,
    screen_clip,
)
from hearsight.media.decode import DecodedClip
from hearsight.records import RejectReason

RATE = 16_000


def make_samples(level: float = 0.1, seconds: float = 4.0, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).standard_normal(int(seconds * RATE))
    return np.round(level * 32768 * noise / noise.std()).clip(-32768, 32767).astype(np.int16)


def make_thumbnails(amount: int = 12, change: int = 10, seed: int = 0) -> np.ndarray:
    picture = np.random.default_rng(seed).integers(20, 200, (32, 32))
    return np.stack([picture + change * (index % 2) for index in range(amount)]).astype(np.uint8)


def make_clip(samples: np.ndarray, thumbnails: np.ndarray, seconds_filled: float = 0.0) -> DecodedClip:
    return DecodedClip(0.0, len(samples) / RATE, samples, thumbnails, (), 64, 48, seconds_filled=seconds_filled)


def count_bits(first: bytes, second: bytes) -> int:
    return sum((a ^ b).bit_count() for a, b in zip(first, second, strict=True))


def test_a_clip_with_sound_and_motion_is_kept() -> None:
    assert screen_clip(make_clip(make_samples(), make_thumbnails()), min_loudness=-60.0, min_motion=0.25) is None


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        (make_clip(make_samples(0.0005), make_thumbnails()), RejectReason.SILENT),
        (make_clip(np.zeros(64_000, np.int16), make_thumbnails()), RejectReason.SILENT),
        (make_clip(np.full(64_000, 3000, np.int16), make_thumbnails()), RejectReason.SILENT),
        (make_clip(make_samples(), make_thumbnails(change=0)), RejectReason.STILL),
        (make_clip(make_samples(), make_thumbnails(amount=1)), RejectReason.BROKEN_STREAM),
        (make_clip(make_samples(), make_thumbnails(), seconds_filled=3.0), RejectReason.BROKEN_STREAM),
    ],
)
def test_a_clip_not_worth_labelling_is_dropped_with_what_was_measured(clip: DecodedClip, reason: RejectReason) -> None:
    found = screen_clip(clip, min_loudness=-60.0, min_motion=0.25)
    assert found is not None
    assert found[0] is reason
    assert any(digit in found[1] for digit in "0123456789")


def test_loudness_is_the_rms_level_of_full_scale() -> None:
    assert measure_loudness(make_samples(0.1)) == pytest.approx(-20.0, abs=0.05)
    assert measure_loudness(np.zeros(0, np.int16)) == -120.0


def test_motion_is_the_mean_difference_of_successive_pictures() -> None:
    assert measure_motion(make_thumbnails(change=10)) == pytest.approx(10.0)
    assert measure_motion(make_thumbnails(amount=1)) == 0.0


def test_a_sound_fingerprint_survives_level_delay_and_coarse_rounding() -> None:
    samples = make_samples(0.2, seed=3)
    changed = np.roll(samples, 400) // 4 // 16 * 16
    assert len(fingerprint_sound(samples)) == 32
    assert count_bits(fingerprint_sound(samples), fingerprint_sound(changed.astype(np.int16))) < 40


def test_sound_fingerprints_of_different_noises_are_far_apart() -> None:
    prints = [fingerprint_sound(make_samples(0.1, seed=seed)) for seed in range(12)]
    distances = [count_bits(a, b) for place, a in enumerate(prints) for b in prints[:place]]
    assert min(distances) > MAX_SOUND_BITS + 20
    assert np.mean(distances) > 90


def test_an_image_fingerprint_survives_brightness_and_tells_pictures_apart() -> None:
    first = fingerprint_images(make_thumbnails(seed=1))
    assert len(first) == 8
    assert count_bits(first, fingerprint_images(make_thumbnails(seed=1) + np.uint8(20))) <= 4
    assert np.mean([count_bits(first, fingerprint_images(make_thumbnails(seed=s))) for s in range(2, 12)]) > 10


def test_a_sound_of_a_few_samples_has_a_fingerprint() -> None:
    assert len(fingerprint_sound(make_samples(seconds=0.01))) == 32
    assert fingerprint_images(np.zeros((0, 32, 32), np.uint8)) == bytes(8)


def test_a_picture_that_stands_for_most_of_a_moving_clip_is_a_break() -> None:
    clip = make_clip(make_samples(), make_thumbnails())
    for hold, reason in ((1.9, None), (2.5, RejectReason.BROKEN_STREAM)):
        found = screen_clip(dataclasses.replace(clip, longest_hold=hold), min_loudness=-60.0, min_motion=0.25)
        assert (None if found is None else found[0]) == reason


def make_tone(frequency: float) -> np.ndarray:
    return np.round(8_000 * np.sin(2 * np.pi * frequency * np.arange(64_000) / RATE)).astype(np.int16)


def test_steady_tones_of_different_pitch_have_different_fingerprints() -> None:
    prints = [fingerprint_sound(make_tone(220.0 * 2 ** (step / 2))) for step in range(8)]
    assert all(count_bits(a, b) > 0 for place, a in enumerate(prints) for b in prints[:place])


def test_a_fingerprint_does_not_depend_on_the_level() -> None:
    samples = make_samples(0.3, seed=5)
    assert count_bits(fingerprint_sound(samples), fingerprint_sound((samples // 8).astype(np.int16))) <= 6


def test_silence_and_black_have_fingerprints_without_a_bit() -> None:
    assert fingerprint_sound(np.zeros(64_000, np.int16)) == bytes(32)
    assert fingerprint_images(np.zeros((12, 32, 32), np.uint8)) == bytes(8)
