"""SoundNet's baseline: a convolutional autoencoder of waveforms (Aytar et al. 2016, section 4, "Baselines").

The encoder is the first four convolutions of the eight-layer SoundNet with the poolings between them; four fractionally strided
convolutions, which the paper does not describe further, lead back to the waveform. It learns without labels, by
:meth:`Autoencoder.measure_loss`; its last layer, which gives logits of the encoder's mean, is there so that it can be used as every
other network.
"""

from __future__ import annotations

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.architectures.assemble import draw_output
from hearsight.models.architectures.soundnet import NUM_CLASSES
from hearsight.models.architectures.soundnet_layers import EIGHT_LAYERS, Plan, draw_soundnet, make_layers
from hearsight.models.network import Network, check_waveform
from hearsight.models.row import NetworkRow
from hearsight.signal.front_ends import SOUNDNET_1S

ENCODER = Plan(
    layers=dict(list(EIGHT_LAYERS.layers.items())[:6]),
    last=EIGHT_LAYERS.layers["conv5"][1],
    embedding="conv4",
)
"""conv1 to conv4."""
CODE_STRIDE = 1024
"""Samples from one value of the code to the next."""
STRIDES = (2, 2, 16, 16)
"""Strides of the decoder: the last two undo a pooling of 8 along with the convolution before it."""
KERNELS = (8, 16, 32, 64)
"""The encoder's, backwards."""


class CodeMean(nn.Module):
    """The encoder, and the mean of its code over time."""

    def __init__(self, width: float) -> None:
        super().__init__()
        layers, self.dim = make_layers(ENCODER, width)
        self.encoder = nn.Sequential(*layers.values())

    def forward(self, waveform: Float[Tensor, "batch 1 samples"]) -> Float[Tensor, "batch dim"]:
        """Return the mean code of each waveform."""
        return self.encoder(waveform).mean(dim=2)


class Autoencoder(Network):
    """A network that can give back the waveform from its code."""

    def __init__(self, num_classes: int, *, width: float = 1.0) -> None:
        trunk = CodeMean(width)
        output = draw_output(nn.Linear(trunk.dim, num_classes))
        super().__init__(SOUNDNET_1S, trunk, output, embedding_dim=trunk.dim, num_classes=num_classes)
        self.decoder = make_decoder(trunk.dim, [max(1, round(width * count)) for count in (64, 32, 16)])
        draw_soundnet(self)

    def reconstruct(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch samples"]:
        """Return waveforms, reconstructed from their codes at their own length; in evaluation mode, each on its own.

        Raises
        ------
        UsageError
            When the waveforms do not fit the network.
        """
        waveform, _ = check_waveform(waveform, None)
        # the encoder needs one stride of its code, and drops what is left of another
        missing = max(0, CODE_STRIDE - waveform.shape[1])
        heard = self.front_end(nn.functional.pad(waveform, (0, missing)))
        decoded = self.decoder(cast(CodeMean, self.trunk).encoder(heard.unsqueeze(1))).squeeze(1)
        missing = max(0, waveform.shape[1] - decoded.shape[1])
        return nn.functional.pad(decoded, (0, missing))[:, : waveform.shape[1]] / SOUNDNET_1S.scale

    def measure_loss(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, ""]:
        """Return the loss: the mean squared error of the reconstruction, amplitudes in [-256, 256]."""
        return (self.front_end(self.reconstruct(waveform)) - self.front_end(waveform)).square().mean()


def make_decoder(in_channels: int, channels: list[int]) -> nn.Sequential:
    """Make the four fractionally strided convolutions; all but the last are normalised and rectified."""
    layers: list[nn.Module] = []
    for out_channels, kernel, stride in zip([*channels, 1], KERNELS, STRIDES, strict=True):
        layers.append(nn.ConvTranspose1d(in_channels, out_channels, kernel, stride, (kernel - stride) // 2))
        if len(layers) < 3 * len(channels):
            layers += [nn.BatchNorm1d(out_channels), nn.ReLU()]
        in_channels = out_channels
    return nn.Sequential(*layers)


def build_soundnet_autoencoder(num_classes: int, *, width: float = 1.0) -> Network:
    """Build the autoencoder with fresh weights, drawn as SoundNet's."""
    return Autoencoder(num_classes, width=width)


NETWORKS = (
    NetworkRow(
        name="soundnet-autoencoder",
        paper="SoundNet 2016",
        table="section 4",
        factory=build_soundnet_autoencoder,
        input="waveform at 22,050 Hz, 1 s",
        published_classes=NUM_CLASSES,
        notes="the decoder is counted in the parameters and not in the multiplies; the paper gives no sizes",
    ),
)
"""The family's row of the zoo."""
