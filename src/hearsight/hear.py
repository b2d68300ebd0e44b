"""The HEAR 2021 module interface: any checkpoint as an entry of that benchmark (https://hearbenchmark.com/hear-api.html).

A HEAR module has three functions: :func:`load_model`, :func:`get_timestamp_embeddings`, :func:`get_scene_embeddings`. Its
tools take the module's name and the checkpoint: ``hear-validator hearsight.hear -m RUN``.

A timestamp embedding is the network's embedding of one segment around the stamp. A scene embedding combines successive segments as
``hearsight evaluate`` does. Each sound is computed separately, in chunks of bounded size, so the rest of the batch does not
change its embeddings.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64, Shaped
from torch import Tensor, nn

from hearsight.errors import CheckpointError, UsageError, guess
from hearsight.finite import describe_not_finite
from hearsight.listening.listener import load
from hearsight.listening.segments import SegmentSplitter
from hearsight.models.checkpoint import CONFIG, WEIGHTS
from hearsight.models.network import Network, check_waveform
from hearsight.signal.waveform import limit_band
from hearsight.units import to_samples

SAMPLE_RATES = (16_000, 22_050, 32_000, 44_100, 48_000)
"""Hz that HEAR's tasks are distributed at."""
HOP_MS = 50.0
"""Milliseconds from stamp to stamp: the longest that HEAR's validator accepts without a warning."""
MOST_OVERLAP = 20
"""How many segments contain the same sample at most: networks of long segments have stamps further apart than :data:`HOP_MS`."""
CHUNK_SAMPLES = 2**20
"""Samples that go through the network together; at least one segment does."""

POOLS = ("mean+max", "mean")
"""How the embeddings of a sound's segments may become its scene embedding."""


class HearModel(nn.Module):
    """A network in the form that HEAR's tools expect; it stays in evaluation mode.

    Parameters
    ----------
    network
        Any of the zoo.
    pool
        Mean over time, or mean and maximum side by side, which is the default of ``hearsight evaluate`` and beat either alone
        there.
    training_sample_rate
        Hz of the sound that it learned from, where that is less than its own; see :class:`~hearsight.Listener`.

    Attributes
    ----------
    sample_rate
        Hz of the sounds it takes.
    timestamp_embedding_size, scene_embedding_size
        Lengths of the embeddings.
    hop_ms
        Milliseconds from stamp to stamp: 50, or a twentieth of a segment where that is more.

    Raises
    ------
    CheckpointError
        When the network has a sample rate that HEAR does not support.
    UsageError
        When there is no such pool.
    """

    def __init__(self, network: Network, *, pool: str = "mean+max", training_sample_rate: int | None = None) -> None:
        super().__init__()
        if network.sample_rate not in SAMPLE_RATES:
            rates = ", ".join(f"{rate:,}" for rate in SAMPLE_RATES)
            raise CheckpointError(
                network.name, f"a network with a sample rate of {network.sample_rate:,} Hz", f"one of {rates}"
            )
        if pool not in POOLS:
            raise UsageError("pool", f"{pool!r}", " or ".join(POOLS), guess(pool, POOLS))
        self.network = network.eval()
        self.pool = pool
        self.sample_rate = network.sample_rate
        self.training_sample_rate = training_sample_rate or network.sample_rate
        self.timestamp_embedding_size = network.embedding_dim
        self.scene_embedding_size = network.embedding_dim * len(pool.split("+"))
        self.segment_samples = network.front_end.definition.patch_samples
        self.hop_ms = max(HOP_MS, 1000.0 * self.segment_samples / self.sample_rate / MOST_OVERLAP)

    def train(self, mode: bool = True) -> HearModel:  # noqa: ARG002 (torch's signature)
        """Stay in evaluation mode: in training mode, the embedding of a sound would depend on the batch."""
        return super().train(False)

    def limit_band(self, waveforms: Float32[Tensor, "sounds samples"]) -> Float32[Tensor, "sounds samples"]:
        """Take out of sounds what the network never learned from."""
        if self.training_sample_rate >= self.sample_rate:
            return waveforms
        limited = [
            limit_band(sound, self.sample_rate, self.training_sample_rate) for sound in waveforms.detach().cpu().numpy()
        ]
        return torch.from_numpy(np.stack(limited)).to(waveforms.device)

    def forward(self, segments: Float[Tensor, "segments samples"]) -> Float32[Tensor, "segments dim"]:
        """Return the embeddings of segments, on the network's own device.

        Raises
        ------
        CheckpointError
            When they are not finite.
        """
        device = next(self.network.parameters()).device
        embeddings = self.network.forward_segments(segments.to(device))[1].float()
        if not torch.isfinite(embeddings).all():
            raise CheckpointError(
                self.network.name,
                f"the network's output is not finite: {describe_not_finite(embeddings.cpu().numpy())}",
                "numbers",
                "its training diverged: lower the learning rate",
            )
        return embeddings


