"""What the families share: a network put together from a trunk and its last layers, and how fresh weights are drawn."""

from __future__ import annotations

import collections

from torch import nn

from hearsight.errors import UsageError
from hearsight.models.network import Network
from hearsight.signal.front_ends import FrontEnd


def assemble_network(
    front_end: FrontEnd, trunk: nn.Module, trunk_dim: int, num_classes: int, *, bottleneck: int | None = None
) -> Network:
    """Put a network together and draw its weights from torch's global generator.

    Without a bottleneck, the embedding is what the trunk gives. With one, it is the bottleneck's output before its activation, as
    in the VGGish release, and the activation stands before the last layer.

    Parameters
    ----------
    front_end, trunk, trunk_dim
        The input, the layers, and the length of the vector that they return.
    num_classes
        Number of outputs.
    bottleneck
        Units of a layer between trunk and output (Hershey 2017, section 4.2: 128), or None.

    Raises
    ------
    UsageError
        When the bottleneck is no positive number.
    """
    draw_weights(trunk)
    if bottleneck is None:
        output = draw_output(nn.Linear(trunk_dim, num_classes))
        return Network(front_end, trunk, output, embedding_dim=trunk_dim, num_classes=num_classes)
    if bottleneck < 1:
        raise UsageError("bottleneck", f"{bottleneck}", "a number of units, or none")
    narrow = nn.Linear(trunk_dim, bottleneck)
    nn.init.kaiming_normal_(narrow.weight, nonlinearity="linear")
    nn.init.zeros_(narrow.bias)
    trunk = nn.Sequential(collections.OrderedDict(trunk=trunk, bottleneck=narrow))
    classifier = nn.Sequential(nn.ReLU(), draw_output(nn.Linear(bottleneck, num_classes)))
    return Network(front_end, trunk, classifier, embedding_dim=bottleneck, num_classes=num_classes)


def scale_channels(count: int, width: float) -> int:
    """Scale a number of channels or units; a paper's own network has width 1."""
    return max(1, round(width * count))


def draw_weights(module: nn.Module) -> None:
    """Draw the kernels of convolutions and fully connected layers after He (fan-in, for ReLU); biases become zero.

    The papers do not say how they drew theirs. With He's initialisation, signals keep their scale even before the normalisation
    layers have seen any data: an untrained network must be an honest opponent of a trained one.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


def draw_output(layer: nn.Linear) -> nn.Linear:
    """Draw the weights of a last layer: small, so that initial logits are near zero."""
    nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer
