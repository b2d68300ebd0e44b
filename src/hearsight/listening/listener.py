"""Inference with a trained network: :func:`load` a run, then ``tag`` and ``embed`` files of any length.

The network sees one segment at a time, as in training, so that its output for a segment depends neither on what follows nor on how
the file was read. The rule by which a sound is split into segments is :mod:`hearsight.models.segments`.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64

from hearsight.errors import CheckpointError, MediaError, UsageError
from hearsight.listening.backends import Backend, GraphRunner, choose_backend
from hearsight.listening.outputs import SegmentOutputs, join_outputs
from hearsight.listening.segments import Segments, SegmentSplitter
from hearsight.listening.tags import Tagger, Tags, TagSelection
from hearsight.media.audio import stream_audio
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.installed import locate_model
from hearsight.models.network import Network
from hearsight.records import RejectReason
from hearsight.signal.waveform import downmix, limit_band, resample, resample_blocks
from hearsight.units import to_samples, to_seconds

BATCH_SEGMENTS = 32
"""Most segments that go through the network together."""
BATCH_SECONDS = 32.0
"""Sound that does, at most: fewer of long segments, so that memory does not grow with their length."""
BLOCK_SECONDS = 30.0
"""Sound that is decoded at a time."""


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """The embeddings of one file, a row per segment.

    ``starts`` and ``durations`` are in seconds, ``duration`` is that of the file; ``padded`` is true if the file is too short for
    a segment and was padded.
    """

    path: str
    starts: Float64[np.ndarray, " segments"]
    durations: Float64[np.ndarray, " segments"]
    values: Float32[np.ndarray, "segments dim"]
    duration: float
    padded: bool


class Listener:
    """A network with its vocabulary, ready for files and waveforms.

    Attributes
    ----------
    name
        What the checkpoint is called.
    vocabulary
        Class names, in the order of the probabilities.
    sample_rate
        Hz of the network's input; everything is resampled to it.
    segment_seconds
        Length of a segment.
    least_seconds
        Length of the shortest sound that is used unchanged; a shorter one is padded or repeated to this length.
    embedding_dim
        Length of an embedding.
    classes
        The sense and the teacher of each class; empty where the checkpoint does not record them.
    backend
        What computes the outputs: ``torch``, ``onnx`` or ``onnx-int8``.
    training_clips
        Number of clips that the network was trained on; None where it is not recorded.
    training
        How it was trained, as its checkpoint records it; empty where nothing is recorded.
    training_sample_rate
        Hz of the sound that it was trained on: ``sample_rate``, or less. In training there was nothing above half of it (at 32 kHz,
        on a dataset of 16 kHz, the upper half of the bands was empty), and so it is filtered out of every input.

    Examples
    --------
    >>> listener = hearsight.load("run")
    >>> tags = listener.tag("recording.wav", top=2)  # the most probable class first
    >>> tags[0].probability >= tags[1].probability
    True
    >>> listener.embed("recording.wav").values.shape  # segments of a second, the last one overlapping
    (3, 128)
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
        classes: Sequence[ClassOrigin] = (),
        training: Mapping[str, Any] | None = None,
        backend: Backend = "torch",
    ) -> None:
        if len(vocabulary) != network.num_classes:
            raise CheckpointError(
                name, f"{len(vocabulary)} class names for {network.num_classes} outputs", "one name per output"
            )
        self.name = name
        self.vocabulary = tuple(vocabulary)
        self.classes = tuple(classes)
        self.training_clips = training_clips
        self.training = dict(training or {})
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
        self.backend: Backend = choose_backend(backend, self.device)
        self._runner = (
            None if self.backend == "torch" else GraphRunner(self.network, self._hash_weights(), self.backend)
        )

    def __repr__(self) -> str:
        """Return the network, its classes and its input in one line."""
        return (
            f"<Listener {self.name}: {len(self.vocabulary):,} classes, embeddings of {self.embedding_dim}, "
            f"{self.sample_rate:,} Hz, segments of {self.segment_seconds:g} s, on {self.device}>"
        )

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of every weight and buffer of the network, by name; in 8 bits another one, because the outputs are others."""
        weights = self._hash_weights()
        return hashlib.sha256(f"{weights} 8 bits".encode()).hexdigest() if self.backend == "onnx-int8" else weights

    def _hash_weights(self) -> str:
        digest = hashlib.sha256(type(self.network).__qualname__.encode())
        for key, value in sorted(self.network.state_dict().items()):
            digest.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        if self.network.tail != "overlap":
            digest.update(f"tail {self.network.tail}".encode())
        if self.training_sample_rate < self.sample_rate:
            digest.update(f"used up to {self.training_sample_rate}".encode())
        return digest.hexdigest()

    def tag(
        self,
        path: str | Path,
        *,
        top: int | None = 5,
        per_segment: bool = False,
        threshold: float | None = None,
        sense: Literal["heard", "seen", "all"] | None = None,
    ) -> Tags:
        """Return the most probable classes of an audio or video file.

        Parameters
        ----------
        path
            Any file with sound.
        top, per_segment, threshold, sense
            Which tags are returned, as :class:`~hearsight.listening.tags.TagSelection` describes.

        Returns
        -------
        Tags
            A list of :class:`~hearsight.records.Tag`, the most probable class first, ties by the vocabulary. The probability of
            a file is the mean over its time; its tags start at 0 and last as long as the file. A mean over a long recording does
            not show what happened when: tag its segments for that.

        Raises
        ------
        MediaError
            When the file cannot be read, has no sound, or has amplitudes that the network cannot take.
        CheckpointError
            When the network's output is not finite.
        UsageError
            When the network has no classes, or the selection is invalid.
        """
        selection = TagSelection(top, threshold, per_segment, sense)
        return self._collect_tags(self.forward_file(path), str(path), selection)

    def tag_waveform(
        self,
        waveform: Float[np.ndarray, "*channels samples"],
        sample_rate: int,
        *,
        top: int | None = 5,
        per_segment: bool = False,
        threshold: float | None = None,
        sense: Literal["heard", "seen", "all"] | None = None,
    ) -> Tags:
        """Return the most probable classes of a waveform of one channel, or of several along the first axis. See :meth:`tag`."""
        selection = TagSelection(top, threshold, per_segment, sense)
        return self._collect_tags(self.forward_waveform(waveform, sample_rate), "", selection)

    def embed(self, path: str | Path) -> Embeddings:
        """Return the embedding of every segment of an audio or video file; errors as those of :meth:`tag`."""
        return self._collect_embeddings(self.forward_file(path), str(path))

    def embed_waveform(self, waveform: Float[np.ndarray, "*channels samples"], sample_rate: int) -> Embeddings:
        """Return the embedding of every segment of a waveform of one channel, or of several along the first axis."""
        return self._collect_embeddings(self.forward_waveform(waveform, sample_rate), "")

    def forward_file(
        self, path: str | Path, hop: float | None = None, notify: Callable[[str], None] | None = None
    ) -> Iterator[SegmentOutputs]:
        """Return the outputs for a file batch by batch, in memory that does not grow with its length.

        Parameters
        ----------
        path
            Any file with sound.
        hop
            Seconds from the start of one segment to the start of the next; None for the network's own.
        notify
            As of :func:`~hearsight.media.audio.stream_audio`.

        Raises
        ------
        UsageError
            When the hop is shorter than a sample or longer than a segment.
        """
        return self.forward_stream(stream_audio(path, self.training_sample_rate, BLOCK_SECONDS, notify), path, hop)

    def forward_stream(
        self, blocks: Iterable[Float32[np.ndarray, " _"]], where: object, hop: float | None = None
    ) -> Iterator[SegmentOutputs]:
        """Return the outputs for blocks of sound at :attr:`training_sample_rate`, as of a file; errors name ``where``."""
        resampled = resample_blocks(blocks, self.training_sample_rate, self.sample_rate)
        return self._forward_blocks(resampled, where, self._make_splitter(hop))

    def check_hop(self, hop: float | None) -> None:
        """Check a hop, in seconds; errors as :meth:`forward_file`."""
        self._make_splitter(hop)

    def describe_padding(self, duration: float) -> str:
        """Return in words what happens to a sound of so many seconds that is too short for a segment."""
        how = "repeated" if self.network.repeats_short else "padded with silence"
        return f"{duration:.2f} s of sound, {how} to a segment of {self.least_seconds:g} s"

    def limit_band(self, waveform: Float32[np.ndarray, " samples"]) -> Float32[np.ndarray, " samples"]:
        """Filter out of a waveform at the network's own rate what was not in its training data."""
        return limit_band(waveform, self.sample_rate, self.training_sample_rate)

    def forward_waveform(
        self, waveform: Float[np.ndarray, "*channels samples"], sample_rate: int
    ) -> Iterator[SegmentOutputs]:
        """Return the outputs for a waveform batch by batch."""
        if waveform.ndim not in (1, 2) or (waveform.ndim == 2 and not waveform.shape[0]):
            raise UsageError("waveform", f"shape {waveform.shape}", "(samples,) or (channels, samples)")
        if sample_rate < 1:
            raise UsageError("sample_rate", f"{sample_rate}", "Hz above 0")
        mono = downmix(np.atleast_2d(waveform).astype(np.float32))
        mono = resample(mono, sample_rate, self.training_sample_rate)
        return self._forward_blocks([resample(mono, self.training_sample_rate, self.sample_rate)], "waveform")

    def _make_splitter(self, hop: float | None) -> SegmentSplitter:
        if hop is None:
            return self._splitter
        rule, samples = self._splitter.rule, to_samples(hop, self.sample_rate)
        if not 1 <= samples <= rule.segment_samples:
            raise UsageError("hop", f"{hop:g} s", f"up to a segment of {self.segment_seconds:g} s, more than 0")
        return SegmentSplitter(dataclasses.replace(rule, hop_samples=samples), self._splitter.batch_segments)

    def _forward_blocks(
        self, blocks: Iterable[Float32[np.ndarray, " _"]], where: object, splitter: SegmentSplitter | None = None
    ) -> Iterator[SegmentOutputs]:
        for segments in (splitter or self._splitter).split(blocks, where):
            yield self._forward_batch(segments, where)

    def _forward_batch(self, segments: Segments, where: object) -> SegmentOutputs:
        probabilities, embeddings = self._run_network(segments.waveforms)
        if not (np.isfinite(probabilities).all() and np.isfinite(embeddings).all()):
            raise self._explain_not_finite(segments, where)
        starts, durations = segments.starts / self.sample_rate, segments.lengths / self.sample_rate
        end = to_seconds(segments.end, self.sample_rate)
        return SegmentOutputs(starts, durations, segments.weights, probabilities, embeddings, end)

    def _run_network(
        self, waveforms: Float32[np.ndarray, "segments samples"]
    ) -> tuple[Float32[np.ndarray, "segments classes"], Float32[np.ndarray, "segments dim"]]:
        if self._runner is not None and waveforms.shape[1] == self._runner.segment_samples:
            return self._runner.run(waveforms)
        with torch.inference_mode():
            logits, embeddings = self.network.forward_segments(torch.from_numpy(waveforms).to(self.device))
            return self.network.probabilities(logits).cpu().numpy(), embeddings.float().cpu().numpy()

    def _explain_not_finite(self, segments: Segments, where: object) -> MediaError | CheckpointError:
        """Return an error about the sound if the network has finite outputs for a quiet tone, otherwise one about the network."""
        time = np.arange(segments.waveforms.shape[1]) / self.sample_rate
        tone = (0.1 * np.sin(2 * np.pi * 440.0 * time)).astype(np.float32)
        if not all(np.isfinite(values).all() for values in self._run_network(tone[None])):
            hint = "its training diverged: lower the learning rate"
            return CheckpointError(self.name, "the network's output is not finite", "numbers", hint)
        loudest = float(np.abs(segments.waveforms).max())
        start = segments.starts[0] / self.sample_rate
        found = (
            f"amplitudes of up to {loudest:.2g} after {start:.1f} s, for which the output of {self.name} is not finite"
        )
        return MediaError(where, found, "amplitudes in [-1, 1]", reason=RejectReason.BROKEN_STREAM)

    def _collect_tags(self, outputs: Iterable[SegmentOutputs], path: str, selection: TagSelection) -> Tags:
        if not self.vocabulary:
            hint = "hearsight embed returns its embeddings, hearsight evaluate fits classes to them"
            raise UsageError(self.name, "no trained classes: it was published for its embeddings", "classes", hint)
        tags, duration, shortest = Tagger(self.vocabulary, self.classes, selection).tag(outputs, path)
        return Tags(tags, duration=duration, padded=shortest < self.least_seconds)

    def _collect_embeddings(self, outputs: Iterable[SegmentOutputs], path: str) -> Embeddings:
        whole = join_outputs(outputs)
        padded = bool(whole.durations[0] < self.least_seconds)
        return Embeddings(path, whole.starts, whole.durations, whole.embeddings, whole.end, padded)


