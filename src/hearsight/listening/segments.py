"""Sound of any length in, segments of one length out, in batches and in bounded memory.

Segments begin at whole multiples of one hop from the first sample on. Where they do not end with the sound, one more does: it
overlaps the one before it by more than the others do, so that every sample is heard, and none beside invented silence. Only a
sound shorter than one segment is padded with silence, or repeated where the network wants that; or given as it is, where the
network hears it at its own length.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
from jaxtyping import Float32, Float64, Int64

from hearsight.errors import MediaError
from hearsight.records import RejectReason


@dataclasses.dataclass(frozen=True)
class Segments:
    """Successive segments of one sound.

    Attributes
    ----------
    waveforms
        Their samples; of a sound shorter than one segment, there may be fewer.
    starts
        First sample of each within the sound.
    lengths
        Samples of each that are sound, the rest is padding; less than a segment only where the whole sound is.
    weights
        How much of the time since the segment before each brings, 1 for a whole hop: what it counts in a mean over time.
    """

    waveforms: Float32[np.ndarray, "segments samples"]
    starts: Int64[np.ndarray, " segments"]
    lengths: Int64[np.ndarray, " segments"]
    weights: Float64[np.ndarray, " segments"]


class SegmentCutter:
    """Cuts sounds into segments.

    Parameters
    ----------
    segment_samples
        Length of a segment.
    hop_samples
        From the start of one segment to the start of the next, no more than ``segment_samples``.
    batch_segments
        Segments given at a time; only the last batch has fewer, or one more.
    repeat_short
        Whether a sound that is too short is repeated, instead of being padded with silence.
    least_samples
        Samples that a sound shorter than one segment is padded or repeated to; those of a whole segment where it is not given.
    """

    def __init__(
        self,
        segment_samples: int,
        hop_samples: int,
        batch_segments: int,
        *,
        repeat_short: bool = False,
        least_samples: int | None = None,
    ) -> None:
        self.segment_samples = segment_samples
        self.hop_samples = hop_samples
        self.batch_segments = batch_segments
        self.repeat_short = repeat_short
        self.least_samples = segment_samples if least_samples is None else least_samples

    def cut(self, blocks: Iterable[Float32[np.ndarray, " _"]], where: object = "waveform") -> Iterator[Segments]:
        """Cut a stream of blocks; the blocks' lengths leave no trace in the result.

        Parameters
        ----------
        blocks
            The sound, block by block; empty blocks are allowed.
        where
            The file that errors are about.

        Raises
        ------
        MediaError
            When the sound has no samples, or some that are not finite; or what the blocks raise, after all that was good.
        """
        advance = self.batch_segments * self.hop_samples
        # a batch waits for what comes after it, so that the last one is never without the samples its end needs
        needed = advance + self.segment_samples
        held, start = np.zeros(0, dtype=np.float32), 0
        try:
            for block in _gather(blocks, needed):
                _refuse_not_finite(block, where)
                held = np.concatenate([held, block])
                while len(held) > needed:
                    yield self._take(held, start, self.batch_segments)
                    held, start = held[advance:], start + advance
        except MediaError:
            if len(held):
                yield self._end(held, start)
            raise
        if not len(held):
            raise MediaError(where, "no samples of sound", "at least one", reason=RejectReason.TOO_SHORT)
        yield self._end(held, start)

    def _take(self, held: np.ndarray, start: int, count: int) -> Segments:
        """Give the first ``count`` whole segments of what is held."""
        starts = self.hop_samples * np.arange(count, dtype=np.int64)
        waveforms = np.stack([held[first : first + self.segment_samples] for first in starts])
        lengths = np.full(count, self.segment_samples, dtype=np.int64)
        return Segments(waveforms, start + starts, lengths, np.ones(count))

    def _end(self, held: np.ndarray, start: int) -> Segments:
        """Give what is left: whole segments, then one that ends with the sound."""
        if len(held) < self.segment_samples:
            padded = np.zeros((1, max(len(held), self.least_samples)), dtype=np.float32)
            if self.repeat_short:
                padded[0] = np.resize(held, padded.shape[1])
            else:
                padded[0, : len(held)] = held
            lengths = np.array([len(held)], dtype=np.int64)
            return Segments(padded, np.zeros(1, dtype=np.int64), lengths, np.ones(1))
        count = 1 + (len(held) - self.segment_samples) // self.hop_samples
        whole = self._take(held, start, count)
        rest = (len(held) - self.segment_samples) % self.hop_samples
        if not rest:
            return whole
        return Segments(
            np.concatenate([whole.waveforms, held[None, -self.segment_samples :]]),
            np.append(whole.starts, start + len(held) - self.segment_samples),
            np.append(whole.lengths, self.segment_samples),
            np.append(whole.weights, rest / self.hop_samples),
        )


def _refuse_not_finite(block: np.ndarray, where: object) -> None:
    if not np.isfinite(block).all():
        raise MediaError(where, "samples that are not finite", "amplitudes", reason=RejectReason.BROKEN_STREAM)


def _gather(blocks: Iterable[np.ndarray], at_least: int) -> Iterator[np.ndarray]:
    """Join small blocks, so that they are not copied again and again; an error waits until what came before it is given."""
    pending: list[np.ndarray] = []
    num_pending = 0
    try:
        for block in blocks:
            pending.append(block)
            num_pending += len(block)
            if num_pending >= at_least:
                yield np.concatenate(pending)
                pending, num_pending = [], 0
    except MediaError:
        if pending:
            yield np.concatenate(pending)
        raise
    if pending:
        yield np.concatenate(pending)
