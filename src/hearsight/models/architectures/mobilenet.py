"""MobileNetV2 on log-mel patches (Sandler et al. 2018, Table 2, as changed by Jia 2019, section 3)."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.network import Network
from hearsight.models.row import NetworkRow
from hearsight.signal.front_ends import JIA

EMBEDDING_DIM = 128

STAGES: tuple[tuple[int, int, int, int], ...] = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and first stride of each stage (Sandler 2018, Table 2)."""


class Convolution(nn.Conv2d):
    """A convolution that keeps the size at a stride of one, and that trains quickly in bfloat16 on a CPU.

    There, the backward pass of a filter per channel with a stride of two takes five times as long as of one with a stride of
    one. So in training the latter is taken, and every other value of its map: the same values, in 0.76 of the time of a step.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, stride: int, groups: int) -> None:
        super().__init__(in_channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
        self._thin = groups > 1 and stride > 1

    def forward(
        self, input: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """Transform a batch of maps."""
        if self._thin and self.training and input.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            whole = nn.functional.conv2d(input, self.weight, None, 1, self.padding, 1, self.groups)
            return whole[:, :, :: self.stride[0], :: self.stride[1]]
        return super().forward(input)


class ConvNormRelu6(nn.Module):
    """Convolution, batch normalisation, ReLU6; padded so that a stride of one keeps the size."""

    def __init__(self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.convolution = Convolution(in_channels, out_channels, kernel, stride, groups)
        self.norm = nn.BatchNorm2d(out_channels)
        self.activation = nn.ReLU6(inplace=True)

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """Transform a batch of maps."""
        return self.activation(self.norm(self.convolution(maps)))


class InvertedResidual(nn.Module):
    """Expand, filter each channel on its own, project linearly; added to the input where the shapes agree."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = in_channels * expansion
        self.expand = ConvNormRelu6(in_channels, hidden, 1) if expansion != 1 else nn.Identity()
        self.filter = ConvNormRelu6(hidden, hidden, 3, stride, groups=hidden)
        self.project = nn.Conv2d(hidden, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """Transform a batch of maps."""
        projected = self.norm(self.project(self.filter(self.expand(maps))))
        return maps + projected if self.residual else projected


def make_divisible(channels: float, divisor: int = 8) -> int:
    """Round a scaled number of channels to a multiple of eight, never down by more than a tenth (the reference code's rule)."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def iterate_blocks(width: float) -> Iterator[InvertedResidual]:
    """Make the 17 inverted residual blocks."""
    in_channels = make_divisible(32 * width)
    for expansion, channels, blocks, first_stride in STAGES:
        out_channels = make_divisible(channels * width)
        for block in range(blocks):
            yield InvertedResidual(in_channels, out_channels, first_stride if block == 0 else 1, expansion)
            in_channels = out_channels


class MobileNetV2Trunk(nn.Module):
    """Patches to embeddings. The stem's stride is one instead of two, so that 100 × 64 end in a map of 7 × 4.

    ``width`` is the paper's width multiplier.
    """

    def __init__(self, width: float = 1.0, embedding_dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        last = make_divisible(1280 * max(1.0, width))
        self.stem = ConvNormRelu6(1, make_divisible(32 * width))
        self.blocks = nn.Sequential(*iterate_blocks(width))
        self.head = ConvNormRelu6(make_divisible(320 * width), last, 1)
        self.bottleneck = nn.Linear(last, embedding_dim)

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings: the output of the 128-unit layer, before its activation."""
        maps = self.head(self.blocks(self.stem(patches)))
        return self.bottleneck(maps.mean(dim=(2, 3)))


def build_jia_mobilenet_v2(num_classes: int, *, width: float = 1.0) -> Network:
    """Build Jia's MobileNetV2 with its 128-unit bottleneck, with fresh weights from torch's global generator.

    Kernels are drawn after He (fan-in), which the papers do not say: signals then keep their scale even before the
    normalisation layers have seen any data. (Drawing after fan-out, as is common, leaves embeddings of 1e-9.)
    """
    trunk = MobileNetV2Trunk(width)
    output = nn.Linear(EMBEDDING_DIM, num_classes)
    for module in trunk.modules():
        if isinstance(module, ConvNormRelu6):
            nn.init.kaiming_normal_(module.convolution.weight, nonlinearity="relu")
        elif isinstance(module, InvertedResidual):
            nn.init.kaiming_normal_(module.project.weight, nonlinearity="linear")
    nn.init.kaiming_normal_(trunk.bottleneck.weight, nonlinearity="linear")
    nn.init.zeros_(trunk.bottleneck.bias)
    nn.init.normal_(output.weight, std=0.01)
    nn.init.zeros_(output.bias)
    return Network(JIA, trunk, nn.Sequential(nn.ReLU(), output), embedding_dim=EMBEDDING_DIM, num_classes=num_classes)


NETWORKS = (
    NetworkRow(
        name="jia-mobilenet-v2",
        paper="Jia 2019",
        table="section 3",
        factory=build_jia_mobilenet_v2,
        input="100 x 64 log-mel, 1 s",
        published_classes=10_998,
        notes="width 1.0, stem stride 1, 128-unit bottleneck; the paper prints no figures of its size",
    ),
)
"""The family's row of the zoo."""
