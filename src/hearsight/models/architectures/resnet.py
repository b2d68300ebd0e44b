"""ResNet-50 on log-mel patches (He et al. 2016), as Jia 2019, Hershey 2017 and Wu & Lee 2018 use it.

All three take the stride out of the first convolution and keep the max-pooling behind it. They differ in the patch, in what
stands before the output, and in where a stage halves its maps: Hershey's multiplies fit the paper's original, which strides in
the first 1 x 1 convolution of a block ("v1"); Wu's PyTorch strides in the 3 x 3 ("v1.5"). Neither changes a single parameter.
"""

from __future__ import annotations

from typing import Literal, cast

from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.architectures.assemble import assemble_network, scale_channels
from hearsight.models.architectures.wu import choose_features
from hearsight.models.network import Network
from hearsight.models.row import Figure, NetworkRow
from hearsight.signal.front_ends import HERSHEY, JIA

STAGES: tuple[tuple[int, int], ...] = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Inner channels and blocks of each stage (He 2016, Table 1); a block's output has four times its inner channels."""
NUM_BLOCKS = sum(blocks for _, blocks in STAGES)
EXPANSION = 4


class ResidualBlock(nn.Module):
    """Narrow, filter, widen, add to the input: convolutions 1 x 1, 3 x 3, 1 x 1, each normalised, ReLU between and after the sum.

    ``stride_at`` is the convolution that halves the maps.
    """

    def __init__(self, in_channels: int, channels: int, stride: int, stride_at: Literal["1x1", "3x3"]) -> None:
        super().__init__()
        out_channels = EXPANSION * channels
        first, middle = (stride, 1) if stride_at == "1x1" else (1, stride)
        self.branch = nn.Sequential(
            nn.Conv2d(in_channels, channels, 1, first, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, middle, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
        )
        self.widen = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.activation = nn.ReLU()

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """Transform a batch of maps."""
        return self.activation(self.shortcut(maps) + self.norm(self.widen(self.branch(maps))))


class ResNet50Trunk(nn.Module):
    """Patches to the means of the 2,048 last maps; ``dim`` is their number. ``width`` scales all channels."""

    def __init__(self, stride_at: Literal["1x1", "3x3"], width: float = 1.0) -> None:
        super().__init__()
        in_channels = scale_channels(64, width)
        self.stem = nn.Sequential(
            nn.Conv2d(1, in_channels, 7, stride=1, padding=3, bias=False),
            nn.BatchNorm2d(in_channels),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        )
        blocks: list[nn.Module] = []
        for index, (count, num_blocks) in enumerate(STAGES):
            channels = scale_channels(count, width)
            for block in range(num_blocks):
                stride = 2 if index > 0 and block == 0 else 1
                blocks.append(ResidualBlock(in_channels, channels, stride, stride_at))
                in_channels = EXPANSION * channels
        self.blocks = nn.Sequential(*blocks)
        self.dim = in_channels

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the mean of each map over the whole patch."""
        return self.blocks(self.stem(patches)).mean(dim=(2, 3))


def temper_blocks(network: Network) -> Network:
    """Draw what the blocks add so small that a stack of sixteen keeps the size of fresh activations.

    Without it each block would double their variance where the normalisations have seen no data yet. In training it changes
    nothing: a normalisation follows.
    """
    for block in network.modules():
        if isinstance(block, ResidualBlock):
            block.widen.weight.data.mul_(NUM_BLOCKS**-0.5)
            if isinstance(block.shortcut, nn.Sequential):
                nn.init.kaiming_normal_(cast(nn.Conv2d, block.shortcut[0]).weight, nonlinearity="linear")
    return network


def build_jia_resnet_50(num_classes: int, *, width: float = 1.0) -> Network:
    """Build Jia's ResNet-50 (section 3): 100 x 64 patches, a 128-unit bottleneck before the output; strides as in v1."""
    trunk = ResNet50Trunk("1x1", width)
    return temper_blocks(assemble_network(JIA, trunk, trunk.dim, num_classes, bottleneck=128))


def build_hershey_resnet_50(num_classes: int, *, bottleneck: int | None = None, width: float = 1.0) -> Network:
    """Build Hershey's ResNet-50 (section 3.3.5): 96 x 64 patches, strides as in v1, last maps of 6 x 4."""
    trunk = ResNet50Trunk("1x1", width)
    return temper_blocks(assemble_network(HERSHEY, trunk, trunk.dim, num_classes, bottleneck=bottleneck))


def build_wu_resnet_50(num_classes: int, *, features: str = "log-mel", width: float = 1.0) -> Network:
    """Build Wu & Lee's ResNet-50 (section 4.2): 100 x 64 patches, strides as in PyTorch's, last maps of 7 x 4, dropout 0.5."""
    trunk = ResNet50Trunk("3x3", width)
    network = assemble_network(choose_features(features), trunk, trunk.dim, num_classes)
    network.classifier = nn.Sequential(nn.Dropout(0.5), network.classifier)
    return temper_blocks(network)


NETWORKS = (
    NetworkRow(
        name="jia-resnet-50",
        paper="Jia 2019",
        table="section 3",
        factory=build_jia_resnet_50,
        input="100 x 64 log-mel, 1 s",
        published_classes=10_998,
        notes="strides as in v1, 128-unit bottleneck; the paper prints no figures of its size",
    ),
    NetworkRow(
        name="hershey-resnet-50",
        paper="Hershey 2017",
        table="section 3.3.5",
        factory=build_hershey_resnet_50,
        input="96 x 64 log-mel, 0.96 s",
        published_classes=3087,
        published_parameters=Figure("30M"),
        published_macs=Figure("1.9B"),
        counted="weights",
        notes="strides in the first 1 x 1 convolution of a block; in the 3 x 3 they would cost 2.0B",
    ),
    NetworkRow(
        name="wu-resnet-50",
        paper="Wu & Lee 2018",
        table="Table 1",
        factory=build_wu_resnet_50,
        input="100 x 64 log-mel, 1 s",
        published_classes=527,
        published_parameters=Figure("24.58M"),
        notes="last maps of 7 x 4, as the paper says",
    ),
)
"""The family's rows of the zoo."""
