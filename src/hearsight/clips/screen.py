"""Why a clip is dropped, and how a clip is recognised: loudness, motion, and fingerprints of its sound and pictures."""

from __future__ import annotations

import functools
import itertools

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16, UInt8

from hearsight.media.decode import DecodedClip
from hearsight.records import RejectReason
from hearsight.signal.waveform import FULL_SCALE, from_int16
from hearsight.units import SAMPLE_RATE, to_decibels

_N_FFT = 1024
_HOP_LENGTH = 512
_DYNAMIC_RANGE = 60.0
"""dB below the loudest band and moment of a clip below which a fingerprint takes it for silence."""

_FLUX_BANDS = np.geomspace(250.0, 3500.0, 8)
"""Hz: edges of the seven bands whose rise and fall against each other is fingerprinted; within what a telephone carries."""
_SHAPE_BANDS = np.geomspace(100.0, 7500.0, 34)
"""Hz: edges of the 33 bands whose mean levels are fingerprinted."""
_NUM_STEPS = 32
"""Bits of a word: steps in time of the flux, steps in frequency of the shape."""
_STEADY = 0.1
"""dB of change that is none, so that a steady tone has the same bits however it was encoded."""
_FLAT = 1.0
"""dB of slope that is none."""

_GRAY_STEP = 2.0
"""Gray levels (of 256) of difference that are none."""
_LEVELS = np.array([32.0, 80.0, 128.0, 192.0])


def screen_clip(
    clip: DecodedClip, *, min_loudness: float, min_motion: float, max_missing: float = 0.5, max_hold: float = 0.5
) -> tuple[RejectReason, str] | None:
    """Return why a clip is not worth labelling.

    Parameters
    ----------
    clip
        The decoded clip.
    min_loudness
        RMS level in dB of full scale below which it is silent.
    min_motion
        Mean absolute difference of successive pictures (0 to 255) below which it is a still.
    max_missing
        Share of its duration that may be without sound.
    max_hold
        Share of its duration for which one picture may stand while others move.

    Returns
    -------
    tuple[RejectReason, str] or None
        The reason and what was measured; None for a good clip. A clip is broken when there are fewer than two pictures in it,
        when too much of its sound is missing, or when one picture does not change for too long.
    """
    if len(clip.thumbnails) < 2:
        return RejectReason.BROKEN_STREAM, f"{len(clip.thumbnails)} pictures in {clip.duration:.2f} s"
    if clip.seconds_filled > max_missing * clip.duration:
        return RejectReason.BROKEN_STREAM, f"no sound for {clip.seconds_filled:.2f} of {clip.duration:.2f} s"
    loudness = measure_loudness(clip.samples)
    if loudness < min_loudness:
        return RejectReason.SILENT, f"{loudness:.1f} dB, below {min_loudness:g} dB"
    motion = measure_motion(clip.thumbnails)
    if motion < min_motion:
        return RejectReason.STILL, f"successive pictures differ by {motion:.3f} of 255, less than {min_motion:g}"
    if clip.longest_hold > max_hold * clip.duration:
        return RejectReason.BROKEN_STREAM, f"one picture stands for {clip.longest_hold:.2f} of {clip.duration:.2f} s"
    return None


def measure_loudness(samples: Int16[np.ndarray, " samples"]) -> float:
    """Measure the RMS level in dB relative to full scale, no lower than -120.

    A full-scale square wave has 0 dB. The mean is removed: a constant offset, as cheap recorders make it, is inaudible.
    """
    if len(samples) == 0:
        return to_decibels(0.0)
    return to_decibels(float(np.std(samples, dtype=np.float64)) / FULL_SCALE)


def measure_motion(thumbnails: UInt8[np.ndarray, "images 32 32"]) -> float:
    """Measure the mean absolute difference of successive pictures, 0 to 255; 0 for fewer than two."""
    if len(thumbnails) < 2:
        return 0.0
    return float(np.mean(np.abs(np.diff(thumbnails.astype(np.int16), axis=0))))


