from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile

from hearsight.clips.audio_fingerprints import FingerprintIndex, compute_subfingerprints
from hearsight.signal.waveform import resample

RATE = 16_000


def make_sound(seed, seconds=6.0):
    """Noise whose bands swell and fade, as little like the next one as recordings are."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(times))
    for _ in range(12):
        pitch, swell = rng.uniform(200, 3800), rng.uniform(0.5, 4.0)
        wobble = 40 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * times + rng.uniform(0, 6))
        sound += np.sin(2 * np.pi * pitch * times + wobble) * (
            1 + np.sin(2 * np.pi * swell * times + rng.uniform(0, 6))
        )
    return (0.01 * sound + 0.002 * rng.standard_normal(len(times))).astype(np.float32)


def encode_again(waveform, kind):
    if kind == "quiet":
        return 0.05 * waveform
    if kind == "telephone":
        return resample(resample(waveform, RATE, 8_000), 8_000, RATE)
    file = io.BytesIO()
    if kind == "mp3":
        soundfile.write(file, waveform, RATE, format="MP3", compression_level=0.8)
    else:
        soundfile.write(file, waveform, RATE, format="OGG", subtype="VORBIS", compression_level=0.8)
    file.seek(0)
    return soundfile.read(file, dtype="float32")[0]


@pytest.fixture(scope="module")
def searched():
    """Four seconds out of the middle of each of ten recordings."""
    return FingerprintIndex([compute_subfingerprints(make_sound(seed)[RATE : 5 * RATE]) for seed in range(10)])


@pytest.mark.parametrize("kind", ["quiet", "telephone", "mp3", "vorbis"])
@pytest.mark.parametrize("start", [0.0, 0.837, 2.5])
def test_another_cut_and_encoding_of_a_recording_is_found_where_it_lies(searched, kind, start):
    found = searched.find(encode_again(make_sound(3)[round(start * RATE) :][: 3 * RATE], kind))
    assert found is not None
    assert found.index == 3
    assert found.offset == pytest.approx(start - 1.0, abs=0.1)  # the searched sound begins a second into the recording
    assert found.difference < 0.2


def test_other_recordings_are_not_found(searched):
    assert [searched.find(make_sound(seed)) for seed in range(100, 110)] == [None] * 10


@pytest.mark.parametrize("waveform", [np.zeros(5 * RATE), np.zeros(100), np.zeros(0), np.full(5 * RATE, 0.5)])
def test_silence_and_sounds_too_short_for_words_are_not_found(searched, waveform):
    assert searched.find(waveform.astype(np.float32)) is None


def test_silence_is_not_found_in_silence():
    silent = np.zeros(4 * RATE, dtype=np.float32)
    assert FingerprintIndex([compute_subfingerprints(silent)]).find(silent) is None
    assert FingerprintIndex([]).find(make_sound(0)) is None


def test_the_same_samples_differ_in_no_bit():
    found = FingerprintIndex([compute_subfingerprints(make_sound(0))]).find(make_sound(0))
    assert found is not None
    assert (found.offset, found.difference) == (0.0, 0.0)
    assert found.overlap > 5.0
