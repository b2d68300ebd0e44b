"""Stretches of decoded sound in, one gapless mono waveform out, each sample at its own time.

Where a file has no sound for a while there is silence, where it has some twice the second is dropped, and small disagreements
between a stream's clock and its count of samples (containers round times to milliseconds) are left alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32

from hearsight.errors import BrokenMediaError
from hearsight.media.streams import Sound
from hearsight.signal.waveform import StreamResampler, downmix

CLOCK_TOLERANCE = 0.05
"""Seconds by which a stream's times may differ from its count of samples before silence is put in or sound is dropped."""

MAX_JUMP = 60.0
"""Seconds that a stream's time may jump; beyond, its clock is broken (a reset, a wrap-around, another recording)."""

_BATCH_SECONDS = 0.5
_INTEGER_SCALES = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31, np.dtype(np.int64): 2.0**63}
_NOTHING = np.zeros(0, np.float32)


class SoundTimeline:
    """Mix, place and resample the sound of one file, as it is decoded.

    Parameters
    ----------
    path
        The file, for errors.
    to_rate
        Hz of the waveform that comes out.
    start
        Seconds of the file's time at which the waveform begins; what is earlier is dropped.

    Attributes
    ----------
    end
        Seconds of the file's time up to which there is sound.
    """

    def __init__(self, path: str, to_rate: int, start: float = 0.0) -> None:
        self.path = path
        self.to_rate = to_rate
        self.start = start
        self._gaps: list[tuple[float, float]] = []
        self._resampler: StreamResampler | None = None
        self._rate = 0
        self._anchor = start
        self._count = 0
        self._given = 0
        self._pending: list[np.ndarray] = []
        self._num_pending = 0

    @property
    def end(self) -> float:
        """Seconds of the file's time up to which there is sound."""
        return self._anchor + self._count / self._rate if self._rate else self._anchor

    def push(self, sound: Sound) -> Float32[np.ndarray, " samples"]:
        """Put the next stretch in its place; what is ready comes out, often nothing.

        Raises
        ------
        BrokenMediaError
            When its time is more than ``MAX_JUMP`` from where the last one ended.
        """
        ready = self._restart(sound.sample_rate) if sound.sample_rate != self._rate else _NOTHING
        samples = sound.samples
        offset = self._find_offset(sound)
        if offset > 0:
            self._gaps.append((self.end, self.end + offset / self._rate))
            self._append(np.zeros((1, offset), np.float32))
        elif offset < 0:
            samples = samples[:, -offset:]
        if samples.shape[1]:
            self._append(samples)
        if self._num_pending < self._rate * _BATCH_SECONDS:
            return ready
        block = self._drain(last=False)
        return np.concatenate([ready, block]) if ready.shape[0] else block

    def finish(self) -> Float32[np.ndarray, " samples"]:
        """Give what is left when nothing comes any more."""
        return self._drain(last=True) if self._resampler is not None else _NOTHING

    def count_filled(self, start: float, end: float) -> float:
        """Count the seconds of a span that were filled with silence; what lies before ``end`` is then forgotten."""
        filled = math.fsum(max(0.0, min(end, until) - max(start, since)) for since, until in self._gaps)
        self._gaps = [gap for gap in self._gaps if gap[1] > end]
        return filled

    def _find_offset(self, sound: Sound) -> int:
        """Count the samples of silence to put before a stretch, or, negative, those to drop from it."""
        offset = round((sound.time - self._anchor) * self._rate) - self._count
        if self._count == 0 and offset < 0:
            return offset
        if abs(offset) > MAX_JUMP * self._rate:
            raise BrokenMediaError(
                self.path, f"the sound's time jumps from {self.end:.2f} s to {sound.time:.2f} s", start=self.end
            )
        if self._count > 0 and abs(offset) <= CLOCK_TOLERANCE * self._rate:
            return 0
        return offset

    def _append(self, samples: np.ndarray) -> None:
        self._pending.append(samples)
        self._num_pending += samples.shape[1]
        self._count += samples.shape[1]

    def _restart(self, sample_rate: int) -> Float32[np.ndarray, " samples"]:
        """Begin anew at another sample rate (a broadcast may change it on the way)."""
        rest = self.finish()
        self._anchor = self.start + self._given / self.to_rate
        self._rate, self._count = sample_rate, 0
        self._resampler = StreamResampler(sample_rate, self.to_rate)
        return rest

    def _drain(self, last: bool) -> Float32[np.ndarray, " samples"]:
        waveform = downmix_blocks(self._pending)
        self._pending, self._num_pending = [], 0
        ready = waveform if self._resampler is None else self._resampler.push(waveform, last=last)
        self._given += ready.shape[0]
        return ready


def downmix_blocks(stretches: Sequence[np.ndarray]) -> Float32[np.ndarray, " samples"]:
    """Join stretches of raw samples (``channels samples`` each, in any number format) into one mono waveform in -1..1."""
    if not stretches:
        return _NOTHING
    if len({(stretch.dtype, stretch.shape[0]) for stretch in stretches}) == 1:
        return downmix(_to_amplitudes(np.concatenate(stretches, axis=1)))
    return np.concatenate([downmix(_to_amplitudes(stretch)) for stretch in stretches])


def _to_amplitudes(samples: np.ndarray) -> Float32[np.ndarray, "channels samples"]:
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - np.float32(128.0)) * np.float32(1 / 128.0)
    scale = _INTEGER_SCALES.get(samples.dtype)
    if scale is None:
        return samples.astype(np.float32, copy=False)
    return samples.astype(np.float32) * np.float32(1.0 / scale)
