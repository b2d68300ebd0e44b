"""What an epoch hears: clips in a random order, a random second of each, labels drawn by Jia's rule, as arrays for the loss.

Every draw is keyed by the seed, the epoch and the clip, so that it is the same whatever was drawn before it, in whatever batch
the clip comes, and after any interruption.
"""

from __future__ import annotations

import dataclasses
import math
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int16, Int32, Int64

from hearsight.signal.waveform import from_int16

_ORDER = 2**32
"""Stands in for the clip in the key of an epoch's order; no clip has this index."""

_T = TypeVar("_T")


@runtime_checkable
class Labels(Protocol):
    """The labels of one clip, as indices of the dataset's classes."""

    @property
    def visual(self) -> Int32[np.ndarray, " visual_labels"]:
        """Classes seen."""
        ...

    @property
    def audio(self) -> Int32[np.ndarray, " audio_labels"]:
        """Classes heard."""
        ...


@runtime_checkable
class TrainingData(Protocol):
    """What training asks of a dataset; :class:`~hearsight.dataset.reader.Dataset` has it."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hz of the sound."""
        ...

    @property
    def digest(self) -> str:
        """What tells the dataset from any other."""
        ...

    @property
    def num_samples(self) -> Int32[np.ndarray, " clips"]:
        """Samples of each clip."""
        ...

    def indices(self, split: Literal["train", "validation"]) -> Int64[np.ndarray, " chosen"]:
        """Give the clips of a split."""
        ...

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> Int16[np.ndarray, " samples"]:
        """Give samples of a clip, fewer where it ends."""
        ...

    def labels(self, index: int) -> Labels:
        """Give the labels of a clip."""
        ...


@runtime_checkable
class SoftTargets(Protocol):
    """A dataset whose targets are probabilities instead of labels."""

    exclusive: bool
    """Whether they are distributions: one class at the cost of others."""

    def soft_targets(self, index: int) -> Float32[np.ndarray, " classes"]:
        """Give the targets of a clip."""
        ...


@dataclasses.dataclass(frozen=True)
class SamplingConfig:
    """The rules of drawing, in the words of :class:`~hearsight.config.TrainConfig`."""

    segment_samples: int
    batch_size: int
    segments: Literal["grid", "anywhere"] = "grid"
    visual_share: float = 0.5
    gain: float = 0.0
    mix: float = 0.0
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Batch:
    """One step's examples: which clips, a second of each in [-1, 1], and a one for each of their labels, or a distribution.

    ``truths`` are the labels where the targets are distributions and somebody asks.
    """

    clips: Int64[np.ndarray, " batch"]
    waveform: Float32[np.ndarray, "batch samples"]
    targets: Float32[np.ndarray, "batch classes"]
    truths: Bool[np.ndarray, "batch classes"] | None = None


@dataclasses.dataclass(frozen=True)
class SplitStatistics:
    """The clips of a split that have a label, and how often each class is drawn for one of them, or its mean probability.

    A clip without any label says nothing of what is heard in it, not even what is absent: it is left out, and counted.
    """

    clips: Int64[np.ndarray, " kept"]
    frequencies: Float64[np.ndarray, " classes"]
    num_unlabelled: int


