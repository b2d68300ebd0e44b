"""The batches of training and validation: sounds from one source, targets from another, drawn by a sampling configuration.

Every draw is keyed by the seed, the epoch and the clip. So a clip's example is the same whatever was drawn before it, whichever
batch the clip is in, and after any interruption.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16, Int64, Shaped

from hearsight.permutation import Permutation
from hearsight.training.data.parts import Division, Part
from hearsight.training.data.sounds import SoundSource, add_segment
from hearsight.training.data.sparse import SparseTargets
from hearsight.training.data.targets import SpanTargets, TargetSource
from hearsight.training.data.unreadable import Unreadable
from hearsight.training.data.weighting import WeightedDrawing

_ORDER = 2**32
"""Takes the place of the clip in the key of an epoch's order; no clip has this index."""

Order = Literal["shuffle-1", "permutation-2"]
"""Versions of the order of clips within an epoch. ``shuffle-1`` shuffles an array of all clips; runs of earlier versions are
resumed with it. ``permutation-2`` computes the clips of each batch from their places, in constant memory."""
SHUFFLED: Order = "shuffle-1"
ORDER: Order = "permutation-2"
"""The version of new runs."""


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """How training examples are drawn; the fields are those of :class:`~hearsight.config.TrainConfig`.

    ``segment_samples`` is the length of an example, ``gain`` is in dB, ``shift`` in seconds. ``least_parts``, ``rank`` and ``size``
    are those of :class:`~hearsight.training.data.parts.Division`. With ``repeat_short``, clips that are shorter than an example are
    repeated, instead of being followed by silence. ``sparse`` is whether batches have :class:`SparseTargets`; ``int16`` whether
    their waveforms stay 16-bit samples, where nothing is mixed and no level changed. ``skip_unreadable`` is whether another clip is
    drawn in place of one whose file is damaged.
    """

    segment_samples: int
    batch_size: int
    global_batch_size: int = 0
    segments: Literal["grid", "anywhere"] = "grid"
    gain: float = 0.0
    mix: float = 0.0
    shift: float = 0.0
    seed: int = 0
    order: Order = ORDER
    least_parts: int = 1
    rank: int = 0
    size: int = 1
    repeat_short: bool = False
    sparse: bool = False
    int16: bool = False
    skip_unreadable: bool = False

    @property
    def division(self) -> Division:
        """How the clips of a step are divided among parts and processes."""
        return Division(self.batch_size, self.least_parts, self.rank, self.size)


@dataclasses.dataclass(frozen=True)
class Batch:
    """The examples of one step.

    Attributes
    ----------
    clips
        Indices of the clips.
    waveform
        One segment of each clip: amplitudes in [-1, 1], or 16-bit samples.
    targets
        What the loss compares the outputs with, in [0, 1]; for each output where an example has several over time.
    labels
        Which classes are labels; only validation batches have them.
    parts
        The parts that go through the network one after the other, counted in rows of this batch; by default there is one.
    num_clips, num_parts
        Number of clips and parts of the step in all processes; by default those of this batch.
    """

    clips: Int64[np.ndarray, " batch"]
    waveform: Float32[np.ndarray, "batch samples"] | Int16[np.ndarray, "batch samples"]
    targets: Float32[np.ndarray, "batch *steps classes"] | SparseTargets
    labels: Bool[np.ndarray, "batch classes"] | None = None
    parts: tuple[Part, ...] = ()
    num_clips: int = 0
    num_parts: int = 1

    def __post_init__(self) -> None:
        if not self.num_clips:
            object.__setattr__(self, "num_clips", len(self.clips))
            object.__setattr__(self, "parts", (Part(0, 0, len(self.clips), 1.0),))


