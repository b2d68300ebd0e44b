"""Figures of what a network has learned, from its weights alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from hearsight.drawing.filters import draw_patch_filters, draw_wave_filters
from hearsight.errors import UsageError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.network import Network
from hearsight.models.zoo import build_network, parse_network


def plot_filters(run: str, *, seed: int = 0) -> Any:
    """Draw the kernels of the first convolution (Aytar 2016, figure 5, of a SoundNet; small pictures of a log-mel network).

    Parameters
    ----------
    run
        A run or checkpoint folder, or ``untrained:NAME[,option=value...]`` for a network of the zoo with fresh weights.
    seed
        Of the fresh weights.

    Raises
    ------
    CheckpointError
        When the folder is no checkpoint.
    UsageError
        When there is no such network, or it begins with no convolution.
    """
    kind, colon, name = run.partition(":")
    fresh = bool(colon) and kind == "untrained"
    if fresh:
        name, options = parse_network(name)
        network = build_network(name, 2, seed=seed, **options)
    else:
        network = load_checkpoint(Path(run))[0]
    first = find_first_convolution(network, run)
    kernels = first.weight.detach().to(torch.float32).cpu().numpy()
    if isinstance(first, nn.Conv1d):
        return draw_wave_filters(kernels[:, 0], network.sample_rate)
    return draw_patch_filters(np.ascontiguousarray(kernels[:, 0]))


def find_first_convolution(network: Network, where: str) -> nn.Conv1d | nn.Conv2d:
    """Find the convolution that sees the waveform, or the log-mel matrix, itself.

    Raises
    ------
    UsageError
        When there is none with a single channel coming in.
    """
    layers = [layer for layer in network.trunk.modules() if isinstance(layer, nn.Conv1d | nn.Conv2d)]
    if not layers or layers[0].in_channels != 1:
        raise UsageError(where, f"{network.name} begins with no convolution", "a convolutional network")
    return layers[0]
