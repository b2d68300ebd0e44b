"""The windows, filters and matrices that a front end is made of, in double precision or exact in single; each is made once."""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft
from jaxtyping import Float32, Float64, Shaped

from hearsight.errors import UsageError
from hearsight.signal.front_ends import FrontEnd


@functools.cache
def make_window(front_end: FrontEnd) -> Float64[np.ndarray, " win_length"]:
    """Make the analysis window: periodic, ``a - (1 - a) cos(2πn/N)`` with a = 0.5 (Hann) or 0.54 (Hamming)."""
    return _freeze(_make_taper(front_end, front_end.win_length))


def _make_taper(front_end: FrontEnd, length: int) -> Float64[np.ndarray, " length"]:
    constant = {"hann": 0.5, "hamming": 0.54}[front_end.window]
    return constant - (1.0 - constant) * np.cos(2.0 * np.pi * np.arange(length) / length)


def _freeze(array: Shaped[np.ndarray, "*any"]) -> Shaped[np.ndarray, "*any"]:
    array.setflags(write=False)
    return array


@functools.cache
def constant_q_kernels(front_end: FrontEnd) -> Float64[np.ndarray, "win_length parts"]:
    """Make the kernels of a constant-Q transform (Brown 1991): the real parts of all bands, then the imaginary ones.

    Bands lie geometrically from ``f_min`` to ``f_max``; each is analysed in a window of as many of its periods as the ratio of
    neighbours requires, in the middle of the frame, and scaled so that a tone is as loud in it as under a window of 25 ms.

    Raises
    ------
    UsageError
        When the range of the bands is not within 0 Hz and half the sample rate, or a window does not fit into a frame.
    """
    _check_range(front_end, lowest=1.0)
    frequencies = np.geomspace(front_end.f_min, front_end.f_max, front_end.n_mels)
    quality = 1.0 / (frequencies[1] / frequencies[0] - 1.0)
    lengths = np.ceil(quality * front_end.sample_rate / frequencies).astype(int)
    if lengths[0] > front_end.win_length:
        wanted = f"at most {front_end.win_length}, the length of a frame"
        raise UsageError(front_end.name, f"a window of {lengths[0]} samples at {front_end.f_min:g} Hz", wanted)
    loudness = 0.5 * 0.025 * front_end.sample_rate
    kernels = np.zeros((front_end.win_length, front_end.n_mels), dtype=np.complex128)
    for band, (frequency, length) in enumerate(zip(frequencies, lengths, strict=True)):
        start = (front_end.win_length - length) // 2
        taper = _make_taper(front_end, int(length))
        turns = frequency / front_end.sample_rate * np.arange(length)
        kernels[start : start + length, band] = loudness / taper.sum() * taper * np.exp(-2j * np.pi * turns)
    return _freeze(np.concatenate([kernels.real, kernels.imag], axis=1))


@functools.cache
def cosine_matrix(front_end: FrontEnd) -> Float64[np.ndarray, "mels coefficients"]:
    """Make the orthonormal cosine transform (type II) of a frame's bands."""
    return _freeze(np.asarray(scipy.fft.dct(np.eye(front_end.n_mels), axis=1, norm="ortho")))


@functools.cache
def mel_matrix(front_end: FrontEnd) -> Float32[np.ndarray, "bins mels"]:
    """Make the matrix that sums the magnitudes, or the powers, of the STFT's bins into mel bands.

    Band ``i`` is a triangle over the HTK mel scale, ``1127 ln(1 + f / 700)``, from edge ``i`` over edge ``i + 1`` to edge
    ``i + 2`` of ``n_mels + 2`` edges that are equally far apart in mel. Its slopes are straight in mel, not in Hz, and its peak
    is one. The DC bin belongs to no band. On Slaney's scale, the slopes are straight in Hz, and the area in Hz is one.

    Raises
    ------
    UsageError
        When the range of the bands is not within 0 Hz and half the sample rate.
    """
    _check_range(front_end, lowest=0.0)
    bins = np.linspace(0.0, front_end.sample_rate / 2, front_end.n_fft // 2 + 1)[:, None]
    limits, count = np.array([front_end.f_min, front_end.f_max]), front_end.n_mels + 2
    if front_end.mel_scale == "slaney":
        low, high = hertz_to_slaney(limits)
        edges = slaney_to_hertz(np.linspace(low, high, count))
        peaks = 2.0 / (edges[2:] - edges[:-2])
    else:
        bins, peaks = hertz_to_mel(bins), 1.0
        low, high = hertz_to_mel(limits)
        edges = np.linspace(low, high, count)
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    matrix = peaks * np.maximum(0.0, np.minimum(rising, falling))
    matrix[0] = 0.0
    return _freeze(matrix.astype(np.float32))


def _check_range(front_end: FrontEnd, lowest: float) -> None:
    if not lowest <= front_end.f_min < front_end.f_max <= front_end.sample_rate / 2:
        found = f"bands from {front_end.f_min} to {front_end.f_max} Hz"
        raise UsageError(front_end.name, found, f"a range within {lowest:g} and {front_end.sample_rate / 2} Hz")


def hertz_to_mel(hertz: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    """Convert frequencies to the HTK mel scale."""
    return 1127.0 * np.log1p(hertz / 700.0)


def hertz_to_slaney(hertz: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    """Convert frequencies to Slaney's mel scale: straight up to 1,000 Hz, logarithmic above (Auditory Toolbox, 1998)."""
    above = 15.0 + np.log(np.maximum(hertz, 1000.0) / 1000.0) * (27.0 / np.log(6.4))
    return np.where(hertz < 1000.0, 3.0 * hertz / 200.0, above)


def slaney_to_hertz(mel: Float64[np.ndarray, "*any"]) -> Float64[np.ndarray, "*any"]:
    """Convert Slaney's mel back to frequencies."""
    above = 1000.0 * np.exp((np.maximum(mel, 15.0) - 15.0) * (np.log(6.4) / 27.0))
    return np.where(mel < 15.0, 200.0 * mel / 3.0, above)
