"""One sound made of two: the envelope of one on the fine structure of the other, and the noise that has a sound's colour.

Smith, Delgutte & Oxenham 2002, "Chimaeric sounds reveal dichotomies in auditory perception", Nature 416, 87-90: in each of some
frequency bands a sound is how strong it is (its envelope) times how it swings (its fine structure), and the parts of two sounds
can be recombined. With few bands such an auditory chimaera sounds mostly as its fine structure does, with many as its envelope.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Complex, Float32, Int64

_STILL = 1e-6
"""Envelopes below it, a thirtieth of the last of 16 bits, have no fine structure: what swings there is rounding."""


def make_chimaera(
    envelope: Float32[np.ndarray, " samples"],
    fine_structure: Float32[np.ndarray, " others"],
    *,
    sample_rate: int,
    bands: int,
) -> Float32[np.ndarray, " samples"]:
    """Put the envelope of a sound on the fine structure of another, band by band.

    Bands are cut in the spectrum, without overlap, and each is equally wide on the ERB-rate scale (Glasberg & Moore 1990); envelope
    and fine structure are magnitude and phase of the analytic signal. The paper's filters overlap by a quarter and stop at 80 Hz.

    Parameters
    ----------
    envelope
        The sound that lends its envelope; the chimaera has its effective value.
    fine_structure
        The sound that lends its fine structure. Where it is silent in a band, so is the chimaera.
    sample_rate
        Hz of both.
    bands
        How many; in one band, a sound is modulated by the loudness of the other.

    Raises
    ------
    ValueError
        When the lengths differ or there is no band.
    """
    if len(envelope) != len(fine_structure):
        raise ValueError(f"a chimaera is of two sounds of one length, not of {len(envelope)} and {len(fine_structure)}")
    if bands < 1:
        raise ValueError(f"a chimaera has a band at least, not {bands}")
    chimaera = np.zeros(len(envelope), dtype=np.float32)
    if not len(envelope):
        return chimaera
    lending, swinging = np.fft.rfft(envelope), np.fft.rfft(fine_structure)
    edges = _divide_spectrum(len(envelope), sample_rate, bands)
    for band in map(slice, edges[:-1], edges[1:]):
        strength = np.abs(_make_analytic(lending, band, len(envelope)))
        swing = _make_analytic(swinging, band, len(envelope))
        size = np.abs(swing)
        chimaera += np.where(size > _STILL, strength * np.real(swing) / np.maximum(size, _STILL), 0.0).astype(
            np.float32
        )
    return chimaera * np.float32(_measure_level(envelope) / max(_measure_level(chimaera), _STILL))


def scramble_phases(
    waveform: Float32[np.ndarray, " samples"], generator: np.random.Generator
) -> Float32[np.ndarray, " samples"]:
    """Return the steady noise of a sound's colour: its magnitudes at all frequencies, at random phases.

    This is the surrogate of Theiler, Eubank, Longtin, Galdrikian & Farmer 1992, "Testing for nonlinearity in time series". The mean
    and, if there is one, the component at half the sample rate stay, since they have no phase but a sign.
    """
    if not len(waveform):
        return waveform
    spectrum = np.fft.rfft(waveform)
    inner = slice(1, (len(waveform) + 1) // 2)
    turns = generator.random(len(spectrum[inner]), dtype=np.float32)
    spectrum[inner] = np.abs(spectrum[inner]) * np.exp(np.complex64(2j * np.pi) * turns)
    return np.fft.irfft(spectrum, len(waveform)).astype(np.float32)


def _divide_spectrum(num_samples: int, sample_rate: int, bands: int) -> Int64[np.ndarray, " edges"]:
    """Return the first bin of each band, and the end of the last; a band may be empty where bins are few."""
    frequencies = np.fft.rfftfreq(num_samples, 1.0 / sample_rate)
    rates = np.log1p(0.00437 * frequencies)  # proportional to the number of ERBs below a frequency
    highest = np.log1p(0.00437 * sample_rate / 2)
    edges = np.searchsorted(rates, highest * np.arange(bands + 1) / bands)
    edges[-1] = len(frequencies)
    return edges


def _make_analytic(
    spectrum: Complex[np.ndarray, " bins"], band: slice, num_samples: int
) -> Complex[np.ndarray, " samples"]:
    padded = np.zeros(num_samples, dtype=spectrum.dtype)
    padded[band] = 2.0 * spectrum[band]
    padded[0] /= 2.0  # the mean has no counterpart at a negative frequency,
    if num_samples % 2 == 0:
        padded[num_samples // 2] /= 2.0  # nor has the highest
    return np.fft.ifft(padded)


def _measure_level(waveform: Float32[np.ndarray, " samples"]) -> float:
    return float(np.sqrt(np.square(waveform, dtype=np.float64).mean()))
