"""A trained network at work: :func:`load` a run, then ``tag`` and ``embed`` files of any length.

The network hears one segment at a time, as it did in training, so that what it says of a segment depends neither on what
follows nor on how the file was read. How a file is cut into segments stands in :mod:`hearsight.listening.segments`.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from hearsight.errors import CheckpointError, UsageError
from hearsight.listening.segments import Segments, SegmentSplitter
from hearsight.media.audio import stream_audio
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.network import Network
from hearsight.records import Tag
from hearsight.signal.waveform import downmix, limit_band, resample, resample_blocks
from hearsight.units import to_seconds

BATCH_SEGMENTS = 32
"""Most segments that go through the network together."""
BATCH_SECONDS = 32.0
"""Sound that does, at most: fewer of long segments, so that memory does not grow with their length."""
BLOCK_SECONDS = 30.0
"""Sound that is decoded at a time."""


@dataclasses.dataclass(frozen=True)
class SegmentOutputs:
    """What the network said of successive segments.

    Attributes
    ----------
    starts, durations
        Seconds of the file; a duration is less than a segment only where the whole file is, and the rest was padding.
    weights
        What each counts in a mean over time: 1, or less for a last one that overlaps the one before it.
    probabilities, embeddings
        One row per segment.
    end
        Seconds from the start of the file to the end of these segments; after the last batch, to the end of the file.
    """

    starts: Float64[np.ndarray, " segments"]
    durations: Float64[np.ndarray, " segments"]
    weights: Float64[np.ndarray, " segments"]
    probabilities: Float32[np.ndarray, "segments classes"]
    embeddings: Float32[np.ndarray, "segments dim"]
    end: float

    def average(self, values: Float32[np.ndarray, "segments numbers"]) -> Float64[np.ndarray, " numbers"]:
        """Return the mean of the segments' values over time, by the segments' weights."""
        return self.weights @ values.astype(np.float64) / self.weights.sum()


def join_outputs(parts: Iterable[SegmentOutputs]) -> SegmentOutputs:
    """Join the batches of one sound."""
    batches = list(parts)
    fields = ("starts", "durations", "weights", "probabilities", "embeddings")
    arrays = {name: np.concatenate([getattr(batch, name) for batch in batches]) for name in fields}
    return SegmentOutputs(**arrays, end=batches[-1].end)


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """The embeddings of one file, a row per segment.

    ``starts`` and ``durations`` are in seconds, ``duration`` is that of the file; ``padded`` says that the file is too short for
    a segment and was padded.
    """

    path: str
    starts: Float64[np.ndarray, " segments"]
    durations: Float64[np.ndarray, " segments"]
    values: Float32[np.ndarray, "segments dim"]
    duration: float
    padded: bool


class Tags(list[Tag]):
    """The tags of one file, with its ``duration`` in seconds, and whether it was ``padded`` to the length of a segment."""

    def __init__(self, tags: Iterable[Tag], duration: float, padded: bool) -> None:
        super().__init__(tags)
        self.duration = duration
        self.padded = padded


class Listener:
    """A network with its vocabulary, ready to hear files and waveforms.

    Attributes
    ----------
    name
        What the checkpoint is called.
    vocabulary
        Class names, in the order of the probabilities.
    sample_rate
        Hz that the network hears; everything is resampled to it.
    segment_seconds
        Length of a segment.
    least_seconds
        Length of the shortest sound that is heard as it is; a shorter one is padded, or repeated, to as much.
    embedding_dim
        Length of an embedding.
    training_clips
        Clips that the network learned from; None where nobody said.
    training_sample_rate
        Hz of the sound that it learned from: ``sample_rate``, or less. What lies above half of it (at 32 kHz, trained on a dataset
        of 16 kHz, the upper half of its bands) the network knows as empty only, and it is taken out of whatever it hears.
    """

    def __init__(
        self,
        network: Network,
        vocabulary: Sequence[str],
        *,
        name: str,
        device: str | None = None,
        training_clips: int | None = None,
        training_sample_rate: int | None = None,
    ) -> None:
        if len(vocabulary) != network.num_classes:
            raise CheckpointError(
                name, f"{len(vocabulary)} class names for {network.num_classes} outputs", "one name per output"
            )
        self.name = name
        self.vocabulary = tuple(vocabulary)
        self.training_clips = training_clips
        self.training_sample_rate = min(training_sample_rate or network.sample_rate, network.sample_rate)
        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        # convolutions on the processor are 1.5 to 3 times faster with their channels last
        network = network.eval().to(self.device)
        self.network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] (torch lists no such overload)
        self.sample_rate = network.sample_rate
        self.embedding_dim = network.embedding_dim
        rule = network.segmentation
        self.segment_seconds = to_seconds(rule.segment_samples, network.sample_rate)
        self.least_seconds = to_seconds(network.least_samples, network.sample_rate)
        batch_segments = max(1, min(BATCH_SEGMENTS, int(BATCH_SECONDS / self.segment_seconds)))
        self._splitter = SegmentSplitter(rule, batch_segments)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of every weight and buffer of the network, by name."""
        digest = hashlib.sha256(type(self.network).__qualname__.encode())
        for key, value in sorted(self.network.state_dict().items()):
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        if self.network.tail != "overlap":
            digest.update(f"tail {self.network.tail}".encode())
        if self.training_sample_rate < self.sample_rate:
            digest.update(f"heard up to {self.training_sample_rate}".encode())
        return digest.hexdigest()

    def tag(
        self, path: str | Path, *, top: int | None = 5, per_segment: bool = False, threshold: float | None = None
    ) -> Tags:
        """Say what is heard in an audio or video file.

        Parameters
        ----------
        path
            Any file with sound.
        top
            Classes of the file, or of each segment; None for all.
        per_segment
            Tag each segment, in order of time, instead of the whole file.
        threshold
            Leave out what is less probable.

        Returns
        -------
        Tags
            A list of :class:`~hearsight.records.Tag`, the most probable class first, ties by the vocabulary. The probability of
            a file is the mean over its time; its tags start at 0 and last as long as the file.

        Raises
        ------
        MediaError
            When the file cannot be read or has no sound.
        CheckpointError
            When the network's output is not finite.
        UsageError
            When the network has no classes.
        """
        return self._collect_tags(self.forward_file(path), str(path), top, per_segment, threshold)

    def tag_waveform(
        self,
        waveform: Float[np.ndarray, "*channels samples"],
        sample_rate: int,
        *,
        top: int | None = 5,
        per_segment: bool = False,
        threshold: float | None = None,
    ) -> Tags:
        """Say what is heard in a waveform of one channel, or of several along the first axis. See :meth:`tag`."""
        heard = self.forward_waveform(waveform, sample_rate)
        return self._collect_tags(heard, "", top, per_segment, threshold)

    def embed(self, path: str | Path) -> Embeddings:
        """Give the embedding of every segment of an audio or video file; errors as those of :meth:`tag`."""
        return self._collect_embeddings(self.forward_file(path), str(path))

    def embed_waveform(self, waveform: Float[np.ndarray, "*channels samples"], sample_rate: int) -> Embeddings:
        """Give the embedding of every segment of a waveform of one channel, or of several along the first axis."""
        return self._collect_embeddings(self.forward_waveform(waveform, sample_rate), "")

    def forward_file(self, path: str | Path) -> Iterator[SegmentOutputs]:
        """Hear a file batch by batch, in memory that does not grow with its length; what ``tag`` and ``embed`` are made of."""
        blocks = stream_audio(path, self.training_sample_rate, BLOCK_SECONDS)
        return self._forward_blocks(resample_blocks(blocks, self.training_sample_rate, self.sample_rate), path)

    def limit_band(self, waveform: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, " samples"]:
        """Take out of a waveform at the network's own rate what the network never learned from."""
        return limit_band(waveform, self.sample_rate, self.training_sample_rate)

    def forward_waveform(
        self, waveform: Float[np.ndarray, "*channels samples"], sample_rate: int
    ) -> Iterator[SegmentOutputs]:
        """Hear a waveform batch by batch."""
        if waveform.ndim not in (1, 2) or (waveform.ndim == 2 and not waveform.shape[0]):
            raise UsageError("waveform", f"shape {waveform.shape}", "(samples,) or (channels, samples)")
        if sample_rate < 1:
            raise UsageError("sample_rate", f"{sample_rate}", "Hz above 0")
        mono = downmix(np.atleast_2d(waveform).astype(np.float32))
        mono = resample(mono, sample_rate, self.training_sample_rate)
        return self._forward_blocks([resample(mono, self.training_sample_rate, self.sample_rate)], "waveform")

    def _forward_blocks(self, blocks: Iterable[Float32[np.ndarray, " _"]], where: object) -> Iterator[SegmentOutputs]:
        for segments in self._splitter.split(blocks, where):
            yield self._forward_batch(segments)

    def _forward_batch(self, segments: Segments) -> SegmentOutputs:
        with torch.inference_mode():
            logits, embeddings = self.network.forward_segments(torch.from_numpy(segments.waveforms).to(self.device))
            probabilities = self.network.probabilities(logits).cpu().numpy()
            embeddings = embeddings.float().cpu().numpy()
        if not (np.isfinite(probabilities).all() and np.isfinite(embeddings).all()):
            raise CheckpointError(
                self.name,
                "the network's output is not finite",
                "numbers",
                "its training diverged: lower the learning rate",
            )
        starts, durations = segments.starts / self.sample_rate, segments.lengths / self.sample_rate
        end = to_seconds(segments.end, self.sample_rate)
        return SegmentOutputs(starts, durations, segments.weights, probabilities, embeddings, end)

    def _collect_tags(
        self, heard: Iterable[SegmentOutputs], path: str, top: int | None, per_segment: bool, threshold: float | None
    ) -> Tags:
        if top is not None and top < 1:
            raise UsageError("top", f"{top}", "at least 1")
        if not self.vocabulary:
            hint = "hearsight embed gives its embeddings, hearsight evaluate fits classes to them"
            raise UsageError(self.name, "no trained classes: it was published for its embeddings", "classes", hint)
        total, weight, end, shortest = np.zeros(len(self.vocabulary)), 0.0, 0.0, self.segment_seconds
        tags: list[Tag] = []
        for part in heard:
            total += part.weights @ part.probabilities.astype(np.float64)
            weight += float(part.weights.sum())
            end = part.end
            shortest = min(shortest, float(part.durations[0]))
            if per_segment:
                for start, duration, row in zip(part.starts, part.durations, part.probabilities, strict=True):
                    tags += self._name_classes(path, float(start), float(duration), row, top, threshold)
        if not per_segment:
            tags = self._name_classes(path, 0.0, end, total / weight, top, threshold)
        return Tags(tags, duration=end, padded=shortest < self.least_seconds)

    def _name_classes(
        self, path: str, start: float, duration: float, row: np.ndarray, top: int | None, threshold: float | None
    ) -> list[Tag]:
        order = np.argsort(-row, kind="stable")[:top]
        return [
            Tag(path, start, duration, self.vocabulary[index], float(row[index]))
            for index in order
            if threshold is None or row[index] >= threshold
        ]

    def _collect_embeddings(self, heard: Iterable[SegmentOutputs], path: str) -> Embeddings:
        whole = join_outputs(heard)
        padded = bool(whole.durations[0] < self.least_seconds)
        return Embeddings(path, whole.starts, whole.durations, whole.embeddings, whole.end, padded)


def load(run: str | Path, *, device: str | None = None) -> Listener:
    """Load a trained network.

    Parameters
    ----------
    run
        What ``hearsight train`` or ``hearsight learn`` wrote, any checkpoint folder, or a repository on the Hugging Face Hub:
        ``hf://owner/name``, or ``hf://owner/name@revision``.
    device
        Torch's name of the device it works on; a CUDA device where there is one, else the processor.

    Raises
    ------
    CheckpointError
        When there is no checkpoint, or it cannot be used.
    UsageError, HubError
        When a repository has no such name, or cannot be fetched.
    """
    if str(run).startswith("hf:/"):  # a path has lost one of the two slashes
        from hearsight.models.hub import fetch_checkpoint  # half a second that a folder does not need

        run = fetch_checkpoint(str(run))
    network, info = load_checkpoint(Path(run))
    clips = info.training.get("clips")  # a configuration may say anything
    return Listener(
        network,
        info.vocabulary,
        name=info.name,
        device=device,
        training_clips=clips if isinstance(clips, int) and clips > 0 else None,
        training_sample_rate=info.training_sample_rate,
    )
