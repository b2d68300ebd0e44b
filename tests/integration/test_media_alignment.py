"""A flash and a click that were written at the same time come out at the same time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.media.audio import read_audio
from hearsight.media.containers.streams import Encoding
from hearsight.media.containers.writer import write_video
from hearsight.media.decode import ImageRequest, decode_windows
from hearsight.media.info import read_media
from hearsight.records import Source

FRAME_RATE = 25.0
MOMENTS = (0.52, 3.96, 7.24, 12.0, 15.48)
SECONDS = 17.0


def write_flashes(path: Path, shift: float = 0.0, sound_start: float = 0.0, codec: str = "aac") -> Path:
    """Write black pictures and silence with a flash and a click at each moment.

    The pictures start ``shift`` seconds late, the sound ``sound_start``.
    """
    rate = 48_000 if codec == "libopus" else 44_100
    images = np.zeros((round(SECONDS * FRAME_RATE), 48, 64, 3), np.uint8)
    waveform = np.zeros(round((SECONDS - sound_start + shift) * rate), np.float32)
    for moment in MOMENTS:
        images[round(moment * FRAME_RATE)] = 255
        first = round((moment + shift - sound_start) * rate)
        waveform[first : first + 400] = 0.8 * np.sin(2 * np.pi * 3_000 * np.arange(400) / rate)
    times = [shift + index / FRAME_RATE for index in range(len(images))]
    encoding = Encoding(crf=10, times=times if shift else None, sound_start=sound_start, audio_codec=codec)
    write_video(path, images, FRAME_RATE, waveform, rate, encoding)
    return path


@pytest.mark.parametrize(
    ("name", "shift", "sound_start", "codec"),
    [
        ("a.mp4", 0.0, 0.0, "aac"),
        ("a.mp4", 0.0, 0.3, "aac"),
        ("a.mp4", 0.4, 0.0, "aac"),
        ("a.mkv", 0.4, 0.0, "flac"),
        ("a.mkv", 0.0, 0.3, "libopus"),
        ("a.mkv", 0.0, 0.0, "libmp3lame"),
        ("a.ts", 0.0, 0.0, "aac"),
        ("a.flv", 0.0, 0.0, "aac"),
        ("a.mov", 0.0, 0.2, "pcm_s16le"),
    ],
)
def test_flash_and_click_come_out_together(
    tmp_path: Path, name: str, shift: float, sound_start: float, codec: str
) -> None:
    path = write_flashes(tmp_path / name, shift, sound_start, codec)
    windows = list(
        decode_windows(
            read_media(Source(str(path))), length=4.0, images_per_second=FRAME_RATE, requests=[ImageRequest(16, 16)]
        )
    )
    brightness = np.concatenate([clip.images[0].mean(axis=(1, 2, 3)) for clip in windows])
    flashes = np.flatnonzero((brightness > 128) & (np.roll(brightness, 1) <= 128)) / FRAME_RATE
    loud = np.abs(np.concatenate([clip.samples for clip in windows]).astype(np.float64)) > 8_000
    clicks = [np.flatnonzero(loud[max(0, round((t - 1) * 16_000)) :])[0] / 16_000 + max(0.0, t - 1) for t in flashes]
    assert len(flashes) == len(MOMENTS)
    np.testing.assert_allclose(flashes, np.array(MOMENTS) + shift, atol=1.01 / FRAME_RATE)
    np.testing.assert_allclose(clicks, flashes, atol=1.01 / FRAME_RATE)
    np.testing.assert_allclose(np.diff(clicks), np.diff(MOMENTS), atol=0.002)


def test_the_sound_of_a_video_read_alone_has_the_times_of_its_pictures(tmp_path: Path) -> None:
    path = write_flashes(tmp_path / "a.mp4", sound_start=0.3)
    clicks = np.flatnonzero(np.abs(read_audio(path, 16_000)) > 0.3) / 16_000
    np.testing.assert_allclose([clicks[0], clicks[-1]], [MOMENTS[0], MOMENTS[-1] + 0.009], atol=0.004)


@pytest.mark.parametrize("start", [0.0, 2.5, 4.1, 11.0])
def test_a_span_has_them_together_too(tmp_path: Path, start: float) -> None:
    path = write_flashes(tmp_path / "a.mkv")
    media = read_media(Source(str(path), start, 16.0))
    windows = list(decode_windows(media, length=4.0, images_per_second=FRAME_RATE, requests=[ImageRequest(16, 16)]))
    brightness = np.concatenate([clip.images[0].mean(axis=(1, 2, 3)) for clip in windows])
    loud = np.abs(np.concatenate([clip.samples for clip in windows]).astype(np.float64)) > 8_000
    expected = [moment for moment in MOMENTS if moment >= start]
    flashes = start + np.flatnonzero(brightness > 128) / FRAME_RATE
    np.testing.assert_allclose(flashes, expected, atol=1.01 / FRAME_RATE)
    for moment in expected:
        first = round((moment - start) * 16_000)
        heard = np.flatnonzero(loud[max(0, first - 800) : first + 800])[0] + max(0, first - 800)
        assert heard / 16_000 == pytest.approx(moment - start, abs=0.003)
