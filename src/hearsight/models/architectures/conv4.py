"""Our own small network: four convolutions, whose mean and maximum over the whole patch are the embedding.

The papers' networks reduce it to 128 units behind a kernel that covers the whole map. Ours keeps every channel twice:
how much of it there is, and how strong it is where it is strongest. It is too small to memorise much (a third of a million
parameters), so that minutes of video are enough to train it; see ``docs/experiments.md``.
"""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.architectures.assemble import draw_output, draw_weights, scale_channels
from hearsight.models.network import Network
from hearsight.models.row import NetworkRow
from hearsight.signal.front_ends import JIA

CHANNELS = (32, 64, 128, 128)
"""Channels of the convolutions; all but the last are followed by a pooling."""


class Conv4Trunk(nn.Module):
    """Log-mel patches to the mean and the maximum of each channel; ``width`` scales the channels."""

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(JIA.n_mels)
        channels = [1, *(scale_channels(count, width) for count in CHANNELS)]
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            layers += [
                nn.Conv2d(before, after, 3, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
        self.layers = nn.Sequential(*layers[:-1])
        self.dim = 2 * channels[-1]

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings: the means of the channels, then their maxima."""
        normalised = self.norm(patches.transpose(1, 3)).transpose(1, 3)
        maps = self.layers(normalised)
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)


def build_hearsight_conv_4(num_classes: int, *, width: float = 1.0) -> Network:
    """Build our small network with fresh weights from torch's global generator."""
    trunk = Conv4Trunk(width)
    draw_weights(trunk)
    classifier = draw_output(nn.Linear(trunk.dim, num_classes))
    return Network(JIA, trunk, classifier, embedding_dim=trunk.dim, num_classes=num_classes)


NETWORKS = (
    NetworkRow(
        name="hearsight-conv-4",
        paper="hearsight",
        table="",
        factory=build_hearsight_conv_4,
        input="100 x 64 log-mel, 1 s",
        published_classes=527,
        notes="our own: small, for little data",
    ),
)
"""The family's row of the zoo."""
