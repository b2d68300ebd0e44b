"""Audio fingerprints that recognise a part of one recording within others, whatever their cuts, encodings, levels and sample rates.

The fingerprint of a clip (:func:`hearsight.clips.screen.fingerprint_sound`) belongs to its own start and length; the same recording
cut elsewhere has another. Here a sound becomes a word of 32 bits every 32 ms, each bit for whether one band rises against its
neighbour (after Haitsma and Kalker 2002, "A highly robust audio fingerprinting system"; their frames, with a longer step in time,
which changes less by encoding). Words that agree propose how two sounds lie to each other, and the share of bits that differ over
the whole overlap decides.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, Int64, UInt32

from hearsight.units import SAMPLE_RATE

MAX_DIFFERENCE = 0.25
"""Share of bits in which two copies may differ; that of unrelated sounds is about a half."""
MIN_OVERLAP = 0.4
"""Seconds of audible overlap that a match must have."""
LONG_OVERLAP = 1.5
"""Seconds from which on ``MAX_DIFFERENCE`` holds; a shorter overlap may differ in proportion less, having fewer bits to agree by
chance."""

_N_FFT = 4096
HOP_LENGTH = 512
"""Samples from one frame to the next: 32 ms."""
PHASES = (0, HOP_LENGTH // 2)
"""Where the frames of a sound that is looked for begin: no copy is more than a quarter of a hop away from one of them."""
_LAG = 4
"""Frames from one level to the one that it is compared with: 128 ms."""
_BANDS = np.geomspace(250.0, 3500.0, 34)
"""Hz: edges of the 33 bands, within what a telephone carries."""
_AUDIBLE = 50.0
"""dB below a sound's loudest frame, down to which a frame is audible."""
_MIN_VOTES = 2
_MAX_CANDIDATES = 50
_FLIPS = np.concatenate([[0], 1 << np.arange(32)]).astype(np.uint32)
"""A word is looked up unchanged and with each single bit flipped, because encoding changes a bit in most words."""
_MAX_COMMON = 500
"""A word that occurs more often in the searched sounds is not looked up: it is no sign of a copy."""


@dataclasses.dataclass(frozen=True)
class Subfingerprints:
    """A sound as a word per frame.

    Attributes
    ----------
    words
        32 bits per frame, one frame every 32 ms.
    audible
        Whether each frame is loud enough for its bits to mean anything.
    """

    words: UInt32[np.ndarray, " frames"]
    audible: Bool[np.ndarray, " frames"]


@dataclasses.dataclass(frozen=True)
class FingerprintMatch:
    """Where a sound was found again.

    Attributes
    ----------
    index
        Which of the searched sounds.
    offset
        Seconds from that sound's beginning to the beginning of the one that was looked for; negative where it begins earlier.
    overlap
        Seconds in which both are audible.
    difference
        Share of the bits that differ in the overlap.
    """

    index: int
    offset: float
    overlap: float
    difference: float


def compute_subfingerprints(waveform: Float32[np.ndarray, " samples"], phase: int = 0) -> Subfingerprints:
    """Turn a 16 kHz mono sound into words; too short a sound has none.

    Parameters
    ----------
    waveform
        Amplitudes.
    phase
        Samples to leave out at the beginning.
    """
    changes, audible = compute_band_changes(waveform, phase)
    return Subfingerprints(pack_bits(changes), audible)


def pack_bits(changes: Float[np.ndarray, "frames 32"]) -> UInt32[np.ndarray, " frames"]:
    """Return the words of a sound: bit 31 is whether the first band rises against the second, and so on."""
    return np.packbits(changes > 0.0, axis=1).view(">u4").ravel().astype(np.uint32)


