"""Write the golden arrays of this folder: ``python tests/golden/regenerate.py``.

Each array comes from an implementation of its own that shares no line with hearsight: here, the published algorithm of the
VGGish release in float64, one frame at a time. Nothing here imports hearsight.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
RATE = 16_000


def make_sounds() -> dict[str, np.ndarray]:
    """The sounds that the log-mel matrices are of; float32, because that is what the front ends take."""
    time = np.arange(3 * RATE) / RATE
    generator = np.random.default_rng(20190512)
    return {
        "sine": np.sin(2 * np.pi * 1000 * time).astype(np.float32),
        "chirp": (0.5 * np.sin(2 * np.pi * (50 * time + 1300 * time**2))).astype(np.float32),
        "noise": (0.1 * generator.standard_normal(25_000)).clip(-1, 1).astype(np.float32),
        "clicks": np.where(np.arange(15_600) % 1234 == 0, 0.9, 0.0).astype(np.float32),
        "silence": np.zeros(16_000, dtype=np.float32),
    }


def reference_log_mel(samples: np.ndarray, window: np.ndarray, pad: int = 0, fft: int = 512) -> np.ndarray:
    """Magnitudes of the uncentred STFT, HTK triangles, log(mel + 0.01), as in the release's ``mel_features.py``."""
    samples = np.concatenate([samples.astype(np.float64), np.zeros(pad)])
    length, hop = 400, 160
    weights = reference_mel_matrix(fft // 2 + 1)
    rows = []
    for start in range(0, len(samples) - length + 1, hop):
        spectrum = np.abs(np.fft.rfft(samples[start : start + length] * window, fft))
        rows.append(np.log(spectrum @ weights + 0.01))
    return np.array(rows)


def reference_mel_matrix(num_bins: int, num_bands: int = 64, low: float = 125.0, high: float = 7500.0) -> np.ndarray:
    def mel(hertz: float) -> float:
        return 1127.0 * math.log(1.0 + hertz / 700.0)

    weights = np.zeros((num_bins, num_bands))
    step = (mel(high) - mel(low)) / (num_bands + 1)
    for band in range(num_bands):
        left, centre, right = (mel(low) + step * (band + offset) for offset in (0, 1, 2))
        for index in range(1, num_bins):
            position = mel(index * RATE / 2 / (num_bins - 1))
            if left < position <= centre:
                weights[index, band] = (position - left) / (centre - left)
            elif centre < position < right:
                weights[index, band] = (right - position) / (right - centre)
    return weights


def write_log_mel() -> None:
    phase = 2 * np.pi * np.arange(400) / 400
    hann, hamming = 0.5 - 0.5 * np.cos(phase), 0.54 - 0.46 * np.cos(phase)
    front_ends = {"vggish": (hann, 0, 512), "jia": (hamming, 240, 512), "wu": (hann, 240, 2048)}
    arrays = {f"sound_{name}": sound for name, sound in make_sounds().items()}
    for front_end, definition in front_ends.items():
        for name, sound in make_sounds().items():
            arrays[f"{front_end}_{name}"] = reference_log_mel(sound, *definition).astype(np.float32)
    np.savez_compressed(FOLDER / "log_mel.npz", **arrays)


if __name__ == "__main__":
    write_log_mel()
