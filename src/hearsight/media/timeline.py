"""From blocks of decoded sound to one gapless mono waveform, each sample at its own time.

Gaps are filled with silence. Where two blocks overlap, the samples that come second are dropped. Small disagreements between a
stream's clock and its count of samples (containers round times to milliseconds) are ignored.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Shaped

from hearsight.errors import BrokenMediaError
from hearsight.media.containers.streams import Damage, Sound
from hearsight.media.limits import MAX_JUMP, MAX_LATE_START
from hearsight.signal.downmix import Downmixer
from hearsight.signal.waveform import StreamResampler

CLOCK_TOLERANCE = 0.05
"""Seconds by which a stream's times may differ from its count of samples before silence is put in or sound is dropped."""

_BATCH_SECONDS = 0.5
_INTEGER_SCALES = {np.dtype(np.int16): 2.0**15, np.dtype(np.int32): 2.0**31, np.dtype(np.int64): 2.0**63}
_NOTHING = np.zeros(0, np.float32)


class SoundTimeline:
    """Place, downmix and resample the sound of one file, as it is decoded.

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
    downmixer
        Mixes the channels; it knows where they cancelled each other.
    """

    def __init__(self, path: str, to_rate: int, start: float = 0.0) -> None:
        self.path = path
        self.to_rate = to_rate
        self.start = start
        self.downmixer = Downmixer()
        self._gaps: list[tuple[float, float]] = []
        self._damaged_until = -math.inf
        self._resampler: StreamResampler | None = None
        self._rate = 0
        self._anchor = start
        self._count = 0
        self._given = 0
        self._pending: list[Shaped[np.ndarray, "channels samples"]] = []
        self._num_pending = 0

    @property
    def end(self) -> float:
        """Seconds of the file's time up to which there is sound."""
        return self._anchor + self._count / self._rate if self._rate else self._anchor

    def push(self, sound: Sound) -> Float32[np.ndarray, " samples"]:
        """Put the next block in its place, and return what is ready, often nothing.

        Raises
        ------
        BrokenMediaError
            When its time is further from where the last one ended than :mod:`hearsight.media.limits` allows.
        """
        ready = [self._restart(sound.sample_rate)] if sound.sample_rate != self._rate else []
        samples = sound.samples
        offset = self._find_offset(sound)
        if offset > 0:
            self._gaps.append((self.end, self.end + offset / self._rate))
            ready += self._append_silence(offset)
        elif offset < 0:
            samples = samples[:, -offset:]
        if samples.shape[1]:
            self._append(samples)
        if self._num_pending >= self._rate * _BATCH_SECONDS:
            ready.append(self._drain(last=False))
        return np.concatenate([_NOTHING, *ready])

    def note_damage(self, damage: Damage) -> None:
        """Expect a gap that is longer than clocks jump, because the sound before it was damaged."""
        self._damaged_until = max(self._damaged_until, damage.end)

    def finish(self) -> Float32[np.ndarray, " samples"]:
        """Return what is left at the end of the sound."""
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
        after_damage = sound.time <= self._damaged_until + CLOCK_TOLERANCE
        expected = self._given + self._count == 0 or after_damage
        if abs(offset) > (MAX_LATE_START if expected else MAX_JUMP) * self._rate:
            raise BrokenMediaError(
                self.path, f"the sound's time jumps from {self.end:.2f} s to {sound.time:.2f} s", start=self.end
            )
        if self._count > 0 and not after_damage and abs(offset) <= CLOCK_TOLERANCE * self._rate:
            return 0
        self._damaged_until = -math.inf
        return offset

    def _append_silence(self, count: int) -> list[Float32[np.ndarray, " samples"]]:
        """Append silence piece by piece, so that a long gap at a high rate takes little memory."""
        ready: list[np.ndarray] = []
        most = max(1, int(self._rate * _BATCH_SECONDS))
        while count > 0:
            self._append(np.zeros((1, min(count, most)), np.float32))
            count -= most
            if self._num_pending >= most:
                ready.append(self._drain(last=False))
        return ready

    def _append(self, samples: Shaped[np.ndarray, "channels samples"]) -> None:
        self._pending.append(samples)
        self._num_pending += samples.shape[1]
        self._count += samples.shape[1]

    def _restart(self, sample_rate: int) -> Float32[np.ndarray, " samples"]:
        """Start again at another sample rate (a broadcast may change it)."""
        rest = self.finish()
        self._anchor = self.start + self._given / self.to_rate
        self._rate, self._count = sample_rate, 0
        self._resampler = StreamResampler(sample_rate, self.to_rate)
        return rest

    def _drain(self, last: bool) -> Float32[np.ndarray, " samples"]:
        waveform = downmix_blocks(
            self._pending, self.downmixer, self._anchor + (self._count - self._num_pending) / self._rate
        )
        self._pending, self._num_pending = [], 0
        ready = waveform if self._resampler is None else self._resampler.push(waveform, last=last)
        self._given += ready.shape[0]
        return ready


def downmix_blocks(
    blocks: Sequence[Shaped[np.ndarray, "_ _"]], downmixer: Downmixer, time: float = 0.0
) -> Float32[np.ndarray, " samples"]:
    """Join blocks of raw samples (``channels samples`` each, in any number format) into one mono waveform in -1..1.

    Parameters
    ----------
    blocks
        What follows each other.
    downmixer
        Mixes the channels.
    time
        When the first block begins, in seconds of the file's time.
    """
    if not blocks:
        return _NOTHING
    if len({(block.dtype, block.shape[0]) for block in blocks}) == 1:
        return downmixer.mix(_to_amplitudes(np.concatenate(blocks, axis=1)), time)
    return np.concatenate([downmixer.mix(_to_amplitudes(block), time) for block in blocks])


def find_not_finite(sound: Sound) -> tuple[int, Damage] | None:
    """Find the samples of a block that are NaN or infinite.

    Returns
    -------
    tuple[int, Damage] or None
        The first such sample, and the span from it to the last one; None where all samples are finite.
    """
    if sound.samples.dtype.kind != "f":
        return None
    places = np.flatnonzero(~np.isfinite(sound.samples).all(axis=0))
    if not len(places):
        return None
    first, last = int(places[0]), int(places[-1])
    start, end = (sound.time + place / sound.sample_rate for place in (first, last + 1))
    count = "1 sample" if len(places) == 1 else f"{len(places)} samples"
    return first, Damage(start, end, False, f"{count} from {start:.2f} s on not finite")


def _to_amplitudes(samples: Shaped[np.ndarray, "channels samples"]) -> Float32[np.ndarray, "channels samples"]:
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - np.float32(128.0)) * np.float32(1 / 128.0)
    scale = _INTEGER_SCALES.get(samples.dtype)
    if scale is None:
        return samples.astype(np.float32, copy=False)
    return samples.astype(np.float32) * np.float32(1.0 / scale)