def compute_band_changes(
    waveform: Float32[np.ndarray, " samples"], phase: int = 0
) -> tuple[Float[np.ndarray, "frames 32"], Bool[np.ndarray, " frames"]]:
    """Compute how much each band rises against its neighbour, of which a word holds the signs.

    Returns
    -------
    tuple
        The changes in logarithms of power, of 32 pairs of bands per frame, and whether each frame is audible.
    """
    shifted = waveform[phase:]
    if len(shifted) < _N_FFT:
        return np.zeros((0, 32), np.float32), np.zeros(0, np.bool_)
    frames = np.lib.stride_tricks.sliding_window_view(shifted, _N_FFT)[::HOP_LENGTH]
    edges = np.searchsorted(np.arange(_N_FFT // 2 + 1) * SAMPLE_RATE / _N_FFT, _BANDS)
    window = np.hanning(_N_FFT).astype(np.float32)
    power = np.concatenate(
        [
            np.add.reduceat(np.square(np.abs(np.fft.rfft(block * window, axis=1))), edges, axis=1)[:, :-1]
            for block in np.array_split(frames, -(-len(frames) // 256))
        ]
    )
    total = power.sum(axis=1)
    floor = max(float(total.max()) * 10.0 ** (-(_AUDIBLE + 30.0) / 10.0), 1e-12)
    levels = np.log(power + floor)
    slopes = levels[:, :-1] - levels[:, 1:]
    changes = slopes[_LAG:] - slopes[:-_LAG] if len(slopes) > _LAG else np.zeros((0, 32), slopes.dtype)
    loud = total > total.max() * 10.0 ** (-_AUDIBLE / 10.0)
    return changes, (loud[_LAG:] & loud[:-_LAG])[: len(changes)]


class FingerprintIndex:
    """Sounds to be searched.

    Parameters
    ----------
    sounds
        Their words, at phase 0.
    """

    def __init__(self, sounds: Sequence[Subfingerprints]) -> None:
        self._sounds = sounds
        lengths = np.array([len(sound.words) for sound in sounds], dtype=np.int64)
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        words = np.concatenate([np.zeros(0, np.uint32), *(sound.words for sound in sounds)])
        audible = np.concatenate([np.zeros(0, np.bool_), *(sound.audible for sound in sounds)])
        places = np.flatnonzero(audible)
        order = np.argsort(words[places], kind="stable")
        self._places: Int64[np.ndarray, " words"] = places[order]
        self._words = words[self._places]

    def find(self, waveform: Float32[np.ndarray, " samples"]) -> FingerprintMatch | None:
        """Find the searched sound that a waveform shares a stretch with, the one that differs least; None where none does."""
        best: FingerprintMatch | None = None
        for phase in PHASES:
            sound = compute_subfingerprints(waveform, phase)
            for index, shift in self._propose(sound):
                found = self._compare(sound, index, shift, phase)
                if found is not None and (best is None or found.difference < best.difference):
                    best = found
        return best

    def _propose(self, sound: Subfingerprints) -> list[tuple[int, int]]:
        """Return the sounds, and how many frames later they begin, that most words agree on."""
        places = np.flatnonzero(sound.audible)
        looked_up = (sound.words[places][:, None] ^ _FLIPS).ravel()
        times = np.repeat(places, len(_FLIPS))
        first = np.searchsorted(self._words, looked_up, side="left")
        counts = np.searchsorted(self._words, looked_up, side="right") - first
        counts = np.where(counts > _MAX_COMMON, 0, counts)
        if not counts.sum():
            return []
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        found = self._places[np.repeat(first, counts) + within]
        indices = np.searchsorted(self._starts, found, side="right") - 1
        shifts = found - self._starts[indices] - np.repeat(times, counts)
        pairs, votes = np.unique(np.stack([indices, shifts], axis=1), axis=0, return_counts=True)
        order = np.argsort(-votes, kind="stable")[:_MAX_CANDIDATES]
        return [(int(index), int(shift)) for index, shift in pairs[order[votes[order] >= _MIN_VOTES]]]

    def _compare(self, sound: Subfingerprints, index: int, shift: int, phase: int) -> FingerprintMatch | None:
        """Compare two sounds where they overlap: frame ``t`` of one with frame ``t + shift`` of the other."""
        other = self._sounds[index]
        begin, end = max(0, -shift), min(len(sound.words), len(other.words) - shift)
        ours, theirs = slice(begin, end), slice(begin + shift, end + shift)
        audible = sound.audible[ours] & other.audible[theirs]
        overlap = float(audible.sum()) * HOP_LENGTH / SAMPLE_RATE
        if overlap < MIN_OVERLAP:
            return None
        differing = np.bitwise_count(sound.words[ours][audible] ^ other.words[theirs][audible])
        difference = float(differing.mean()) / 32.0
        if difference > MAX_DIFFERENCE * min(1.0, overlap / LONG_OVERLAP):
            return None
        return FingerprintMatch(index, (shift * HOP_LENGTH - phase) / SAMPLE_RATE, overlap, difference)
