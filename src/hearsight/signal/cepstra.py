"""Cepstral coefficients and zero crossings: the hand-made description of sounds that learned ones are measured against.

The formulas are those of librosa's defaults, which the baselines of ESC were computed with (Piczak 2015, section 4): power of a
centred STFT, 128 bands of Slaney's mel scale with triangles of equal area, decibels that end 80 dB below the loudest, and an
orthonormal cosine transform.
"""

from __future__ import annotations

import functools

import numpy as np
import scipy.fft
from jaxtyping import Float, Float64

from hearsight.errors import UsageError
from hearsight.signal.log_mel import describe_not_finite

SAMPLE_RATE = 44_100
"""Hz, that of ESC's recordings."""
FRAME_SAMPLES = 512
"""From frame to frame: 11.6 ms."""
N_FFT = 2048
N_MELS = 128
RANGE_DB = 80.0
"""Bands that are further below the loudest band of a sound are set to this level below it."""

_LEAST_POWER = 1e-10
_BLOCK_FRAMES = 256
_LINEAR_HERTZ, _LINEAR_MELS, _LOG_STEP = 1000.0, 15.0, np.log(6.4) / 27.0
"""Slaney's mel scale is linear up to 1 kHz, 15 mel, and logarithmic above, by a factor of 6.4 in 27 mel."""


def compute_cepstra(
    waveform: Float[np.ndarray, " samples"], num_coefficients: int = 13
) -> Float64[np.ndarray, "frames coefficients"]:
    """Compute the cepstral coefficients (MFCC) of a whole waveform.

    Parameters
    ----------
    waveform
        Amplitudes in [-1, 1] at :data:`SAMPLE_RATE`, one channel; mirrored at its ends, where half a transform reaches beyond.
    num_coefficients
        How many, the 0th, which is the level, included; at most :data:`N_MELS`.

    Returns
    -------
    Float64[np.ndarray, "frames coefficients"]
        A row every :data:`FRAME_SAMPLES`; frame ``i`` is centred on sample ``i * FRAME_SAMPLES``.

    Raises
    ------
    UsageError
        When an amplitude is not finite, or there are fewer samples than can be mirrored (half of :data:`N_FFT`).
    """
    if not np.isfinite(waveform).all():
        raise UsageError("waveform", describe_not_finite(waveform), "finite amplitudes in [-1, 1]")
    if len(waveform) <= N_FFT // 2:
        raise UsageError("waveform", f"{len(waveform)} samples", f"more than {N_FFT // 2}")
    padded = np.pad(waveform.astype(np.float64), N_FFT // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::FRAME_SAMPLES]
    window, mel = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(N_FFT) / N_FFT), _slaney_matrix()
    blocks = [
        np.square(np.abs(np.asarray(scipy.fft.rfft(frames[start : start + _BLOCK_FRAMES] * window, axis=1)))) @ mel
        for start in range(0, len(frames), _BLOCK_FRAMES)
    ]
    levels = 10.0 * np.log10(np.maximum(np.concatenate(blocks), _LEAST_POWER))
    levels = np.maximum(levels, levels.max() - RANGE_DB)
    return np.asarray(scipy.fft.dct(levels, axis=1, norm="ortho"))[:, :num_coefficients]


def compute_zero_crossing_rate(waveform: Float[np.ndarray, " samples"]) -> Float64[np.ndarray, " frames"]:
    """Return the zero-crossing rate of successive frames of :data:`FRAME_SAMPLES`: the share of samples that change the sign.

    The last frame is filled up with silence; a silent sample counts as positive.
    """
    missing = -len(waveform) % FRAME_SAMPLES
    negative = np.pad(waveform, (0, missing)).reshape(-1, FRAME_SAMPLES) < 0.0
    return (negative[:, 1:] != negative[:, :-1]).mean(axis=1)


@functools.cache
def _slaney_matrix() -> Float64[np.ndarray, "bins mels"]:
    top = _LINEAR_MELS + np.log(SAMPLE_RATE / 2 / _LINEAR_HERTZ) / _LOG_STEP
    mels = np.linspace(0.0, top, N_MELS + 2)
    above = _LINEAR_HERTZ * np.exp(_LOG_STEP * (mels - _LINEAR_MELS))
    edges = np.where(mels < _LINEAR_MELS, mels * _LINEAR_HERTZ / _LINEAR_MELS, above)
    bins = np.linspace(0.0, SAMPLE_RATE / 2, N_FFT // 2 + 1)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    matrix = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (edges[2:] - edges[:-2])
    matrix.setflags(write=False)
    return matrix
