"""Faults of a clip's sound for which it may be dropped: a constant tone, clipping, silent stretches, a value that is stuck."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int16

from hearsight.records import RejectReason
from hearsight.signal.waveform import FULL_SCALE
from hearsight.units import to_decibels

_BLOCK_SECONDS = 0.25
"""Length of the blocks in all of which a constant tone has to be."""
_TONE_BINS = 2
"""Bins on each side of a tone's own, over which a Hann window spreads it."""
_TONE_RANK = 10.0
"""Percentile of the blocks whose share counts: one block that is disturbed does not hide a tone."""
_SILENCE_SECONDS = 0.02
_CLIPPED = 0.998
"""Share of full scale from which a sample counts as clipped."""


def screen_sound(
    samples: Int16[np.ndarray, " samples"],
    sample_rate: int,
    *,
    max_tone: float | None = None,
    max_clipping: float | None = None,
    max_silence: tuple[float, float] | None = None,
    max_stuck: float | None = None,
) -> tuple[RejectReason, str] | None:
    """Return the fault for which a clip is to be dropped. None as a limit looks for no such fault.

    Parameters
    ----------
    samples, sample_rate
        One channel, and its rate in Hz.
    max_tone
        The largest share of energy in one constant tone, as :func:`measure_tone` measures it.
    max_clipping
        The largest share of samples at full scale.
    max_silence
        The longest silent stretch in seconds, and the level in dB of full scale below which sound is silent.
    max_stuck
        The longest stretch in seconds in which the sound stays at one value other than zero.

    Returns
    -------
    tuple[RejectReason, str] or None
        The reason and what was measured.
    """
    if max_tone is not None and (tone := measure_tone(samples, sample_rate))[0] > max_tone:
        found = f"{tone[0]:.3f} of the energy is a tone at {tone[1]:.0f} Hz, more than {max_tone:g}"
        return RejectReason.TONE, found
    if max_clipping is not None and (clipped := measure_clipping(samples)) > max_clipping:
        return RejectReason.CLIPPED, f"{clipped:.4f} of the samples are at full scale, more than {max_clipping:g}"
    if max_silence is not None:
        longest, level = max_silence
        silence = measure_silence(samples, sample_rate, level)
        if silence > longest:
            return RejectReason.GAPS, f"{silence:.2f} s below {level:g} dB, more than {longest:g} s"
    if max_stuck is not None and (stuck := measure_stuck(samples, sample_rate)) > max_stuck:
        return RejectReason.STUCK, f"one value for {stuck:.3f} s, more than {max_stuck:g} s"
    return None


def measure_tone(samples: Int16[np.ndarray, " samples"], sample_rate: int) -> tuple[float, float]:
    """Measure how much of a sound is one constant tone.

    The tone is the strongest line of the mean spectrum of blocks of a quarter of a second. What counts is its share of the energy
    in the block at the tenth percentile, so that a tone that comes and goes has none. White noise has about 0.01, held notes of
    music 0.1 to 0.6, a test tone 1.

    Returns
    -------
    tuple[float, float]
        Share of the energy, and frequency in Hz; both 0 where nothing is audible.
    """
    length = max(8, round(_BLOCK_SECONDS * sample_rate))
    if len(samples) < length:
        return 0.0, 0.0
    blocks = samples[: len(samples) // length * length].reshape(-1, length).astype(np.float64)
    blocks -= blocks.mean(axis=1, keepdims=True)
    power: Float64[np.ndarray, "blocks bins"] = np.abs(np.fft.rfft(blocks * np.hanning(length), axis=1)) ** 2
    total = power.sum(axis=1)
    if not total.any():
        return 0.0, 0.0
    centre = int(np.argmax(power.mean(axis=0)))
    line = power[:, max(0, centre - _TONE_BINS) : centre + _TONE_BINS + 1].sum(axis=1)
    shares = np.divide(line, total, out=np.zeros_like(line), where=total > 0.0)
    return float(np.percentile(shares, _TONE_RANK)), centre * sample_rate / length


def measure_clipping(samples: Int16[np.ndarray, " samples"]) -> float:
    """Measure the share of samples at full scale, to within 0.2 %."""
    if not len(samples):
        return 0.0
    return float(np.mean(np.abs(samples.astype(np.int32)) >= _CLIPPED * FULL_SCALE))


def measure_silence(samples: Int16[np.ndarray, " samples"], sample_rate: int, level: float) -> float:
    """Measure the longest silent stretch in seconds, in steps of 20 ms.

    Parameters
    ----------
    level
        RMS level in dB relative to full scale below which a step is silent. A constant offset is inaudible and taken out.
    """
    length = max(1, round(_SILENCE_SECONDS * sample_rate))
    steps = samples[: len(samples) // length * length].reshape(-1, length)
    levels = np.array([to_decibels(float(one) / FULL_SCALE) for one in np.std(steps, axis=1, dtype=np.float64)])
    return _find_longest(levels < level) * length / sample_rate


def measure_stuck(samples: Int16[np.ndarray, " samples"], sample_rate: int) -> float:
    """Measure the longest stretch in seconds in which every sample has the same value, which is not zero."""
    if len(samples) < 2:
        return 0.0
    same = (samples[1:] == samples[:-1]) & (samples[1:] != 0)
    longest = _find_longest(same)
    return (longest + 1) / sample_rate if longest else 0.0


def _find_longest(marks: Bool[np.ndarray, " places"]) -> int:
    """Return the length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], marks.astype(np.int8), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))
