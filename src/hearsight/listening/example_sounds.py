"""Generated sounds of many kinds: for the ranges of an 8-bit network where there is no dataset, and to compare networks."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Float64

QUIETEST = -50.0
"""dB of full scale of the quietest peak; the loudest is at 0."""


def make_sounds(count: int, num_samples: int, sample_rate: int, seed: int) -> Float32[np.ndarray, "count samples"]:
    """Return sounds of many kinds and levels: coloured noise, harmonic tones, sweeps and clicks, and their sums.

    Parameters
    ----------
    count, num_samples
        How many, and how long.
    sample_rate
        Hz.
    seed
        The sounds of a place depend on it and on the place alone.
    """
    return np.stack([_make_sound(num_samples, sample_rate, np.random.default_rng([seed, n])) for n in range(count)])


def _make_sound(num_samples: int, sample_rate: int, generator: np.random.Generator) -> Float32[np.ndarray, " samples"]:
    time = np.arange(num_samples) / sample_rate
    kinds = generator.permutation(4)[: generator.integers(1, 4)]
    total = np.zeros(num_samples)
    for kind in kinds.tolist():
        part = (_make_noise, _make_tone, _make_sweep, _make_clicks)[kind](time, sample_rate, generator)
        total += generator.uniform(0.1, 1.0) * part / max(float(np.abs(part).max()), 1e-9)
    level = 10.0 ** (generator.uniform(QUIETEST, 0.0) / 20.0)
    return (level * total / max(float(np.abs(total).max()), 1e-9)).astype(np.float32)


def _make_noise(
    time: Float64[np.ndarray, " samples"], sample_rate: int, generator: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    """Return noise whose power falls with frequency, by an exponent from 0 (white) to 2 (brown), with a slow swell."""
    spectrum = np.fft.rfft(generator.standard_normal(len(time)))
    frequencies = np.fft.rfftfreq(len(time), 1.0 / sample_rate)
    spectrum *= np.maximum(frequencies, 20.0) ** (-generator.uniform(0.0, 2.0) / 2.0)
    swell = 1.0 + generator.uniform(0.0, 1.0) * np.sin(2 * np.pi * generator.uniform(0.5, 8.0) * time)
    return np.fft.irfft(spectrum, len(time)) * swell


def _make_tone(
    time: Float64[np.ndarray, " samples"], sample_rate: int, generator: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    pitch = 80.0 * 2.0 ** generator.uniform(0.0, 5.0)
    numbers = np.arange(1, 1 + max(1, int(min(12.0, 0.45 * sample_rate / pitch))))
    phases = generator.uniform(0.0, 2 * np.pi, len(numbers))
    return (np.sin(2 * np.pi * pitch * numbers * time[:, None] + phases) / numbers).sum(axis=1)


def _make_sweep(
    time: Float64[np.ndarray, " samples"], sample_rate: int, generator: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    begin, end = generator.uniform(100.0, 0.45 * sample_rate, 2)
    return np.sin(2 * np.pi * (begin * time + 0.5 * (end - begin) * time**2 / max(float(time[-1]), 1e-9)))


def _make_clicks(
    time: Float64[np.ndarray, " samples"], sample_rate: int, generator: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    clicks = np.zeros(len(time))
    clicks[generator.integers(0, len(time), generator.integers(1, 20))] = 1.0
    decay = np.exp(-np.arange(sample_rate // 20) / (sample_rate * generator.uniform(0.0005, 0.01)))
    return np.convolve(clicks, decay * generator.standard_normal(len(decay)))[: len(time)]
