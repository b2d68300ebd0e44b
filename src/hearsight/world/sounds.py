"""Sounds of objects: the gesture of a kind, with a pitch, timbre, room and background that depend on no kind.

A gesture is a sequence of notes. It determines what all sounds of a kind have in common: the direction of sweeps, the shape of the
decay, the rhythm. Some kinds are time reversals of each other (sweeps up and down, struck and swelling), so that no statistic
without the order of time distinguishes them. Everything else is drawn at random.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator

import numpy as np
import scipy.fft
import scipy.signal
from jaxtyping import Float32, Float64

from hearsight.units import SAMPLE_RATE, to_samples
from hearsight.world.kinds import Kind

MIDDLE_PITCH = 700.0
"""Hz; around it the pitches of all kinds are drawn."""
PITCH_SPREAD = 0.9
"""Octaves to either side of the middle."""


@dataclasses.dataclass(frozen=True)
class Note:
    """One note: start and duration in seconds, pitch in octaves off the object's own, its bend, and how its level runs."""

    start: float
    duration: float
    offset: float = 0.0
    bend: str = "none"
    extent: float = 0.0
    level: str = "round"
    decay: float = 3.0


_BENDS: dict[str, Callable[[Float64[np.ndarray, " samples"]], Float64[np.ndarray, " samples"]]] = {
    "none": np.zeros_like,
    "up": lambda u: u - 0.5,
    "down": lambda u: 0.5 - u,
    "arch": lambda u: np.sin(np.pi * u) - 0.6,
    "dip": lambda u: 0.6 - np.sin(np.pi * u),
}
"""Pitch over the course of a note, 0 to 1, for an extent of one octave."""


def _bend_notes(bend: str, level: str, rng: np.random.Generator) -> Iterator[Note]:
    """Write notes of one bend, 2 to 4 a second."""
    period, share = 1.0 / rng.uniform(2.2, 4.2), rng.uniform(0.5, 0.85)
    extent, decay = rng.uniform(0.35, 0.8), rng.uniform(2.0, 6.0)
    wander = 0.06 if bend != "none" else 0.25
    start = 0.0
    while True:
        length = period * rng.uniform(0.85, 1.2)
        yield Note(start, length * share, rng.normal() * wander, bend, extent, level, decay)
        start += length


def _trill(rng: np.random.Generator) -> Iterator[Note]:
    """Alternate between two pitches, 10 to 18 notes a second."""
    length, extent = 1.0 / rng.uniform(10.0, 18.0), rng.uniform(0.25, 0.45)
    start, sign = 0.0, 1.0
    while True:
        yield Note(start, length, sign * extent / 2.0)
        start, sign = start + length, -sign


def _flutter(rng: np.random.Generator) -> Iterator[Note]:
    """Break one pitch into 12 to 22 notes a second."""
    length = 1.0 / rng.uniform(12.0, 22.0)
    start, offset = 0.0, 0.0
    while True:
        yield Note(start, length, offset)
        start, offset = start + length, 0.97 * offset + 0.01 * rng.normal()


def _knock(count: int, rng: np.random.Generator) -> Iterator[Note]:
    """Write groups of short knocks, 1.6 to 2.6 groups a second."""
    gap, decay, share = rng.uniform(0.09, 0.12), rng.uniform(2.0, 6.0), rng.uniform(0.8, 1.0)
    period = max(1.0 / rng.uniform(1.6, 2.6), gap * (count + 0.8))
    start = 0.0
    while True:
        for place in range(count):
            yield Note(start + place * gap, gap * share, rng.normal() * 0.02, level="struck", decay=decay)
        start += period * rng.uniform(0.95, 1.1)


def _stairs(rng: np.random.Generator) -> Iterator[Note]:
    """Write runs of 3 to 5 steps, all up or all down."""
    count, length, decay = int(rng.integers(3, 6)), rng.uniform(0.07, 0.12), rng.uniform(1.0, 4.0)
    step = rng.uniform(0.45, 1.0) / (count - 1) * rng.choice([-1.0, 1.0])
    start = 0.0
    while True:
        for place in range(count):
            yield Note(start, length, (place - (count - 1) / 2.0) * step, level="struck", decay=decay)
            start += length
        start += length * rng.uniform(0.5, 1.5)


