"""The VGGish family: Jia's fully convolutional network (Table 1 of the paper)."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.network import Network
from hearsight.models.row import Figure, NetworkRow
from hearsight.signal.front_ends import JIA

EMBEDDING_DIM = 128


class ConvReluNorm(nn.Sequential):
    """Convolution, activation, batch normalisation: in this order, as Jia writes ("added after each activation layer").

    The convolution has no bias: the normalisation behind it has one, and the published parameter count leaves none out.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int | tuple[int, int], padding: int = 0) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, padding=padding, bias=False),
            nn.ReLU(),
            nn.BatchNorm2d(out_channels),
        )


class FullyConvolutionalTrunk(nn.Module):
    """Jia's Table 1 up to the 128-unit layer: four pools take a patch of 100 × 64 to a map of 6 × 4, one kernel covers it.

    ``width`` scales all channels but the embedding's; the paper's network has width 1.
    """

    def __init__(self, width: float = 1.0, embedding_dim: int = EMBEDDING_DIM) -> None:
        super().__init__()
        channels = [max(1, round(width * count)) for count in (64, 128, 256, 512, 4096)]
        self.layers = nn.Sequential(
            ConvReluNorm(1, channels[0], 3, padding=1),
            nn.MaxPool2d(2),
            ConvReluNorm(channels[0], channels[1], 3, padding=1),
            nn.MaxPool2d(2),
            ConvReluNorm(channels[1], channels[2], 3, padding=1),
            ConvReluNorm(channels[2], channels[2], 3, padding=1),
            nn.MaxPool2d(2),
            ConvReluNorm(channels[2], channels[3], 3, padding=1),
            ConvReluNorm(channels[3], channels[3], 3, padding=1),
            nn.MaxPool2d(2),
            ConvReluNorm(channels[3], channels[4], (6, 4)),
            ConvReluNorm(channels[4], channels[4], 1),
            ConvReluNorm(channels[4], embedding_dim, 1),
            nn.Flatten(),
        )

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the embeddings: the output of the 128-unit layer, after its activation and normalisation."""
        return self.layers(patches)


def build_jia_vggish_fcn(num_classes: int, *, width: float = 1.0) -> Network:
    """Build Jia's improved VGGish (Jia 2019, Table 1), with fresh weights from torch's global generator.

    Kernels are drawn after He (fan-in), which the paper does not say; biases are zero.
    """
    trunk = FullyConvolutionalTrunk(width)
    classifier = nn.Linear(EMBEDDING_DIM, num_classes)
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    nn.init.normal_(classifier.weight, std=0.01)
    nn.init.zeros_(classifier.bias)
    return Network(JIA, trunk, classifier, embedding_dim=EMBEDDING_DIM, num_classes=num_classes)


NETWORKS = (
    NetworkRow(
        name="jia-vggish-fcn",
        paper="Jia 2019",
        table="Table 1",
        factory=build_jia_vggish_fcn,
        input="100 x 64 log-mel, 1 s",
        published_classes=10_998,
        published_parameters=Figure("73.54M"),
        published_macs=Figure("360.72M"),
        counted="weights",
        notes="73.54M counts kernels only; the printed FLOPs are no compute cost",
        reason="parameters-and-flops",
    ),
)
"""The family's row of the zoo."""
