"""The log-mel front end as the first layer of a network: the definition of ``signal/log_mel.py``, run by torch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.signal.log_mel import FrontEnd, make_window, mel_matrix


class LogMel(nn.Module):
    """Waveforms to log-mel matrices, on any device.

    The window and the mel matrix are derived from the definition, so they are no part of a checkpoint. The transform is taken in
    single precision at least: half precision and autocast would lose quiet bands beside loud ones.
    """

    window: Tensor
    mel: Tensor

    def __init__(self, definition: FrontEnd) -> None:
        super().__init__()
        self.definition = definition
        # the window stands at the start of the transform, as in VGGish's framing, and not in its middle, as torch would put it
        window = np.pad(make_window(definition), (0, definition.n_fft - definition.win_length))
        self.register_buffer("window", torch.from_numpy(window).float(), persistent=False)
        self.register_buffer("mel", torch.from_numpy(mel_matrix(definition).copy()), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> LogMel:
        """Move to another device or precision; the constants stay in single precision at least."""
        exact = {"window": self.window, "mel": self.mel}
        super()._apply(fn, recurse)
        for name, constant in exact.items():
            moved = getattr(self, name)
            setattr(self, name, constant.to(moved.device, torch.promote_types(moved.dtype, torch.float32)))
        return self

    def forward(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch frames mels"]:
        """Give the log-mel matrix of each waveform, in the waveform's own precision.

        Frames are counted as :meth:`~hearsight.signal.log_mel.FrontEnd.count_frames` does; a waveform shorter than a window gives
        an empty matrix.
        """
        definition = self.definition
        num_frames = definition.count_frames(waveform.shape[1])
        if num_frames == 0:
            return waveform.new_zeros(waveform.shape[0], 0, definition.n_mels)
        dtype = torch.promote_types(waveform.dtype, torch.float32)
        with torch.autocast(waveform.device.type, enabled=False):
            padding = definition.pad_samples + definition.n_fft - definition.win_length
            padded = nn.functional.pad(waveform.to(dtype), (0, padding))
            spectrum = torch.stft(
                padded,
                definition.n_fft,
                definition.hop_length,
                window=self.window.to(dtype),
                center=False,
                return_complex=True,
            )
            mel = spectrum.abs().transpose(1, 2) @ self.mel.to(dtype)
            return torch.log(mel + definition.log_offset).to(waveform.dtype)

    def extra_repr(self) -> str:
        """Name the definition."""
        return self.definition.name