def _bounce(rng: np.random.Generator) -> Iterator[Note]:
    """Write knocks that follow each other faster and faster, over and over."""
    decay, start = rng.uniform(2.0, 6.0), 0.0
    while True:
        gap, ratio = rng.uniform(0.22, 0.32), rng.uniform(0.72, 0.82)
        while gap > 0.035:
            yield Note(start, min(gap, 0.12), level="struck", decay=decay)
            start, gap = start + gap, gap * ratio
        start += rng.uniform(0.05, 0.25)


GESTURES: dict[str, Callable[[np.random.Generator], Iterator[Note]]] = {
    "rise": lambda rng: _bend_notes("up", "round", rng),
    "fall": lambda rng: _bend_notes("down", "round", rng),
    "arch": lambda rng: _bend_notes("arch", "round", rng),
    "dip": lambda rng: _bend_notes("dip", "round", rng),
    "strike": lambda rng: _bend_notes("none", "struck", rng),
    "swell": lambda rng: _bend_notes("none", "swelling", rng),
    "trill": _trill,
    "flutter": _flutter,
    "gallop": lambda rng: _knock(3, rng),
    "pairs": lambda rng: _knock(2, rng),
    "stairs": _stairs,
    "bounce": _bounce,
}
"""Every gesture: endless notes, drawn on demand."""


@dataclasses.dataclass(frozen=True)
class ObjectSound:
    """One object's sound: its waveform, of unit RMS level over its duration, and the course of its level (0 to 1)."""

    waveform: Float64[np.ndarray, " samples"]
    level: Float64[np.ndarray, " samples"]


def synthesize(kind: Kind, seconds: float, rng: np.random.Generator) -> ObjectSound:
    """Synthesize a kind's gesture with a random pitch and timbre."""
    count = to_samples(seconds)
    offsets, level = _write_score(GESTURES[kind.gesture](rng), count, -rng.uniform(0.0, 0.5))
    middle = MIDDLE_PITCH * 2.0 ** (kind.pitch_lean + rng.uniform(-PITCH_SPREAD, PITCH_SPREAD))
    phase = 2.0 * np.pi * np.cumsum(middle * 2.0**offsets) / SAMPLE_RATE
    tone = _synthesize_tone(phase, middle, rng)
    share = rng.uniform(0.7, 1.0) if rng.random() < kind.noise_share else rng.uniform(0.0, 0.3)
    source = (1.0 - share) * tone + share * _synthesize_noise(phase, rng)
    return ObjectSound(_scale(source * level), level)


def _write_score(
    notes: Iterator[Note], count: int, start: float
) -> tuple[Float64[np.ndarray, " samples"], Float64[np.ndarray, " samples"]]:
    """Write the notes out as pitch offset (octaves) and level (0 to 1) of every sample; the first may have begun before."""
    offsets, level = np.zeros(count), np.zeros(count)
    for note in notes:
        first = to_samples(start + note.start)
        if first >= count:
            break
        length = max(1, to_samples(note.duration))
        here = slice(max(0, first), max(0, min(count, first + length)))
        course = (np.arange(here.start, here.stop) - first) / length
        offsets[here] = note.offset + note.extent * _BENDS[note.bend](course)
        level[here] = _run_level(note, course)
    smoothing = math.exp(-1.0 / (0.003 * SAMPLE_RATE))
    return offsets, np.asarray(scipy.signal.lfilter([1.0 - smoothing], [1.0, -smoothing], level))


def _run_level(note: Note, course: Float64[np.ndarray, " samples"]) -> Float64[np.ndarray, " samples"]:
    if note.level == "struck":
        return np.exp(-note.decay * course) * np.minimum(1.0, (1.0 - course) * 20.0)
    if note.level == "swelling":
        return np.exp(-note.decay * (1.0 - course)) * np.minimum(1.0, course * 20.0)
    return np.sqrt(np.sin(np.pi * course))