def load_model(model_file_path: str | Path | None = "", *, pool: str = "mean+max") -> HearModel:
    """Load a checkpoint for HEAR, on the processor; HEAR's tools move it to their device.

    Parameters
    ----------
    model_file_path
        A run or checkpoint folder, the weights in it, or ``hf://owner/name``.
    pool
        See :class:`HearModel`.

    Raises
    ------
    UsageError
        When no path is given, or there is no such pool.
    CheckpointError
        When there is no checkpoint, or it cannot be used.
    """
    if not model_file_path:
        raise UsageError(
            "load_model",
            "no model_file_path",
            "a run or checkpoint folder, or hf://owner/name",
            "name a run, since the module has no weights: hear-validator hearsight.hear -m RUN",
        )
    path = Path(model_file_path)
    if path.name in (WEIGHTS, CONFIG) and path.is_file():
        model_file_path = path.parent
    listener = load(model_file_path, device="cpu")
    return HearModel(listener.network, pool=pool, training_sample_rate=listener.training_sample_rate)


@torch.no_grad()
def get_timestamp_embeddings(
    audio: Shaped[Tensor, "*shape"], model: HearModel, *, hop_ms: float | None = None
) -> tuple[Float32[Tensor, "sounds stamps dim"], Float32[Tensor, "sounds stamps"]]:
    """Embed sounds at regular stamps, from their first sample to their end.

    Parameters
    ----------
    audio
        ``[sounds, samples]``: amplitudes in [-1, 1] at the model's rate, one channel; on any device.
    model
        What :func:`load_model` gave; on any device.
    hop_ms
        Milliseconds from stamp to stamp; the model's own by default.

    Returns
    -------
    Float32[Tensor, "sounds stamps dim"], Float32[Tensor, "sounds stamps"]
        Embeddings of the segment around each stamp, and the stamps in milliseconds, on the device of ``audio``. Beyond the ends
        of a sound lies silence; to a network that repeats short sounds (SoundNet), the same sound again.

    Raises
    ------
    UsageError
        When the sounds are invalid input (several channels, integers, no samples, NaN), or the hop is shorter than a
        millisecond.
    CheckpointError
        When the embeddings are not finite.
    """
    waveforms = model.limit_band(check_waveform(audio, None)[0].float())
    hop_ms = model.hop_ms if hop_ms is None else hop_ms
    if not 1.0 <= hop_ms < math.inf:
        raise UsageError("hop_ms", f"{hop_ms}", "milliseconds, at least 1")
    num_stamps = 1 + int(1000 * waveforms.shape[1] // (hop_ms * model.sample_rate))
    stamps = [hop_ms * index for index in range(num_stamps)]
    centres = torch.tensor([to_samples(stamp / 1000.0, model.sample_rate) for stamp in stamps], device=audio.device)
    embeddings = torch.stack([_embed_around(model, waveform, centres) for waveform in waveforms])
    return embeddings, torch.tensor(stamps, dtype=torch.float32, device=audio.device).repeat(len(waveforms), 1)


@torch.no_grad()
def get_scene_embeddings(audio: Shaped[Tensor, "*shape"], model: HearModel) -> Float32[Tensor, "sounds dim"]:
    """Embed whole sounds: the pooled embeddings of successive segments, as ``hearsight evaluate`` pools them.

    Parameters, device and errors are those of :func:`get_timestamp_embeddings`.
    """
    waveforms = model.limit_band(check_waveform(audio, None)[0].float())
    return torch.stack([_embed_scene(model, waveform) for waveform in waveforms])


def _embed_around(
    model: HearModel, waveform: Float32[Tensor, " samples"], centres: Int64[Tensor, " stamps"]
) -> Float32[Tensor, "stamps dim"]:
    starts = centres - model.segment_samples // 2
    rows: list[Tensor] = []
    for chunk in starts.split(_count_chunk(model)):
        segments = _cut(waveform, chunk, model.segment_samples, repeat=model.network.repeats_short)
        rows.append(model(segments).to(waveform.device))
    return torch.cat(rows)


def _embed_scene(model: HearModel, waveform: Float32[Tensor, " samples"]) -> Float32[Tensor, " dim"]:
    splitter = SegmentSplitter(model.network.segmentation, _count_chunk(model))
    embeddings: list[Tensor] = []
    weights: list[Tensor] = []
    for segments in splitter.split([waveform.cpu().numpy()]):
        embeddings.append(model(torch.from_numpy(segments.waveforms)).to(waveform.device))
        weights.append(torch.from_numpy(segments.weights))
    rows = torch.cat(embeddings)
    weight = torch.cat(weights).to(rows)
    mean = (weight[:, None] * rows).sum(0) / weight.sum()
    return mean if model.pool == "mean" else torch.cat([mean, rows.amax(0)])


def _count_chunk(model: HearModel) -> int:
    """Count the segments that go through the network together."""
    return max(1, CHUNK_SAMPLES // model.segment_samples)


def _cut(
    waveform: Float32[Tensor, " samples"], starts: Int64[Tensor, " segments"], length: int, *, repeat: bool
) -> Float32[Tensor, "segments length"]:
    """Cut segments out of a sound; beyond its ends lies silence, or the sound again."""
    places = starts[:, None] + torch.arange(length, device=waveform.device)
    if repeat:
        return waveform[places % len(waveform)]
    inside = (places >= 0) & (places < len(waveform))
    return torch.where(inside, waveform[places.clamp(0, len(waveform) - 1)], 0.0)