def compute_statistics(
    data: TrainingData,
    split: Literal["train", "validation"],
    visual_share: float,
    most: int | None = None,
    *,
    labelled_only: bool = True,
) -> SplitStatistics:
    """Read the labels of a split once.

    Parameters
    ----------
    data
        The dataset.
    split
        Which part of it.
    visual_share
        Share of the visual labels that is drawn, for the frequencies.
    most
        Most clips to take, evenly spread over the split.
    labelled_only
        Whether clips without a label are left out.
    """
    indices = data.indices(split)
    if most is not None and len(indices) > most:
        indices = indices[np.arange(most) * len(indices) // most]
    counts = np.zeros(len(data.names))
    labelled = np.zeros(len(indices), dtype=bool)
    for row, index in enumerate(indices):
        labels = data.labels(int(index))
        if isinstance(data, SoftTargets):
            counts += data.soft_targets(int(index))
        else:
            if len(labels.visual):
                counts[labels.visual] += count_drawn(len(labels.visual), visual_share) / len(labels.visual)
            counts[labels.audio] += 1.0
        labelled[row] = not labelled_only or bool(len(labels.visual) or len(labels.audio))
    kept = indices[labelled]
    return SplitStatistics(kept, counts / max(1, len(kept)), int((~labelled).sum()))


def count_drawn(num_labels: int, share: float) -> int:
    """Count the labels that are drawn of a clip's visual ones: the share of them, halves rounded up, at least one of some."""
    return min(num_labels, max(1, math.floor(share * num_labels + 0.5)))


def count_batches(num_clips: int, batch_size: int) -> int:
    """Count the steps of an epoch: no batch is larger than asked for, unless the alternative is one of a single clip."""
    return max(1, min(math.ceil(num_clips / batch_size), num_clips // 2))


class TrainBatches:
    """The batches of every epoch of a split, drawn by Jia's rule (Jia 2019, section 3, "Training").

    Parameters
    ----------
    data
        The dataset.
    clips
        The clips to hear in every epoch, at least two.
    draw
        The rules.
    """

    def __init__(self, data: TrainingData, clips: Int64[np.ndarray, " clips"], draw: SamplingConfig) -> None:
        self._data = data
        self._clips = clips
        self._draw = draw
        self._num_classes = len(data.names)

    @property
    def num_batches(self) -> int:
        """Steps of an epoch."""
        return count_batches(len(self._clips), self._draw.batch_size)

    def order(self, epoch: int) -> list[Int64[np.ndarray, " batch"]]:
        """Shuffle the clips and divide them into batches that are as equally large as can be.

        So the last batch is no smaller than the others: the batch normalisations never see a single clip, and no clip counts
        for more than another.
        """
        order = np.random.default_rng([self._draw.seed, epoch, _ORDER]).permutation(self._clips)
        return np.array_split(order, self.num_batches)

    def batches(self, epoch: int) -> Iterator[Batch]:
        """Draw the batches of an epoch, one after the other."""
        return (self.make(epoch, clips) for clips in self.order(epoch))

    def make(self, epoch: int, clips: Int64[np.ndarray, " batch"]) -> Batch:
        """Draw a second and labels for each of some clips."""
        waveform = np.zeros((len(clips), self._draw.segment_samples), dtype=np.float32)
        targets = np.zeros((len(clips), self._num_classes), dtype=np.float32)
        for clip, sound, target in zip(clips, waveform, targets, strict=True):
            generator = np.random.default_rng([self._draw.seed, epoch, int(clip)])
            self._add(int(clip), generator, sound, target)
            if self._draw.mix and generator.random() < self._draw.mix:
                self._add(int(generator.choice(self._clips)), generator, sound, target)
                sound *= 0.5
                if isinstance(self._data, SoftTargets) and self._data.exclusive:
                    target *= 0.5  # two distributions make one; what else is heard in either is heard in both
            if self._draw.gain:
                sound *= 10.0 ** (generator.uniform(-self._draw.gain, self._draw.gain) / 20.0)
        return Batch(clips, waveform, targets)

    def _add(
        self,
        clip: int,
        generator: np.random.Generator,
        sound: Float32[np.ndarray, " samples"],
        target: Float32[np.ndarray, " classes"],
    ) -> None:
        """Add a random second of a clip to a sound, and its drawn labels to a target."""
        start = self._draw_start(int(self._data.num_samples[clip]), generator)
        add_segment(self._data, clip, start, sound)
        if isinstance(self._data, SoftTargets):
            said = self._data.soft_targets(clip)
            (np.add if self._data.exclusive else np.maximum)(target, said, out=target)
            return
        labels = self._data.labels(clip)
        visual = labels.visual
        if len(visual):
            visual = generator.permutation(visual)[: count_drawn(len(visual), self._draw.visual_share)]
        target[visual] = 1.0
        target[labels.audio] = 1.0

    def _draw_start(self, num_samples: int, generator: np.random.Generator) -> int:
        segment = self._draw.segment_samples
        if self._draw.segments == "anywhere":
            return int(generator.integers(max(0, num_samples - segment) + 1))
        return segment * int(generator.integers(max(1, num_samples // segment)))


class ValidationBatches:
    """The middle second of each of some clips with all its labels, in a fixed order: what validation hears."""

    def __init__(self, data: TrainingData, clips: Int64[np.ndarray, " clips"], draw: SamplingConfig) -> None:
        self._data = data
        self._clips = clips
        self._draw = draw

    def __len__(self) -> int:
        return len(self._clips)

    def batches(self) -> Iterator[Batch]:
        """Read the batches, one after the other."""
        size = self._draw.batch_size
        return (self._make(self._clips[first : first + size]) for first in range(0, len(self._clips), size))

    def _make(self, clips: Int64[np.ndarray, " batch"]) -> Batch:
        waveform = np.zeros((len(clips), self._draw.segment_samples), dtype=np.float32)
        targets = np.zeros((len(clips), len(self._data.names)), dtype=np.float32)
        for clip, sound, target in zip(clips, waveform, targets, strict=True):
            start = max(0, int(self._data.num_samples[clip]) - self._draw.segment_samples) // 2
            add_segment(self._data, int(clip), start, sound)
            labels = self._data.labels(int(clip))
            target[labels.visual] = 1.0
            target[labels.audio] = 1.0
        if isinstance(self._data, SoftTargets):
            soft = np.stack([self._data.soft_targets(int(clip)) for clip in clips])
            return Batch(clips, waveform, soft, targets > 0)
        return Batch(clips, waveform, targets)


def add_segment(data: TrainingData, clip: int, start: int, sound: Float32[np.ndarray, " samples"]) -> None:
    """Add a segment of a clip to a sound; where the clip ends before it, silence is added."""
    samples = data.read(clip, start, len(sound))
    sound[: len(samples)] += from_int16(samples)


def prefetch(items: Iterable[_T], depth: int = 4) -> Generator[_T]:
    """Make items in a thread of their own, a few ahead of who takes them.

    What the thread raises, the taker raises. When the taker stops early, the thread stops too.

    Parameters
    ----------
    items
        Made one after the other, in order.
    depth
        Most finished items that wait.
    """
    waiting: queue.Queue[tuple[_T] | BaseException | None] = queue.Queue(depth)
    stopped = threading.Event()

    def put(message: tuple[_T] | BaseException | None) -> None:
        while not stopped.is_set():
            try:
                waiting.put(message, timeout=0.1)
            except queue.Full:
                continue
            return

    def work() -> None:
        try:
            for item in items:
                put((item,))
                if stopped.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001  (whatever it is, the taker raises it)
            put(error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (message := waiting.get()) is not None:
            if isinstance(message, BaseException):
                raise message
            yield message[0]
    finally:
        stopped.set()
        thread.join()