def _synthesize_tone(
    phase: Float64[np.ndarray, " samples"], pitch: float, rng: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    """Sum one to six partials, some missing, sometimes stretched; those that could pass 7.6 kHz are left out."""
    count, tilt = int(rng.integers(1, 7)), rng.uniform(0.4, 1.6)
    stretch = rng.uniform(1.0, 1.25) if rng.random() < 0.4 else 1.0
    tone = np.zeros(len(phase))
    for number in range(1, count + 1):
        ratio, turn = number**stretch, rng.uniform(0.0, 2.0 * np.pi)
        missing = rng.random() < 0.25
        if number == 1 or (not missing and pitch * ratio * 1.6 < 7600.0):
            tone += number**-tilt * np.sin(ratio * phase + turn)
    return _scale(tone)


def _synthesize_noise(
    phase: Float64[np.ndarray, " samples"], rng: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    """Return a band of noise that follows the pitch."""
    smoothing = math.exp(-2.0 * math.pi * rng.uniform(60.0, 400.0) / SAMPLE_RATE)
    slow = rng.standard_normal((2, len(phase)))
    for _ in range(2):
        slow = scipy.signal.lfilter([1.0 - smoothing], [1.0, -smoothing], slow)
    return _scale(slow[0] * np.cos(phase) - slow[1] * np.sin(phase))


def add_reverberation(
    waveform: Float64[np.ndarray, " samples"], rng: np.random.Generator
) -> Float64[np.ndarray, " samples"]:
    """Add the tail of a room (0.05 to 0.45 s to -60 dB) and the colour of a transmission (±6 dB over the spectrum)."""
    length = to_samples(rng.uniform(0.05, 0.45))
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length) * rng.uniform(0.02, 0.12)
    tail[0] = 1.0
    size = scipy.fft.next_fast_len(len(waveform) + length, real=True)
    spectrum = np.asarray(scipy.fft.rfft(waveform, size)) * np.asarray(scipy.fft.rfft(tail, size))
    octaves = np.log2(1.0 + 15.0 * np.linspace(0.0, 1.0, len(spectrum))) / 4.0
    gains = np.interp(octaves, np.linspace(0.0, 1.0, 6), rng.uniform(-6.0, 6.0, 6))
    return np.asarray(scipy.fft.irfft(spectrum * 10.0 ** (gains / 20.0), size))[: len(waveform)]


def make_background_noise(count: int, rng: np.random.Generator) -> Float64[np.ndarray, " samples"]:
    """Return steady noise between white and brown of unit RMS level, which fluctuates slightly."""
    spectrum = np.asarray(scipy.fft.rfft(rng.standard_normal(count)))
    hertz = np.maximum(40.0, np.linspace(0.0, SAMPLE_RATE / 2.0, len(spectrum)))
    noise = np.asarray(scipy.fft.irfft(spectrum * hertz ** -rng.uniform(0.0, 1.2), count))
    turn, rate = rng.uniform(0.0, 2.0 * np.pi), rng.uniform(0.05, 0.5)
    noise *= 1.0 + 0.5 * np.sin(2.0 * np.pi * rate * np.arange(count) / SAMPLE_RATE + turn)
    return _scale(noise)


def add_background(
    sounds: Float64[np.ndarray, " samples"], reference: float, rng: np.random.Generator
) -> Float32[np.ndarray, " samples"]:
    """Mix sounds into a background 6 to 24 dB below them, and record the whole at -32 to -14 dB of full scale.

    Parameters
    ----------
    sounds
        The mixed sounds of objects.
    reference
        RMS level of an object's sound, that the background is set against.
    """
    background = make_background_noise(len(sounds), rng) * reference * 10.0 ** (-rng.uniform(6.0, 24.0) / 20.0)
    mixed = sounds + background
    loudness = 10.0 ** (rng.uniform(-32.0, -14.0) / 20.0)
    return np.clip(_scale(mixed) * loudness, -1.0, 1.0).astype(np.float32)


def _scale(waveform: Float64[np.ndarray, " samples"]) -> Float64[np.ndarray, " samples"]:
    """Scale to unit RMS level; silence stays silence."""
    return waveform / max(float(np.sqrt(np.mean(np.square(waveform)))), 1e-9)