def load(run: str | Path, *, device: str | None = None, backend: Backend = "torch") -> Listener:
    """Load a trained network.

    Parameters
    ----------
    run
        What ``hearsight train`` or ``hearsight learn`` wrote, any checkpoint folder, or a repository on the Hugging Face Hub:
        ``hf://owner/name``, or ``hf://owner/name@revision``. ``starter`` is the model that comes with hearsight.
    device
        Torch's name of the device it works on; a CUDA device if there is one, else the processor.
    backend
        ``torch``; ``onnx`` or ``onnx-int8``, ONNX Runtime in 32 or 8 bits on the processor (extra ``onnx``), for which a graph is
        made once and kept in a cache; or ``auto``, ``onnx`` where that is possible, otherwise ``torch``. Outputs in 32 bits differ
        from torch's by at most 0.001; those in 8 bits by more.

    Raises
    ------
    CheckpointError
        When there is no checkpoint, or it cannot be used.
    UsageError, HubError
        When a repository has no such name, or cannot be fetched.

    Examples
    --------
    >>> hearsight.load("run").sample_rate
    16000
    """
    if str(run).startswith("hf:/"):  # a path has lost one of the two slashes
        from hearsight.models.hub import fetch_checkpoint  # half a second that a folder does not need

        run = fetch_checkpoint(str(run))
    network, info = load_checkpoint(locate_model(str(run)))
    clips = info.training.get("clips")  # a configuration may contain anything
    return Listener(
        network,
        info.vocabulary,
        name=info.name,
        device=device,
        training_clips=clips if isinstance(clips, int) and clips > 0 else None,
        training_sample_rate=info.training_sample_rate,
        classes=info.classes,
        training=info.training,
        backend=backend,
    )
