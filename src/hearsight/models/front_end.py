"""The front end as the first layer of a network: the definitions of ``signal/front_ends.py``, run by torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Complex, Float, Int64
from torch import Tensor, nn

from hearsight.signal.filters import constant_q_kernels, cosine_matrix, make_window, mel_matrix
from hearsight.signal.front_ends import FrontEnd, WaveformFrontEnd
from hearsight.signal.log_mel import MIN_POWER, MIN_VARIANCE


class LogMel(nn.Module):
    """Waveforms to log-mel matrices, on any device.

    The window and the mel matrix are derived from the definition, so they are no part of a checkpoint. The transform is taken in
    single precision at least, a constant-Q transform and one that ends in dB in double: less would lose quiet bands next to
    loud ones.
    """

    window: Float[Tensor, " n_fft"]
    mel: Float[Tensor, "bins mels"]
    cosines: Float[Tensor, "mels coefficients"]
    kernels: Float[Tensor, "samples parts"]

    def __init__(self, definition: FrontEnd) -> None:
        super().__init__()
        self.definition = definition
        if definition.kind == "cqt":
            self._keep("kernels", constant_q_kernels(definition))
            return
        # the window stands at the start of the transform, as in VGGish's framing, and not in its middle, as torch would put it
        window = np.pad(make_window(definition), (0, definition.n_fft - definition.win_length))
        self._keep("window", window, torch.float64 if definition.decibels else torch.float32)
        self._keep("mel", mel_matrix(definition))
        if definition.kind == "mfcc":
            self._keep("cosines", cosine_matrix(definition), torch.float32)

    def _keep(self, name: str, constant: Float[np.ndarray, rows * columns], dtype: torch.dtype | None = None) -> None:
        self.register_buffer(name, torch.from_numpy(constant.copy()).to(dtype), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LogMel:
        """Move to another device or precision; the constants stay as precise as they are, at least."""
        exact = {name: buffer for name, buffer in self._buffers.items() if buffer is not None}
        super()._apply(fn, recurse)
        for name, constant in exact.items():
            moved = getattr(self, name)
            if moved.is_floating_point():
                setattr(self, name, constant.to(moved.device, torch.promote_types(moved.dtype, constant.dtype)))
        return self

    def forward(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames mels"]:
        """Return the log-mel matrix of each waveform, in the waveform's own precision.

        Frames are counted as :meth:`~hearsight.signal.front_ends.FrontEnd.count_frames` does; a waveform shorter than a window
        gives an empty matrix.
        """
        definition = self.definition
        num_frames = definition.count_frames(waveform.shape[1])
        if num_frames == 0:
            return waveform.new_zeros(waveform.shape[0], 0, definition.n_mels)
        with torch.autocast(waveform.device.type, enabled=False):
            bands = self._gather_constant_q(waveform) if definition.kind == "cqt" else self._gather_mel(waveform)
            if definition.decibels:
                frames = 10.0 * torch.log10(bands.clamp(min=MIN_POWER))
            else:
                frames = torch.log(bands + definition.log_offset)
            if definition.kind == "mfcc":
                frames = frames @ self.cosines.to(frames.dtype)
            return frames.to(waveform.dtype)

    def _gather_mel(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames mels"]:
        definition = self.definition
        dtype = torch.promote_types(waveform.dtype, self.window.dtype)
        # torch.stft does the same with its axes the other way round, which the product of matrices then pays for
        frames = self._pad(waveform.to(dtype)).unfold(1, definition.n_fft, definition.hop_length)
        power = _measure_power(torch.fft.rfft(frames * self.window.to(dtype)))
        # torch's own magnitude of complex numbers takes three times as long; the root of nothing would have no slope
        loudness = power if definition.decibels else power.clamp(min=torch.finfo(dtype).tiny).sqrt()
        return loudness @ self.mel.to(dtype)

    def _pad(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch padded"]:
        definition = self.definition
        if definition.centred:
            reach = definition.reflected_samples
            return nn.functional.pad(waveform, (reach, reach), mode="reflect")
        return nn.functional.pad(waveform, (0, definition.pad_samples + definition.n_fft - definition.win_length))

    def _gather_constant_q(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames bands"]:
        padded = nn.functional.pad(waveform.to(self.kernels.dtype), (0, self.definition.pad_samples))
        frames = padded.unfold(1, self.definition.win_length, self.definition.hop_length)
        parts = (frames @ self.kernels).unflatten(2, (2, self.definition.n_mels))
        return torch.linalg.vector_norm(parts, dim=2)

    def extra_repr(self) -> str:
        """Name the definition."""
        return self.definition.name


def _measure_power(spectrum: Complex[Tensor, "*frames bins"]) -> Float[Tensor, "*frames bins"]:
    real, imaginary = torch.view_as_real(spectrum).unbind(-1)
    return torch.addcmul(real * real, imaginary, imaginary)


class NormalizedLogMel(LogMel):
    """Waveforms to log-mel matrices, each band normalised to mean 0 and variance 1 of the training data.

    The statistics are learned from the data, and a part of the checkpoint: in training mode each batch adds its frames to them
    before it is normalised by what is known then. They are exact, however the data is divided into batches; after a few
    batches they hardly move. Before any data, nothing is changed.
    """

    num_frames: Int64[Tensor, ""]
    mean: Float[Tensor, " mels"]
    variance: Float[Tensor, " mels"]

    def __init__(self, definition: FrontEnd) -> None:
        super().__init__(definition)
        self.register_buffer("num_frames", torch.zeros((), dtype=torch.int64))
        self.register_buffer("mean", torch.zeros(definition.n_mels))
        self.register_buffer("variance", torch.ones(definition.n_mels))

    def forward(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames mels"]:
        """Return the normalised log-mel matrix of each waveform, in the waveform's own precision."""
        log_mel = super().forward(waveform)
        if self.training:
            self._add_frames(log_mel)
        scale = self.variance.clamp(min=MIN_VARIANCE).rsqrt()
        return ((log_mel - self.mean) * scale).to(log_mel.dtype)

    @torch.no_grad()
    def _add_frames(self, log_mel: Float[Tensor, "batch frames mels"]) -> None:
        """Join the statistics so far with those of a batch (Chan, Golub & LeVeque 1979)."""
        added = log_mel.shape[0] * log_mel.shape[1]
        if added == 0:
            return
        values = log_mel.to(self.mean.dtype).flatten(0, 1)
        variance, mean = torch.var_mean(values, dim=0, correction=0)
        total = self.num_frames + added
        share = added / total.to(self.mean.dtype)
        difference = mean - self.mean
        spread = share * (1 - share) * difference.square()
        self.variance.copy_(self.variance + share * (variance - self.variance) + spread)
        self.mean.add_(share * difference)
        self.num_frames.copy_(total)


class ScaledWaveform(nn.Module):
    """The front end of a network that takes the waveform itself: amplitudes, scaled."""

    def __init__(self, definition: WaveformFrontEnd) -> None:
        super().__init__()
        self.definition = definition

    def forward(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch samples"]:
        """Scale amplitudes."""
        return waveform * self.definition.scale

    def extra_repr(self) -> str:
        """Name the definition."""
        return self.definition.name


def make_front_end(definition: FrontEnd | WaveformFrontEnd) -> LogMel | ScaledWaveform:
    """Make the layer that a definition describes."""
    if isinstance(definition, WaveformFrontEnd):
        return ScaledWaveform(definition)
    return NormalizedLogMel(definition) if definition.normalize else LogMel(definition)
