"""Hershey 2017: the fully connected baseline, AlexNet and VGG-E on 96 x 64 log-mel patches, and the models of section 4.4.

Batch normalisation follows every convolution and no fully connected layer; there is no dropout (section 3.1). Convolutions have no
biases: the normalisation behind them has one. ResNet-50 is in ``models/architectures/resnet.py``, Inception V3 in
``models/architectures/inception.py``.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.errors import UsageError, guess
from hearsight.models.architectures.assemble import assemble_network, scale_channels
from hearsight.models.architectures.resnet import ResNet50Trunk, temper_blocks
from hearsight.models.network import Network
from hearsight.models.row import Figure, NetworkRow, Variant
from hearsight.signal.front_ends import HERSHEY, HERSHEY_AED

NUM_CLASSES = 3087
"""The labels of the paper's architecture comparison."""
VGG_E: tuple[tuple[int, int], ...] = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))
"""Channels and convolutions between two poolings (Simonyan & Zisserman 2015, configuration E)."""


class FullyConnectedTrunk(nn.Sequential):
    """Fully connected layers with ReLU on what comes in, flattened (section 3.3.1)."""

    def __init__(self, in_features: int, units: Iterable[int]) -> None:
        layers: list[nn.Module] = [nn.Flatten()]
        for num_units in units:
            layers += [nn.Linear(in_features, num_units), nn.ReLU()]
            in_features = num_units
        super().__init__(*layers)


def convolve(
    in_channels: int, out_channels: int, kernel: int, *, stride: int | tuple[int, int] = 1, padding: int = 0
) -> list[nn.Module]:
    """Make a convolution without bias, batch normalisation and ReLU."""
    convolution = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False)
    return [convolution, nn.BatchNorm2d(out_channels), nn.ReLU()]


def build_hershey_fc(
    num_classes: int, *, bottleneck: int | None = None, layers: int = 3, width: float = 1.0
) -> Network:
    """Build the fully connected baseline (section 3.3.1): three layers of 1,000 units, the best of 2 to 6 of 500 to 4,000."""
    if layers < 1:
        raise UsageError("hershey-fc: layers", f"{layers}", "at least 1")
    units = scale_channels(1000, width)
    trunk = FullyConnectedTrunk(HERSHEY.patch_frames * HERSHEY.n_mels, [units] * layers)
    return assemble_network(HERSHEY, trunk, units, num_classes, bottleneck=bottleneck)


def build_hershey_alexnet(
    num_classes: int,
    *,
    bottleneck: int | None = None,
    fit: str = "pooled",
    width: float = 1.0,
) -> Network:
    """Build AlexNet in one tower (section 3.3.2): a first stride of 2 x 1, batch normalisation for LRN.

    The printed multiplies pin the convolutions, which end in maps of 4 x 5; with AlexNet's 4,096 units behind them the network
    would have 54.1M weights instead of the printed 37.3M. Two readings meet both printed figures.

    Parameters
    ----------
    num_classes, bottleneck
        Outputs, and units of a layer before them.
    fit
        ``pooled``: one more 2 x 2 pooling, maps of 2 x 2, two layers of 4,096 units as in AlexNet. ``narrow``: maps of 4 x 5, two
        layers of 3,000 units.
    width
        Factor on all channels and units.

    Raises
    ------
    UsageError
        When there is no such fit.
    """
    if fit not in ("pooled", "narrow"):
        raise UsageError("hershey-alexnet: fit", f"{fit!r}", "pooled or narrow", guess(fit, ("pooled", "narrow")))
    channels = [scale_channels(count, width) for count in (96, 256, 384, 384, 256)]
    layers = [
        *convolve(1, channels[0], 11, stride=(2, 1)),
        nn.MaxPool2d(3, 2),
        *convolve(channels[0], channels[1], 5, padding=2),
        nn.MaxPool2d(3, 2),
        *convolve(channels[1], channels[2], 3, padding=1),
        *convolve(channels[2], channels[3], 3, padding=1),
        *convolve(channels[3], channels[4], 3, padding=1),
        nn.MaxPool2d(3, 2),
    ]
    if fit == "pooled":
        layers.append(nn.MaxPool2d(2))
    cells, units = (2 * 2, 4096) if fit == "pooled" else (4 * 5, 3000)
    units = scale_channels(units, width)
    trunk = nn.Sequential(*layers, *FullyConnectedTrunk(cells * channels[4], [units] * 2))
    return assemble_network(HERSHEY, trunk, units, num_classes, bottleneck=bottleneck)


def build_hershey_vgg_e(num_classes: int, *, bottleneck: int | None = None, width: float = 1.0) -> Network:
    """Build VGG, configuration E (section 3.3.3): sixteen convolutions, five poolings to 3 x 2, two layers of 4,096 units."""
    layers: list[nn.Module] = []
    in_channels = 1
    for count, num_convolutions in VGG_E:
        channels = scale_channels(count, width)
        for _ in range(num_convolutions):
            layers += convolve(in_channels, channels, 3, padding=1)
            in_channels = channels
        layers.append(nn.MaxPool2d(2))
    units = scale_channels(4096, width)
    trunk = nn.Sequential(*layers, *FullyConnectedTrunk(3 * 2 * in_channels, [units] * 2))
    return assemble_network(HERSHEY, trunk, units, num_classes, bottleneck=bottleneck)


