"""CNN14 of PANNs (Kong et al. 2020, "PANNs: Large-Scale Pretrained Audio Neural Networks for Audio Pattern Recognition").

Six blocks of two convolutions, a mean over frequency, the sum of maximum and mean over time, and one fully connected layer, whose
output is the embedding. It was trained on the ten seconds of AudioSet's clips, and takes a shorter sound at its own length, without
padding, as the authors' code does. The layers bear the names that they have there, so that released weights fit in.
"""

from __future__ import annotations

import collections

from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.architectures.assemble import scale_channels
from hearsight.models.network import Network
from hearsight.models.row import Figure, NetworkRow
from hearsight.signal.front_ends import PANNS

CHANNELS = (64, 128, 256, 512, 1024, 2048)
"""Channels of the six blocks; all but the last are followed by a pooling."""
EMBEDDING_DIM = 2048
NUM_CLASSES = 527
"""AudioSet's."""
LEAST_FRAMES = 2 ** (len(CHANNELS) - 1)
"""Number of frames that the poolings reduce to one."""


class ConvolutionBlock(nn.Module):
    """Two convolutions, each normalised and rectified, then a mean over 2 x 2 where it is pooled (section II-B, Table I)."""

    def __init__(self, in_channels: int, channels: int, *, pooled: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.pool = nn.AvgPool2d(2) if pooled else nn.Identity()
        self.dropout = nn.Dropout(0.2)

    def forward(self, maps: Float[Tensor, "batch channels frames mels"]) -> Float[Tensor, "batch out pooled bands"]:
        """Return the maps of the next block."""
        maps = self.bn1(self.conv1(maps)).relu()
        maps = self.bn2(self.conv2(maps)).relu()
        return self.dropout(self.pool(maps))


class Cnn14Trunk(nn.Module):
    """Log-mel patches of any length from :data:`LEAST_FRAMES` on to embeddings; ``width`` scales all channels and units."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.bn0 = nn.BatchNorm2d(PANNS.n_mels)
        blocks: collections.OrderedDict[str, nn.Module] = collections.OrderedDict()
        channels = [1, *(scale_channels(count, width) for count in CHANNELS)]
        for number in range(1, len(channels)):
            pooled = number < len(CHANNELS)
            blocks[f"conv_block{number}"] = ConvolutionBlock(channels[number - 1], channels[number], pooled=pooled)
        self.blocks = nn.Sequential(blocks)
        self.dropout = nn.Dropout(0.5)
        self.fc1 = nn.Linear(channels[-1], scale_channels(EMBEDDING_DIM, width))

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings: the output of the fully connected layer, after its activation."""
        normalised = self.bn0(patches.transpose(1, 3)).transpose(1, 3)
        over_time = self.blocks(normalised).mean(3)
        return self.fc1(self.dropout(over_time.amax(2) + over_time.mean(2))).relu()


class Cnn14(Network):
    """CNN14 on sounds of up to ten seconds at a time.

    A longer sound is split into segments of ten seconds, a shorter one is a single segment with the length of the sound. The
    shortest has
    :attr:`least_samples` (0.31 s); what is shorter still is padded with silence to as many. (The authors' code refuses those.)
    """

    def __init__(self, num_classes: int, *, width: float = 1.0) -> None:
        trunk = Cnn14Trunk(width)
        dim = trunk.fc1.out_features
        super().__init__(PANNS, trunk, nn.Linear(dim, num_classes), embedding_dim=dim, num_classes=num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(layer.weight)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    @property
    def least_samples(self) -> int:
        """Samples of the shortest sound that keeps its own length; a shorter one is padded to as many."""
        return (LEAST_FRAMES - 1) * PANNS.hop_length

    @property
    def example_samples(self) -> int:
        """Samples of the excerpt that training draws from a clip: one second, since clips are shorter than ten."""
        return self.sample_rate


def build_cnn14(num_classes: int, *, width: float = 1.0) -> Network:
    """Build CNN14 with fresh weights, drawn after Glorot from torch's global generator, as in the authors' code."""
    return Cnn14(num_classes, width=width)


NETWORKS = (
    NetworkRow(
        name="panns-cnn14",
        paper="PANNs 2020",
        table="Table XII",
        factory=build_cnn14,
        input="log-mel at 32,000 Hz, up to 10 s",
        published_classes=NUM_CLASSES,
        published_parameters=Figure("80.753615M"),
        published_macs=Figure("42.220B"),
        notes="the printed multi-adds count multiplications and additions, and the front end's",
        reason="multiplications-and-additions",
    ),
)
"""The family's row of the zoo."""
