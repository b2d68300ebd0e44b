"""Examples to teach from: tones and noise bursts in files of a class, and a small network with fresh weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network

RATE = 16_000
PITCHES = {"low": 200.0, "high": 2_500.0}


def make_tone(pitch: float, seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    tone = 0.3 * np.sin(2 * np.pi * pitch * (1.0 + 0.05 * generator.random()) * time)
    return (tone + 0.003 * generator.standard_normal(len(time))).astype(np.float32)


def make_noise(seconds: float = 1.0, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng((seed, 7)).standard_normal(round(seconds * RATE))).astype(np.float32)


def write_wav(path: Path, waveform: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, waveform, RATE, subtype="FLOAT")
    return path


def write_examples(folder: Path, count: int = 5, background: bool = True) -> Path:
    """Write tones of two pitches, with a silent second behind each, and noise as background."""
    for name, pitch in PITCHES.items():
        for number in range(count):
            tone = make_tone(pitch, seed=number)
            write_wav(folder / name / f"{number}.wav", np.concatenate([tone, np.zeros(RATE, np.float32)]))
    for number in range(count if background else 0):
        write_wav(folder / "background" / f"{number}.wav", make_noise(seed=number))
    return folder


def write_model(folder: Path) -> Path:
    network = build_network("hearsight-conv-4", 3, seed=0, width=0.25)
    save_checkpoint(network, folder, vocabulary=("a", "b", "c"), training={"clips": 7, "sample_rate": RATE})
    return folder