def build_hershey_aed_log_mel(num_classes: int, *, layers: int = 3, units: int = 1000, width: float = 1.0) -> Network:
    """Build the fully connected model on 64 x 20 log-mel patches of 0.2 s (section 4.4).

    Its layers are not described; ours are those of the paper's baseline.

    Raises
    ------
    UsageError
        When there is no layer or no unit.
    """
    dims = _repeat_units("hershey-aed-log-mel", layers, units, width)
    trunk = FullyConnectedTrunk(HERSHEY_AED.patch_frames * HERSHEY_AED.n_mels, dims)
    return assemble_network(HERSHEY_AED, trunk, dims[-1], num_classes)


class EmbeddingTrunk(nn.Module):
    """Fully connected layers on the embeddings of a network that has been trained before and is not trained again."""

    def __init__(self, source: ResNet50Trunk, units: list[int]) -> None:
        super().__init__()
        self.source = source.requires_grad_(False)
        self.layers = FullyConnectedTrunk(source.dim, units)

    def train(self, mode: bool = True) -> EmbeddingTrunk:
        """Set training mode; the source stays in evaluation mode."""
        super().train(mode)
        self.source.eval()
        return self

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the output of the last hidden layer."""
        with torch.no_grad():
            embeddings = self.source(patches)
        return self.layers(embeddings)


def build_hershey_aed_embedding(num_classes: int, *, layers: int = 3, units: int = 1000, width: float = 1.0) -> Network:
    """Build the fully connected model on the embeddings of ResNet-50 (section 4.4).

    The ResNet's weights are fresh until :func:`adopt_source` copies trained ones; for training, the option ``source=RUN`` does.
    Training never changes them. The fully connected layers are not described; ours are those of the paper's baseline.

    Raises
    ------
    UsageError
        When there is no layer or no unit.
    """
    dims = _repeat_units("hershey-aed-embedding", layers, units, width)
    trunk = EmbeddingTrunk(ResNet50Trunk("1x1", width), dims)
    return temper_blocks(assemble_network(HERSHEY, trunk, dims[-1], num_classes))


def adopt_source(network: Network, source: Network) -> None:
    """Copy the trained weights of a ``hershey-resnet-50`` without bottleneck, of the same width, into a ``hershey-aed-embedding``.

    Raises
    ------
    UsageError
        When one of the two is another network.
    """
    if not isinstance(network.trunk, EmbeddingTrunk):
        raise UsageError("network", f"{network.name!r}", "hershey-aed-embedding")
    if not isinstance(source.trunk, ResNet50Trunk) or source.embedding_dim != network.trunk.source.dim:
        found = f"{source.name!r} with embeddings of {source.embedding_dim}"
        raise UsageError("source", found, f"hershey-resnet-50 without bottleneck, {network.trunk.source.dim}")
    tensors = {name: value.clone() for name, value in source.trunk.state_dict().items()}
    network.trunk.source.load_state_dict(tensors, assign=True)


def _repeat_units(name: str, layers: int, units: int, width: float) -> list[int]:
    if layers < 1 or units < 1:
        raise UsageError(name, f"{layers} layers of {units} units", "at least one of each")
    return [scale_channels(units, width)] * layers


NETWORKS = (
    NetworkRow(
        name="hershey-fc",
        paper="Hershey 2017",
        table="section 3.3.1",
        factory=build_hershey_fc,
        input="96 x 64 log-mel, 0.96 s",
        published_classes=NUM_CLASSES,
        published_parameters=Figure("11.2M"),
        published_macs=Figure("11.2M"),
        counted="weights",
    ),
    NetworkRow(
        name="hershey-alexnet",
        paper="Hershey 2017",
        table="section 3.3.2",
        factory=build_hershey_alexnet,
        input="96 x 64 log-mel, 0.96 s",
        published_classes=NUM_CLASSES,
        published_parameters=Figure("37.3M"),
        published_macs=Figure("767M"),
        counted="weights",
        notes="one more pooling, maps of 2 x 2 before 4,096 units; the paper's 767M is cut off, not rounded",
        variants=(Variant({"fit": "narrow"}, "maps of 4 x 5 before layers of 3,000 units"),),
    ),
    NetworkRow(
        name="hershey-vgg-e",
        paper="Hershey 2017",
        table="section 3.3.3",
        factory=build_hershey_vgg_e,
        input="96 x 64 log-mel, 0.96 s",
        published_classes=NUM_CLASSES,
        published_parameters=Figure("62M"),
        published_macs=Figure("2.4B"),
        counted="weights",
    ),
    NetworkRow(
        name="hershey-aed-log-mel",
        paper="Hershey 2017",
        table="section 4.4",
        factory=build_hershey_aed_log_mel,
        input="20 x 64 log-mel, 0.2 s",
        published_classes=527,
        notes="the paper gives neither layers nor figures of its size",
    ),
    NetworkRow(
        name="hershey-aed-embedding",
        paper="Hershey 2017",
        table="section 4.4",
        factory=build_hershey_aed_embedding,
        input="96 x 64 log-mel, 0.96 s, through ResNet-50",
        published_classes=527,
        notes="on the embeddings of source=RUN, a trained hershey-resnet-50; the paper gives neither layers nor sizes",
        adopt=adopt_source,
    ),
)
"""The family's rows of the zoo."""
