"""The layers of SoundNet (Aytar et al. 2016, Tables 1 and 2): their windows, their sizes, and how they are drawn."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import cast

from torch import nn

from hearsight.errors import UsageError, guess


@dataclasses.dataclass(frozen=True)
class Window:
    """What one output of a layer, or of several in a row, sees of what comes in.

    It sees ``kernel`` values, the first output from ``-padding`` on, each output ``stride`` further than the last.
    """

    kernel: int
    stride: int
    padding: int = 0

    def count(self, length: int) -> int:
        """Count the outputs for ``length`` values; none where they are too few."""
        return max(0, (length + 2 * self.padding - self.kernel) // self.stride + 1)

    def after(self, first: Window) -> Window:
        """Return the window of this layer seen through the layer before it."""
        kernel = (self.kernel - 1) * first.stride + first.kernel
        return Window(kernel, self.stride * first.stride, self.padding * first.stride + first.padding)


@dataclasses.dataclass(frozen=True)
class Plan:
    """One of the paper's tables: per layer, the channels (None for a pooling) and the window."""

    layers: Mapping[str, tuple[int | None, Window]]
    last: Window
    embedding: str
    """The layer that embeddings are taken from by default."""


EIGHT_LAYERS = Plan(
    layers={
        "conv1": (16, Window(64, 2, 32)),
        "pool1": (None, Window(8, 8)),
        "conv2": (32, Window(32, 2, 16)),
        "pool2": (None, Window(8, 8)),
        "conv3": (64, Window(16, 2, 8)),
        "conv4": (128, Window(8, 2, 4)),
        "conv5": (256, Window(4, 2, 2)),
        "pool5": (None, Window(4, 4)),
        "conv6": (512, Window(4, 2, 2)),
        "conv7": (1024, Window(4, 2, 2)),
    },
    last=Window(8, 2),
    embedding="conv7",
)
"""Table 1, with the pooling strides of the code."""

FIVE_LAYERS = Plan(
    layers={
        "conv1": (32, Window(64, 2, 32)),
        "pool1": (None, Window(8, 8)),
        "conv2": (64, Window(32, 2, 16)),
        "pool2": (None, Window(8, 8)),
        "conv3": (128, Window(16, 2, 8)),
        "pool3": (None, Window(8, 8)),
        "conv4": (256, Window(8, 2, 4)),
    },
    last=Window(16, 12, 4),
    embedding="conv4",
)
"""Table 2."""


def make_layers(plan: Plan, width: float = 1.0) -> tuple[nn.ModuleDict, int]:
    """Make the layers of a plan, and count the channels of the last one; a convolution is normalised and rectified."""
    layers, in_channels = nn.ModuleDict(), 1
    for name, (count, window) in plan.layers.items():
        if count is None:
            layers[name] = nn.MaxPool1d(window.kernel, window.stride)
            continue
        channels = max(1, round(width * count))
        convolution = nn.Conv1d(in_channels, channels, window.kernel, window.stride, window.padding)
        layers[name] = nn.Sequential(convolution, nn.BatchNorm1d(channels), nn.ReLU())
        in_channels = channels
    return layers, in_channels


def draw_soundnet(module: nn.Module) -> None:
    """Draw weights as the authors: kernels from N(0, 0.01) (section 3.4), normalisations from N(1, 0.02) (their code)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
            nn.init.normal_(layer.weight, std=0.01)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.BatchNorm1d):
            nn.init.normal_(layer.weight, mean=1.0, std=0.02)


def check_layer(layer: str, plan: Plan) -> None:
    """Refuse a layer that a plan does not have.

    Raises
    ------
    UsageError
        Guessing the meant one.
    """
    if layer not in plan.layers:
        raise UsageError("layer", f"{layer!r}", "a layer of the network", guess(layer, plan.layers))


def find_channels(layers: nn.ModuleDict, layer: str) -> int:
    """Count the channels that a layer gives: a pooling's are those of the convolution before it."""
    names = list(layers)
    for name in reversed(names[: names.index(layer) + 1]):
        module = layers[name]
        if isinstance(module, nn.Sequential):
            return cast(nn.Conv1d, module[0]).out_channels
    raise UsageError("layer", f"{layer!r}", "a layer behind a convolution")