def fingerprint_sound(samples: Int16[np.ndarray, " samples"]) -> bytes:
    """Return 256 bits that stay nearly the same when a sound is encoded again, at another level or sample rate.

    Six words of 32 bits hold whether each of six pairs of neighbouring bands rises against the other from one 32nd of the clip to
    the next (after Haitsma and Kalker 2002, "A highly robust audio fingerprinting system", section 4.2, with long smooth steps in
    place of their dense frames). Two more words hold the shape of the mean spectrum, so that steady sounds differ too: where it
    rises, and where it stands out from its surroundings.

    Parameters
    ----------
    samples
        16 kHz mono of a clip.
    """
    power = _measure_power(from_int16(samples))
    flux = _to_relative_decibels(_weigh_steps(len(power)) @ (power @ _weigh_bands(tuple(_FLUX_BANDS))))
    slopes = np.diff(flux, axis=1)
    rising = np.diff(slopes, axis=0) > _STEADY
    shape = _to_relative_decibels((power @ _weigh_bands(tuple(_SHAPE_BANDS))).mean(axis=0))
    climbing = np.diff(shape) > _FLAT
    surroundings = np.convolve(np.pad(shape, 4, mode="edge"), np.full(9, 1 / 9), mode="valid")
    standing_out = (shape - surroundings)[:_NUM_STEPS] > _FLAT
    return _pack(np.concatenate([rising.T.ravel(), climbing, standing_out]))


def fingerprint_images(thumbnails: UInt8[np.ndarray, "images 32 32"]) -> bytes:
    """Return 64 bits that stay nearly the same when pictures are encoded again, at another size or frame rate.

    32 bits hold where the mean picture gets brighter from left to right (as in a difference hash), 16 how bright its quarters
    are, 16 which quarter gets brighter from one fifth of the clip to the next.
    """
    if len(thumbnails) == 0:
        return bytes(8)
    groups = np.array_split(thumbnails.astype(np.float64), min(5, len(thumbnails)))
    steps = np.stack([group.mean(axis=0) for group in groups])
    mean = thumbnails.mean(axis=0, dtype=np.float64)
    columns = mean.reshape(4, 8, 32).mean(axis=1) @ _weigh_columns()
    brighter = np.diff(columns, axis=1) > _GRAY_STEP
    quarters = steps.reshape(len(steps), 2, 16, 2, 16).mean(axis=(2, 4)).reshape(len(steps), 4)
    levels = quarters.mean(axis=0)[:, np.newaxis] > _LEVELS
    rising = np.zeros((4, 4), bool)
    rising[: len(steps) - 1] = np.diff(quarters, axis=0) > _GRAY_STEP
    return _pack(np.concatenate([brighter.ravel(), levels.ravel(), rising.ravel()]))


def _measure_power(waveform: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, "frames bins"]:
    padded = np.pad(waveform, (0, max(0, _N_FFT - len(waveform))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, _N_FFT)[::_HOP_LENGTH]
    return np.square(np.abs(np.fft.rfft(frames * np.hanning(_N_FFT).astype(np.float32), axis=1)))


@functools.lru_cache(maxsize=8)
def _weigh_bands(edges: tuple[float, ...]) -> Float64[np.ndarray, "bins bands"]:
    """Return triangular weights, each band reaching over its neighbours' halves, so that no tone falls between two."""
    centres = np.array(edges)
    bins = np.arange(_N_FFT // 2 + 1) * SAMPLE_RATE / _N_FFT
    weights = np.zeros((len(bins), len(centres) - 1))
    for band, (low, high) in enumerate(itertools.pairwise(centres)):
        middle, half = (low + high) / 2, max(high - low, SAMPLE_RATE / _N_FFT)
        weights[:, band] = np.clip(1.0 - np.abs(bins - middle) / half, 0.0, None)
    return weights


@functools.lru_cache(maxsize=64)
def _weigh_steps(num_frames: int) -> Float64[np.ndarray, "steps frames"]:
    """Return smooth windows, three steps wide, at 33 places evenly spaced over the frames."""
    places = (np.arange(_NUM_STEPS + 1) + 0.5) * num_frames / (_NUM_STEPS + 1)
    width = max(1.5 * num_frames / (_NUM_STEPS + 1), 1.0)
    distance = (np.arange(num_frames) + 0.5 - places[:, np.newaxis]) / width
    weights = np.where(np.abs(distance) < 1.0, 0.5 + 0.5 * np.cos(np.pi * distance), 0.0)
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-12)


@functools.lru_cache(maxsize=1)
def _weigh_columns() -> Float64[np.ndarray, "width columns"]:
    """Return nine overlapping column windows over 32 pixels."""
    centres = (np.arange(9) + 0.5) * 32 / 9
    weights = np.clip(1.0 - np.abs(np.arange(32)[:, np.newaxis] + 0.5 - centres) / (32 / 9), 0.0, None)
    return weights / weights.sum(axis=0)


def _to_relative_decibels(power: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    """Return levels relative to the largest, no lower than the dynamic range; all zero if there is nothing."""
    top = power.max(initial=0.0)
    if top <= 0.0:
        return np.zeros_like(power)
    return 10.0 * np.log10(np.maximum(power / top, 10.0 ** (-_DYNAMIC_RANGE / 10.0)))


def _pack(bits: Bool[np.ndarray, " bits"]) -> bytes:
    return np.packbits(bits).tobytes()
