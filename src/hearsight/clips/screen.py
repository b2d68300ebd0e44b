"""Why a clip is dropped: nothing to hear, nothing that moves, too little of either; and what tells two clips apart.

The fingerprints are made so that a clip that was encoded again, louder or smaller, keeps nearly all of its bits, while another
clip shares about half of them.
"""

from __future__ import annotations

import itertools

import numpy as np
import scipy.fft
from jaxtyping import Float32, Float64, Int16, UInt8

from hearsight.media.decode import DecodedClip
from hearsight.records import RejectReason
from hearsight.units import SAMPLE_RATE, to_decibels

MOST_FILLED = 0.5
"""Share of a clip that may lack sound (gaps that were filled with silence) before the clip is broken."""

_SLICES, _BANDS = 9, 33
_F_MIN, _F_MAX = 200.0, 6000.0
_N_FFT = 1024
_GRID = 8


def screen_clip(clip: DecodedClip, *, min_loudness: float, min_motion: float) -> tuple[RejectReason, str] | None:
    """Say why a clip is not worth labelling.

    Parameters
    ----------
    clip
        As it was decoded.
    min_loudness
        RMS level in dB of full scale below which it is silent.
    min_motion
        Mean absolute difference of successive pictures (0 to 255) below which it is a still.

    Returns
    -------
    (RejectReason, str) or None
        The reason and what was measured; None for a good clip.
    """
    if len(clip.thumbnails) < 2:
        return RejectReason.BROKEN_STREAM, f"{len(clip.thumbnails)} pictures in {clip.duration:.2f} s"
    if clip.seconds_filled > MOST_FILLED * clip.duration:
        return RejectReason.BROKEN_STREAM, f"{clip.seconds_filled:.2f} of {clip.duration:.2f} s have no sound"
    loudness = measure_loudness(clip.samples)
    if loudness < min_loudness:
        return RejectReason.SILENT, f"{loudness:.1f} dB, below {min_loudness:g} dB"
    motion = measure_motion(clip.thumbnails)
    if motion < min_motion:
        return RejectReason.STILL, f"pictures differ by {motion:.3f} of 255, less than {min_motion:g}"
    return None


def measure_loudness(samples: Int16[np.ndarray, " samples"]) -> float:
    """Measure the RMS level in dB relative to full scale, the mean (a DC offset, which nobody hears) taken out."""
    if len(samples) == 0:
        return to_decibels(0.0)
    deviation = float(np.std(samples, dtype=np.float64))
    return to_decibels(deviation / 32768.0)


def measure_motion(thumbnails: UInt8[np.ndarray, "images 32 32"]) -> float:
    """Measure the mean absolute difference of successive pictures, 0 to 255; 0 for fewer than two."""
    if len(thumbnails) < 2:
        return 0.0
    pictures = thumbnails.astype(np.int16)
    return float(np.mean(np.abs(np.diff(pictures, axis=0)), dtype=np.float64))


def fingerprint_sound(samples: Int16[np.ndarray, " samples"]) -> bytes:
    """Give the 256-bit fingerprint of a clip's sound.

    The clip is divided into nine equal slices of time and 33 bands, evenly spaced in log frequency. A bit says whether the
    difference of two neighbouring bands grew from one slice to the next (after Haitsma and Kalker 2002, with slices long enough
    to survive the delay of another encoder). It does not change with the level.
    """
    energies = _measure_bands(samples)
    bits = np.diff(np.diff(np.log(energies + 1e-12), axis=1), axis=0) > 0.0
    return np.packbits(bits).tobytes()


def fingerprint_images(thumbnails: UInt8[np.ndarray, "images 32 32"]) -> bytes:
    """Give the 64-bit fingerprint of a clip's pictures: where their mean gets brighter from left to right (dHash)."""
    if len(thumbnails) == 0:
        return bytes(_GRID * _GRID // 8)
    mean = thumbnails.mean(axis=0, dtype=np.float64)
    rows = mean.reshape(_GRID, 4, 32).mean(axis=1)
    edges = np.linspace(0, 32, _GRID + 2).round().astype(int)
    columns = np.stack([rows[:, first:last].mean(axis=1) for first, last in itertools.pairwise(edges)], axis=1)
    return np.packbits(np.diff(columns, axis=1) > 0.0).tobytes()


def _measure_bands(samples: Int16[np.ndarray, " samples"]) -> Float64[np.ndarray, "slices bands"]:
    """Measure the mean energy of each slice and band."""
    per_slice = max(_N_FFT, -(-len(samples) // _SLICES))
    padded = np.zeros(_SLICES * per_slice, np.float32)
    padded[: len(samples)] = samples
    frames = _cut_frames(padded.reshape(_SLICES, per_slice) / np.float32(32768.0))
    power = np.square(np.abs(np.asarray(scipy.fft.rfft(frames, axis=-1))))
    spectrum = power.mean(axis=1, dtype=np.float64)
    edges = np.geomspace(_F_MIN, _F_MAX, _BANDS + 1) * _N_FFT / SAMPLE_RATE
    sums = np.concatenate([np.zeros((_SLICES, 1)), np.cumsum(spectrum, axis=1)], axis=1)
    # Bands narrower than a bin take their share of it: the cumulated spectrum is read between its bins.
    bins = np.arange(sums.shape[1])
    return np.stack([np.diff(np.interp(edges, bins, row)) for row in sums])


def _cut_frames(slices: Float32[np.ndarray, "slices samples"]) -> Float32[np.ndarray, "slices frames n_fft"]:
    """Cut each slice into windowed frames that overlap by half."""
    views = np.lib.stride_tricks.sliding_window_view(slices, _N_FFT, axis=1)[:, :: _N_FFT // 2]
    return views * np.hanning(_N_FFT).astype(np.float32)
