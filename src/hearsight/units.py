"""Seconds, samples and frames: the only rounding in the project.

Times are ``float`` seconds, positions on disk are whole samples. Every conversion between them happens here, so that two parts
of the project never disagree by one sample.
"""

from __future__ import annotations

import math

SAMPLE_RATE = 16_000
"""Hz of everything that a dataset stores and that the log-mel networks hear (Jia 2019, section 3; Hershey 2017, section 3.1)."""


def to_samples(seconds: float, sample_rate: int = SAMPLE_RATE) -> int:
    """Nearest whole number of samples; halves round up."""
    return math.floor(seconds * sample_rate + 0.5)


def to_seconds(num_samples: int, sample_rate: int = SAMPLE_RATE) -> float:
    """Duration of a number of samples."""
    return num_samples / sample_rate


def to_milliseconds(seconds: float) -> int:
    """Nearest whole millisecond; halves round up. Spans are named by milliseconds in identities."""
    return math.floor(seconds * 1000.0 + 0.5)


def count_frames(num_samples: int, win_length: int, hop_length: int) -> int:
    """Count the STFT frames of an uncentred transform: incomplete frames are dropped (VGGish's framing)."""
    if num_samples < win_length:
        return 0
    return 1 + (num_samples - win_length) // hop_length


def count_segments(num_samples: int, segment_samples: int) -> int:
    """Count the non-overlapping segments of a clip.

    A last piece of at least half a segment counts (it is padded with silence), a shorter one does not; there is always at
    least one segment, so that a sound shorter than a segment is padded, never dropped.
    """
    return max(1, math.floor(num_samples / segment_samples + 0.5))


def to_decibels(amplitude: float, floor: float = -120.0) -> float:
    """Level of an amplitude relative to full scale, in dB, no lower than ``floor``."""
    if amplitude <= 0.0:
        return floor
    return max(floor, 20.0 * math.log10(amplitude))