def count_batches(num_clips: int, batch_size: int) -> int:
    """Return the number of steps of an epoch.

    No batch is larger than ``batch_size``, except where the only alternative is a batch of a single clip.
    """
    return max(1, min(math.ceil(num_clips / batch_size), num_clips // 2))


class TrainBatches:
    """The batches of every epoch, drawn by Jia's rule (Jia 2019, section 3, "Training").

    Parameters
    ----------
    sounds, targets
        The sources of waveforms and targets.
    clips
        Indices of the clips that every epoch goes through, at least two.
    sampling
        How examples are drawn from the clips.
    weights
        How often each clip is drawn, relative to others; without it each is drawn once in an epoch.
    """

    def __init__(
        self,
        sounds: SoundSource,
        targets: TargetSource,
        clips: Int64[np.ndarray, " clips"],
        sampling: SamplingConfig,
        weights: Float64[np.ndarray, " clips"] | None = None,
    ) -> None:
        self._sounds = sounds
        self._targets = targets
        self._clips = clips
        self._sampling = sampling
        self._span = targets if isinstance(targets, SpanTargets) else None
        self._drawing = None if weights is None else WeightedDrawing(weights, sampling.seed)
        self._unreadable = Unreadable(
            "another clip is taken in place of each of its clips", skip=sampling.skip_unreadable
        )

    def __len__(self) -> int:
        return len(self._clips)

    @property
    def num_batches(self) -> int:
        """Number of steps of an epoch."""
        return count_batches(len(self._clips), self._sampling.global_batch_size or self._sampling.batch_size)

    def order(self, epoch: int, first: int = 0, stop: int | None = None) -> Iterator[Int64[np.ndarray, " batch"]]:
        """Iterate over the clips of each batch of an epoch, in random order.

        Batches have equal size, to within one clip. So batch normalisation never sees a single clip, and no clip has more weight
        than another.

        Parameters
        ----------
        epoch
            Counted from one.
        first, stop
            The first batch, and the one before which the iteration ends; by default all batches.
        """
        numbers = range(first, self.num_batches if stop is None else stop)
        if self._sampling.order == SHUFFLED:
            shuffled = np.random.default_rng([self._sampling.seed, epoch, _ORDER]).permutation(self._clips)
            return (shuffled[slice(*self._places(number))] for number in numbers)
        return (self._clips[self._draw(epoch, number)[0]] for number in numbers)

    def _draw(self, epoch: int, number: int) -> tuple[Int64[np.ndarray, " batch"], Int64[np.ndarray, " batch"] | None]:
        """Return the clips of a batch, and the numbers of their draws where a clip may be drawn several times."""
        permutation = Permutation(len(self._clips), self._sampling.seed, epoch)
        draws = permutation.apply(np.arange(*self._places(number)))
        return (draws, None) if self._drawing is None else (self._drawing.choose(epoch, draws), draws)

    def _places(self, number: int) -> tuple[int, int]:
        """Return the first place of a batch within the order of an epoch, and the place after its last."""
        size, larger = divmod(len(self._clips), self.num_batches)
        return number * size + min(number, larger), (number + 1) * size + min(number + 1, larger)

    def count_parts(self) -> list[int]:
        """Return the numbers of parts that steps have, ascending."""
        size, larger = divmod(len(self._clips), self.num_batches)
        sizes = {size, size + 1} if larger else {size}
        return sorted({len(self._sampling.division.divide(count)) for count in sizes})

    def count_clips(self, num_batches: int) -> int:
        """Return the number of clips in the first batches of an epoch."""
        return self._places(num_batches)[0]

    def batches(self, epoch: int, first: int = 0, stop: int | None = None) -> Iterator[Batch]:
        """Iterate over this process's share of the batches of an epoch; parameters as those of :meth:`order`."""
        if self._drawing is None:
            return (self._make_share(epoch, clips) for clips in self.order(epoch, first, stop))
        drawn = (self._draw(epoch, number) for number in range(first, self.num_batches if stop is None else stop))
        return (self._make_share(epoch, self._clips[clips], draws) for clips, draws in drawn)

    def _make_share(
        self, epoch: int, clips: Int64[np.ndarray, " batch"], draws: Int64[np.ndarray, " batch"] | None = None
    ) -> Batch:
        """Draw the examples of this process's parts of a step."""
        division = self._sampling.division
        every = division.divide(len(clips))
        parts = division.choose(every)
        first = parts[0].first if parts else 0
        rows = slice(first, parts[-1].stop if parts else 0)
        batch = self.make(epoch, clips[rows], None if draws is None else draws[rows])
        moved = tuple(dataclasses.replace(part, first=part.first - first, stop=part.stop - first) for part in parts)
        return dataclasses.replace(batch, parts=moved, num_clips=len(clips), num_parts=len(every))

    def make(
        self, epoch: int, clips: Int64[np.ndarray, " batch"], draws: Int64[np.ndarray, " batch"] | None = None
    ) -> Batch:
        """Draw one example from each of some clips; ``draws`` distinguishes several draws of a clip."""
        whole = self._sampling.int16 and not self._sampling.gain and not self._sampling.mix
        waveform = np.zeros((len(clips), self._sampling.segment_samples), dtype=np.int16 if whole else np.float32)
        keys = [
            [self._sampling.seed, epoch, int(clip), *([] if draws is None else [int(draws[row])])]
            for row, clip in enumerate(clips)
        ]
        drawn = (
            self._draw_example(int(clip), np.random.default_rng(key), row)
            for clip, key, row in zip(clips, keys, waveform, strict=True)
        )
        if self._sampling.sparse:
            return Batch(clips, waveform, SparseTargets.gather(drawn, len(self._targets.names)))
        shape = (len(self._targets.names),) if self._span is None else self._span.shape
        targets = np.zeros((len(clips), *shape), dtype=np.float32)
        for row, found in enumerate(drawn):
            targets[row] = found
        return Batch(clips, waveform, targets)

    def _draw_example(
        self, clip: int, generator: np.random.Generator, waveform: Shaped[np.ndarray, " samples"]
    ) -> Float32[np.ndarray, "*steps classes"]:
        """Add a segment of a clip to a silent waveform, mixed with another and changed in level where configured."""
        targets = self._add_clip(clip, generator, waveform)
        if self._sampling.mix and generator.random() < self._sampling.mix:
            other = int(generator.choice(self._clips))
            targets = self._targets.mix(targets, self._add_clip(other, generator, waveform))
            waveform *= 0.5
        if self._sampling.gain:
            waveform *= 10.0 ** (generator.uniform(-self._sampling.gain, self._sampling.gain) / 20.0)
        return targets

    def _add_clip(
        self, clip: int, generator: np.random.Generator, waveform: Shaped[np.ndarray, " samples"]
    ) -> Float32[np.ndarray, "*steps classes"]:
        """Add a random segment of a clip to a waveform; return its targets."""
        start = self._draw_start(int(self._sounds.num_samples[clip]), generator)
        while not self._add_segment(clip, start, waveform):
            clip = int(generator.choice(self._clips))
            start = self._draw_start(int(self._sounds.num_samples[clip]), generator)
        if self._span is not None:
            return self._span.draw_span(clip, start / self._sounds.sample_rate)
        return self._targets.draw(clip, generator)

    def _add_segment(self, clip: int, start: int, waveform: Shaped[np.ndarray, " samples"]) -> bool:
        """Add a segment to a waveform; return False where it cannot be read and another is to be drawn."""
        repeat = self._sampling.repeat_short
        return self._unreadable.attempt(lambda: add_segment(self._sounds, clip, start, waveform, repeat=repeat))

    def _draw_start(self, num_samples: int, generator: np.random.Generator) -> int:
        segment = self._sampling.segment_samples
        if self._sampling.segments == "anywhere":
            return int(generator.integers(max(0, num_samples - segment) + 1))
        start = segment * int(generator.integers(max(1, num_samples // segment)))
        if not self._sampling.shift:
            return start
        shift = generator.uniform(-self._sampling.shift, self._sampling.shift)
        return min(max(0, start + round(shift * self._sounds.sample_rate)), max(0, num_samples - segment))


class ValidationBatches:
    """The middle segment of each of some clips with all its labels, in a fixed order.

    Parameters
    ----------
    sounds, targets
        The sources of waveforms and targets.
    clips
        Indices of the validation clips; there may be none.
    sampling
        Length of a segment and size of a batch; nothing is drawn.
    """

    def __init__(
        self,
        sounds: SoundSource,
        targets: TargetSource,
        clips: Int64[np.ndarray, " clips"],
        sampling: SamplingConfig,
    ) -> None:
        self._sounds = sounds
        self._targets = targets
        self._clips = clips
        self._sampling = sampling
        self._span = targets if isinstance(targets, SpanTargets) else None
        self._unreadable = Unreadable("its clips are not scored", skip=sampling.skip_unreadable)

    def __len__(self) -> int:
        return len(self._clips)

    def batches(self) -> Iterator[Batch]:
        """Iterate over the batches; clips that cannot be read are left out, where that is configured."""
        size = self._sampling.batch_size
        batches = (self._make(self._clips[first : first + size]) for first in range(0, len(self._clips), size))
        return (batch for batch in batches if len(batch.clips))

    def _make(self, clips: Int64[np.ndarray, " batch"]) -> Batch:
        waveform = np.zeros((len(clips), self._sampling.segment_samples), dtype=np.float32)
        read = np.array([self._read(int(clip), row) for clip, row in zip(clips, waveform, strict=True)], dtype=np.bool_)
        clips, waveform = clips[read], waveform[read]
        shape = (len(self._targets.names),) if self._span is None else self._span.shape
        targets = np.array([self._full(int(clip)) for clip in clips], np.float32).reshape(len(clips), *shape)
        labels = np.array([self._targets.labels(int(clip)) for clip in clips], np.bool_).reshape(
            len(clips), len(self._targets.names)
        )
        return Batch(clips, waveform, targets, labels)

    def _read(self, clip: int, waveform: Float32[np.ndarray, " samples"]) -> bool:
        """Read the middle of a clip; return whether that was possible."""
        start = max(0, int(self._sounds.num_samples[clip]) - self._sampling.segment_samples) // 2
        repeat = self._sampling.repeat_short
        return self._unreadable.attempt(lambda: add_segment(self._sounds, clip, start, waveform, repeat=repeat))

    def _full(self, clip: int) -> Float32[np.ndarray, "*steps classes"]:
        if self._span is None:
            return self._targets.full(clip)
        start = max(0, int(self._sounds.num_samples[clip]) - self._sampling.segment_samples) // 2
        return self._span.draw_span(clip, start / self._sounds.sample_rate)
