"""Masks of time and frequency on log-mel patches (Park 2019, "SpecAugment", section 2), without its time warping."""

from __future__ import annotations

import functools
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from hearsight.errors import UsageError
from hearsight.models.front_end import LogMel
from hearsight.models.network import Network


def mask_patches(
    patches: Float[Tensor, "batch frames mels"], time_mask: int, mel_mask: int
) -> Float[Tensor, "batch frames mels"]:
    """Return patches with one random run of frames and one of mel bands replaced by the patch's mean.

    The length of each run is drawn evenly from zero to the maximum, and then its start. Draws are those of torch's generator.

    Parameters
    ----------
    patches
        Log-mel matrices.
    time_mask, mel_mask
        Maximum lengths of the runs; at most the whole patch is masked.
    """
    frames = _draw_runs(len(patches), patches.shape[1], time_mask)
    mels = _draw_runs(len(patches), patches.shape[2], mel_mask)
    masked = (frames[:, :, None] | mels[:, None, :]).to(patches.device)
    return torch.where(masked, patches.mean((1, 2), keepdim=True), patches)


def _draw_runs(count: int, length: int, most: int) -> Bool[Tensor, "count length"]:
    """Return a random run for each of some rows; drawn on the CPU, so that devices do not differ."""
    draws = torch.rand(2, count, 1)
    sizes = (draws[0] * (min(most, length) + 1)).floor()
    starts = (draws[1] * (length - sizes + 1)).floor()
    places = torch.arange(length)[None]
    return (places >= starts) & (places < starts + sizes)


def mask_in_training(network: Network, time_mask: int, mel_mask: int) -> None:
    """Let a network mask its log-mel patches while it is in training mode.

    Raises
    ------
    UsageError
        When the network computes no log-mel.
    """
    if not time_mask and not mel_mask:
        return
    if not isinstance(network.front_end, LogMel):
        found = f"{network.name}, which computes no log-mel"
        raise UsageError("time_mask, mel_mask", found, "a network that does", "leave them out")
    network.front_end.register_forward_hook(functools.partial(_mask_output, time_mask, mel_mask))


def _mask_output(time_mask: int, mel_mask: int, layer: nn.Module, inputs: Any, output: Tensor) -> Tensor:  # noqa: ARG001
    return mask_patches(output, time_mask, mel_mask) if layer.training else output
