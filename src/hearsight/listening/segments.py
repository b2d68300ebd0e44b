"""Sound of any length in, its segments out: in batches and in bounded memory, by a network's rule of segments.

The rule itself is :class:`hearsight.models.segments.Segmentation`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from hearsight.errors import MediaError
from hearsight.finite import describe_not_finite
from hearsight.models.segments import Segmentation
from hearsight.records import RejectReason


@dataclasses.dataclass(frozen=True)
class Segments:
    """Successive segments of one sound.

    Attributes
    ----------
    waveforms
        Their samples; a sound that keeps its own length has fewer than a segment.
    starts
        First sample of each within the sound.
    lengths
        Samples of each that are sound, the rest is padding; less than a segment only where the whole sound is.
    weights
        What each counts in a mean over time: 1 for a whole hop, less for a last one that overlaps the one before it.
    end
        Samples from the start of the sound to the end of this batch; after the last batch, to the end of the sound.
    """

    waveforms: Float32[np.ndarray, "segments samples"]
    starts: Int64[np.ndarray, " segments"]
    lengths: Int64[np.ndarray, " segments"]
    weights: Float64[np.ndarray, " segments"]
    end: int


class SegmentSplitter:
    """Splits streams of sound into segments.

    Parameters
    ----------
    rule
        Where segments start, and what becomes of the end of a sound.
    batch_segments
        Segments returned at a time; only the last batch has fewer, or one more.
    """

    def __init__(self, rule: Segmentation, batch_segments: int) -> None:
        self.rule = rule
        self.batch_segments = batch_segments

    def split(self, blocks: Iterable[Float32[np.ndarray, " _"]], where: object = "waveform") -> Iterator[Segments]:
        """Split a stream of blocks; the lengths of the blocks have no influence on the result.

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
        advance = self.batch_segments * self.rule.hop_samples
        # a batch waits for what comes after it, so that the last one is never without the samples its end needs
        needed = advance + self.rule.segment_samples
        held, start = np.zeros(0, dtype=np.float32), 0
        try:
            for block in _gather(blocks, needed):
                _refuse_not_finite(block, where)
                held = np.concatenate([held, block])
                while len(held) > needed:
                    last = advance - self.rule.hop_samples + self.rule.segment_samples
                    yield self._split_held(held[:last], start)
                    held, start = held[advance:], start + advance
        except MediaError:
            if len(held):
                yield self._split_held(held, start)
            raise
        if not len(held):
            raise MediaError(where, "no samples of sound", "at least one", reason=RejectReason.TOO_SHORT)
        yield self._split_held(held, start)

    def _split_held(self, held: Float32[np.ndarray, " samples"], start: int) -> Segments:
        """Split samples that begin at ``start``, where a segment does."""
        waveforms = self.rule.split(torch.from_numpy(held)[None])[0].numpy()
        starts, weights = (values.numpy() for values in self.rule.place(len(held)))
        lengths = np.full(len(starts), min(len(held), self.rule.segment_samples), dtype=np.int64)
        return Segments(waveforms, start + starts, lengths, weights, start + len(held))


def _refuse_not_finite(block: Float32[np.ndarray, " _"], where: object) -> None:
    if not np.isfinite(block).all():
        found = f"samples that are not finite: {describe_not_finite(block)}"
        raise MediaError(where, found, "amplitudes", reason=RejectReason.BROKEN_STREAM)


def _gather(blocks: Iterable[Float32[np.ndarray, " _"]], at_least: int) -> Iterator[Float32[np.ndarray, " _"]]:
    """Join small blocks, so that they are not copied again and again; an error waits until what came before it is returned."""
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
