"""Small videos with known content, written once per test session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hearsight.media.containers.writer import write_video

FRAME_RATE = 6.0
SAMPLE_RATE = 16_000
HEIGHT, WIDTH = 48, 64


def make_waveform(seconds: float, seed: int) -> np.ndarray:
    """Return a melody of random notes over noise: no two seeds sound alike."""
    generator = np.random.default_rng([seed, 1])
    times = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    notes = 200.0 * 2.0 ** (generator.integers(0, 36, int(seconds * 4) + 1) / 12)
    pitch = notes[(times * 4).astype(int)]
    melody = 0.2 * np.sin(2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE)
    return (melody + 0.02 * generator.standard_normal(len(times))).astype(np.float32)


def make_images(seconds: float, seed: int) -> Iterator[np.ndarray]:
    """Return pictures of a square that moves over a background: no two seeds look alike."""
    generator = np.random.default_rng([seed, 2])
    background = np.kron(generator.integers(0, 200, (6, 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    colour = generator.integers(0, 256, 3)
    for frame in range(int(seconds * FRAME_RATE)):
        image = background.copy()
        top, left = generator.integers(0, HEIGHT - 20), (7 * frame) % (WIDTH - 20)
        image[top : top + 20, left : left + 20] = colour
        yield image


def write_clip(path: Path, seconds: float = 8.0, seed: int = 0) -> Path:
    """Write a video of some seconds."""
    write_video(path, make_images(seconds, seed), FRAME_RATE, make_waveform(seconds, seed), SAMPLE_RATE)
    return path


def write_folder(folder: Path, num_videos: int, seconds: float = 8.0) -> Path:
    """Write several videos, one seed each."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed in range(num_videos):
        write_clip(folder / f"video-{seed:02d}.mp4", seconds, seed)
    return folder
