"""The classic VGGish with its fully connected layers (Hershey 2017 and its public release), and Jia's two trainings of it.

Six convolutions and four poolings take a patch to maps of 6 x 4, three fully connected layers to 128 numbers. The layers bear the
names that they have in the release's TensorFlow code (``vggish_slim.py``), and the maps are flattened in its order, channels last,
so that released weights fit in.
"""

from __future__ import annotations

import collections

from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.architectures.assemble import draw_output, draw_weights, scale_channels
from hearsight.models.network import Network
from hearsight.models.row import NetworkRow
from hearsight.signal.front_ends import JIA

EMBEDDING_DIM = 128
CONVOLUTIONS: tuple[tuple[str, int, bool], ...] = (
    ("conv1", 64, True),
    ("conv2", 128, True),
    ("conv3_1", 256, False),
    ("conv3_2", 256, True),
    ("conv4_1", 512, False),
    ("conv4_2", 512, True),
)
"""Name, channels, and whether a pooling follows."""


class VggishTrunk(nn.Module):
    """Patches of 96 to 111 frames to 128 numbers, before any activation.

    ``batch_norm`` puts a normalisation behind the activation of each convolution, as Jia does. ``width`` scales all channels and
    units but the embedding's.
    """

    def __init__(self, *, batch_norm: bool = False, width: float = 1.0) -> None:
        super().__init__()
        layers: collections.OrderedDict[str, nn.Module] = collections.OrderedDict()
        in_channels = 1
        for name, count, pooled in CONVOLUTIONS:
            channels = scale_channels(count, width)
            layers[name] = nn.Conv2d(in_channels, channels, 3, padding=1, bias=not batch_norm)
            layers[f"{name}_relu"] = nn.ReLU()
            if batch_norm:
                layers[f"{name}_norm"] = nn.BatchNorm2d(channels)
            if pooled:
                layers[f"{name}_pool"] = nn.MaxPool2d(2)
            in_channels = channels
        self.convolutions = nn.Sequential(layers)
        units = scale_channels(4096, width)
        self.fc1_1 = nn.Linear(6 * 4 * in_channels, units)
        self.fc1_2 = nn.Linear(units, units)
        self.fc2 = nn.Linear(units, EMBEDDING_DIM)

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings."""
        maps = self.convolutions(patches)
        flat = maps.permute(0, 2, 3, 1).flatten(1)
        return self.fc2(self.fc1_2(self.fc1_1(flat).relu()).relu())


class NoClasses(nn.Module):
    """Takes the place of a classifier in a network without one: no logits."""

    def forward(self, embeddings: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch 0"]:
        """Return no logits for each embedding."""
        return embeddings[:, :0]


def make_vggish_layers(num_classes: int, *, batch_norm: bool, width: float) -> tuple[VggishTrunk, nn.Module]:
    """Make trunk and classifier with fresh weights: an activation on the embedding, then the output, as in the release's demo.

    Without any class there is no classifier.
    """
    trunk = VggishTrunk(batch_norm=batch_norm, width=width)
    draw_weights(trunk)
    nn.init.kaiming_normal_(trunk.fc2.weight, nonlinearity="linear")
    if num_classes == 0:
        return trunk, NoClasses()
    return trunk, nn.Sequential(nn.ReLU(), draw_output(nn.Linear(EMBEDDING_DIM, num_classes)))


def _build(num_classes: int, *, batch_norm: bool, width: float) -> Network:
    parts = make_vggish_layers(num_classes, batch_norm=batch_norm, width=width)
    return Network(JIA, *parts, embedding_dim=EMBEDDING_DIM, num_classes=num_classes)


def build_jia_vggish(num_classes: int, *, width: float = 1.0) -> Network:
    """Build VGGish as Jia trains it first (2019, Tables 2 to 4, "VGGish, MM-Videos"): 100 x 64 patches, fully connected."""
    return _build(num_classes, batch_norm=False, width=width)


def build_jia_vggish_bn(num_classes: int, *, width: float = 1.0) -> Network:
    """Build the same with batch normalisation "after each activation layer in convolutional layers" (Jia 2019, section 3)."""
    return _build(num_classes, batch_norm=True, width=width)


NETWORKS = (
    NetworkRow(
        name="jia-vggish",
        paper="Jia 2019",
        table="Tables 2 to 4",
        factory=build_jia_vggish,
        input="100 x 64 log-mel, 1 s",
        published_classes=10_998,
        notes="fully connected layers, no normalisation; the paper prints no figures of its size",
    ),
    NetworkRow(
        name="jia-vggish-bn",
        paper="Jia 2019",
        table="Tables 2 to 4",
        factory=build_jia_vggish_bn,
        input="100 x 64 log-mel, 1 s",
        published_classes=10_998,
        notes="normalised behind the activation of each convolution; the paper prints no figures of its size",
    ),
)
"""Jia's rows of the zoo."""
