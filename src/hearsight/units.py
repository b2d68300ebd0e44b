"""Seconds, samples and frames: the only rounding in the project.

Times are ``float`` seconds, positions on disk are whole samples. All conversions are made here, so that two parts of the project
never differ by one sample.
"""

from __future__ import annotations

import math

SAMPLE_RATE = 16_000
"""Sample rate of datasets and of the log-mel networks, in Hz (Jia 2019, section 3; Hershey 2017, section 3.1)."""


def to_samples(seconds: float, sample_rate: int = SAMPLE_RATE) -> int:
    """Return the nearest whole number of samples; halves are rounded up."""
    return math.floor(seconds * sample_rate + 0.5)


def to_seconds(num_samples: int, sample_rate: int = SAMPLE_RATE) -> float:
    """Return the duration of a number of samples."""
    return num_samples / sample_rate


def to_milliseconds(seconds: float) -> int:
    """Return the nearest whole millisecond; halves are rounded up. A clip's identity contains its span in milliseconds."""
    return math.floor(seconds * 1000.0 + 0.5)


def count_frames(num_samples: int, win_length: int, hop_length: int) -> int:
    """Count the frames of an uncentred STFT. Incomplete frames are dropped, as in VGGish."""
    if num_samples < win_length:
        return 0
    return 1 + (num_samples - win_length) // hop_length


def count_segments(num_samples: int, segment_samples: int) -> int:
    """Count the non-overlapping segments of a clip.

    A remainder of at least half a segment counts as a segment, which is padded with silence; a shorter one is dropped. There is
    always at least one segment, so that a sound shorter than a segment is padded and not dropped.
    """
    return max(1, math.floor(num_samples / segment_samples + 0.5))


def to_decibels(amplitude: float, floor: float = -120.0) -> float:
    """Return the level of an amplitude relative to full scale in dB, at least ``floor``."""
    if amplitude <= 0.0:
        return floor
    return max(floor, 20.0 * math.log10(amplitude))
