"""A network as an exporter can follow it: no Fourier transform, no branch on the data, a batch and a length of any size.

The front end becomes one matrix product: the window and the transform of the bins that any mel band uses are put into one
matrix of kernels, and a frame is a row of neighbouring blocks of one hop. Every runtime has that operation, and has it fast; the
operator that ONNX has for the transform itself is missing in some runtimes and slow in others.
"""

from __future__ import annotations

import copy
import math
from typing import cast

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from hearsight.models.front_end import LogMel
from hearsight.models.graphs.recurrent import TraceableRecurrent
from hearsight.models.network import Network
from hearsight.models.segments import Segmentation
from hearsight.signal.filters import constant_q_kernels, cosine_matrix, make_window, mel_matrix
from hearsight.signal.front_ends import FrontEnd
from hearsight.signal.log_mel import MIN_POWER, MIN_VARIANCE


class TraceableLogMel(nn.Module):
    """The front end of a network, as :class:`~hearsight.models.front_end.LogMel` defines it, by products of matrices alone.

    A constant-Q transform and one that ends in dB are taken in double precision, as there; all else in single precision.
    """

    kernels: Float[Tensor, "samples responses"]
    bands: Float[Tensor, "bins bands"]
    cosines: Float[Tensor, "bands coefficients"]
    shift: Float[Tensor, " bands"]
    scale: Float[Tensor, " bands"]

    def __init__(self, front_end: LogMel) -> None:
        super().__init__()
        definition = self.definition = front_end.definition
        self.blocks = -(-definition.win_length // definition.hop_length)
        kernels, bands = make_kernels(definition)
        missing = self.blocks * definition.hop_length - definition.win_length
        precision = torch.float64 if definition.kind == "cqt" or definition.decibels else torch.float32
        self._keep("kernels", torch.from_numpy(np.pad(kernels, ((0, missing), (0, 0)))).to(precision))
        self._keep("bands", torch.from_numpy(bands).to(precision))
        cosines = cosine_matrix(definition) if definition.kind == "mfcc" else np.eye(definition.n_mels)
        self._keep("cosines", torch.from_numpy(cosines.copy()).float())
        if definition.normalize:
            scale = front_end.get_buffer("variance").clamp(min=MIN_VARIANCE).rsqrt()
            self._keep("shift", front_end.get_buffer("mean").clone())
            self._keep("scale", scale)

    def _keep(self, name: str, constant: Float[Tensor, rows * columns]) -> None:
        self.register_buffer(name, constant.detach(), persistent=False)

    def forward(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames mels"]:
        """Return the matrix of each waveform, whose length is a whole number of patches."""
        definition = self.definition
        hop = definition.hop_length
        if definition.centred:
            reach = definition.reflected_samples
            waveform = nn.functional.pad(waveform, (reach, reach), mode="reflect")
        # FrontEnd.count_frames, of a length that need not be a number yet
        num_frames = 1 + (waveform.shape[1] + definition.pad_samples - definition.win_length) // hop
        num_blocks = num_frames - 1 + self.blocks
        padded = nn.functional.pad(waveform, (0, definition.win_length + hop))[:, : num_blocks * hop]
        blocks = padded.to(self.kernels.dtype).reshape(-1, num_blocks, hop)
        frames = torch.cat([blocks[:, start : start + num_frames] for start in range(self.blocks)], dim=2)
        real, imaginary = (frames @ self.kernels).chunk(2, dim=2)
        power = real * real + imaginary * imaginary
        if definition.decibels:
            return (torch.log((power @ self.bands).clamp(min=MIN_POWER)) * (10.0 / math.log(10.0))).float()
        magnitudes = power.sqrt()
        if definition.kind != "cqt":
            magnitudes = magnitudes @ self.bands
        log_mel = torch.log(magnitudes.float() + definition.log_offset)
        if definition.kind == "mfcc":
            log_mel = log_mel @ self.cosines
        return (log_mel - self.shift) * self.scale if definition.normalize else log_mel


def make_kernels(
    definition: FrontEnd,
) -> tuple[Float64[np.ndarray, "win_length parts"], Float64[np.ndarray, "bins mels"]]:
    """Make the kernels of the windowed transform, real parts first, and the matrix from their magnitudes to bands.

    Bins that no band uses are left out: with bands up to 7,500 Hz of 8,000, and none below 125 Hz, a tenth of the work.
    """
    if definition.kind == "cqt":
        return constant_q_kernels(definition).copy(), np.eye(definition.n_mels)
    mel = mel_matrix(definition).astype(np.float64)
    heard = np.flatnonzero(mel.any(axis=1))
    turns = np.arange(definition.win_length)[:, None] * heard / definition.n_fft
    window = make_window(definition)[:, None]
    kernels = [window * np.cos(2 * np.pi * turns), window * -np.sin(2 * np.pi * turns)]
    return np.concatenate(kernels, axis=1), mel[heard]


class TraceableNetwork(nn.Module):
    """A network in evaluation mode, from waveforms of one length to the outputs of an exported file.

    They are the clips' probabilities ``[batch, classes]``, the probabilities and the embedding of each segment, and the weight of
    each segment in a mean over time. Sounds of any length are split by the network's own rule.
    """

    def __init__(self, network: Network) -> None:
        super().__init__()
        # the front end is replaced in a copy: the network that came in is left as it was
        network = copy.deepcopy(network).cpu().eval()
        if isinstance(network.front_end, LogMel):
            network.add_module("front_end", TraceableLogMel(network.front_end))
        replace_layers(network)
        self.network = network

    def forward(
        self, waveform: Float[Tensor, "batch samples"]
    ) -> tuple[
        Float[Tensor, "batch classes"],
        Float[Tensor, "batch segments classes"],
        Float[Tensor, "batch segments dim"],
        Float[Tensor, " segments"],
    ]:
        """Return clip probabilities, the segments' probabilities and embeddings, and the segments' weights."""
        segments, weights = gather_segments(waveform, self.network.segmentation)
        count, length = segments.shape[1:]
        logits, embeddings = self.network.forward_segments(segments.reshape(-1, length))
        probabilities = self.network.probabilities(logits).reshape(-1, count, logits.shape[1])
        # the weighted mean over segments as a product of matrices: torch traces a sum only over more than one
        clips = ((weights / weights.sum()) @ probabilities).reshape(-1, logits.shape[1])
        return clips, probabilities, embeddings.float().reshape(-1, count, embeddings.shape[1]), weights


def gather_segments(
    waveform: Float[Tensor, "batch samples"], rule: Segmentation
) -> tuple[Float[Tensor, "batch segments segment_samples"], Float[Tensor, " segments"]]:
    """Split waveforms as :meth:`Segmentation.split` does, for any length, by steps that an exporter can follow.

    Returns
    -------
    Float[Tensor, "batch segments segment_samples"], Float[Tensor, " segments"]
        The segments, and their weights in a mean over time.
    """
    num_samples = waveform.shape[1]
    starts, weights = rule.place(num_samples)
    # counted from a length that is not known yet: the exporter would store the numbers of a segment's samples in the file
    steps = torch.arange(num_samples, num_samples + rule.measure(num_samples)) - num_samples
    places = starts[:, None] + steps
    if rule.repeat_short:
        # a tensor, since the exporter knows no remainder of a length
        return waveform[:, places % torch.full((1,), num_samples)], weights.float()
    return nn.functional.pad(waveform, (0, rule.segment_samples))[:, places], weights.float()


class TraceableMaxPool(nn.Module):
    """A maximum over time, taken as one over pictures of height one: torch traces the former for a single length only."""

    def __init__(self, pooling: nn.MaxPool1d) -> None:
        super().__init__()
        self.kernel, self.stride = (1, cast(int, pooling.kernel_size)), (1, cast(int, pooling.stride))

    def forward(self, values: Float[Tensor, "batch channels values"]) -> Float[Tensor, "batch channels fewer_values"]:
        """Return the maxima."""
        return nn.functional.max_pool2d(values.unsqueeze(2), self.kernel, self.stride).squeeze(2)


def replace_layers(module: nn.Module) -> None:
    """Put layers that can be traced in the place of those that cannot: recurrent ones, and maxima over time.

    What recurrent ones are taken for: layers that take the batch first, with biases, without dropout or projection.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.LSTM | nn.GRU):
            setattr(module, name, TraceableRecurrent(child))
        elif isinstance(child, nn.MaxPool1d):
            setattr(module, name, TraceableMaxPool(child))
        else:
            replace_layers(child)
