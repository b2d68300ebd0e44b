"""Inception V3 on log-mel patches (Szegedy et al. 2016, as changed by Hershey 2017, section 3.3.4).

Hershey takes away the first four layers of the stem, up to and including its first max-pooling, and the auxiliary classifier; the
last maps are then 10 x 6. Two stems follow from that. As the public code counts layers, a 1 x 1 convolution of 80 channels and an
unpadded 3 x 3 of 192 remain: that gives the printed weights and maps, but 16 % more multiplies than printed. With the two kernels
exchanged, all three figures come out: that is our default, inferred, not stated.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.errors import UsageError, guess
from hearsight.models.architectures.assemble import assemble_network, scale_channels
from hearsight.models.network import Network
from hearsight.models.row import Figure, NetworkRow, Variant
from hearsight.signal.front_ends import HERSHEY

Kernel = int | tuple[int, int]


class ConvNormRelu(nn.Sequential):
    """Convolution without bias, batch normalisation (epsilon 0.001, as in the reference code), ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: Kernel, stride: int = 1, *, padded: bool = True
    ) -> None:
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (rows // 2, columns // 2) if padded else 0
        super().__init__(
            nn.Conv2d(in_channels, out_channels, kernel, stride, padding, bias=False),
            nn.BatchNorm2d(out_channels, eps=0.001),
            nn.ReLU(),
        )


class Branches(nn.ModuleList):
    """Several ways over the same maps; their outputs are joined channel by channel."""

    def forward(
        self, maps: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch out_channels out_height out_width"]:
        """Transform a batch of maps."""
        return torch.cat([branch(maps) for branch in self], dim=1)


class InceptionTrunk(nn.Module):
    """Patches to the means of the 2,048 last maps; ``dim`` is their number. ``width`` scales all channels."""

    def __init__(self, stem: str, width: float = 1.0) -> None:
        super().__init__()
        self.width = width
        channels = [1, scale_channels(80, width), scale_channels(192, width)]
        kernels = (3, 1) if stem == "swapped" else (1, 3)
        self.stem = nn.Sequential(
            ConvNormRelu(channels[0], channels[1], kernels[0], padded=False),
            ConvNormRelu(channels[1], channels[2], kernels[1], padded=False),
            nn.MaxPool2d(3, 2),
        )
        self.dim = channels[2]
        blocks = [self._add_fives(pool) for pool in (32, 64, 64)]
        blocks.append(self._halve_fives())
        blocks += [self._add_sevens(inner) for inner in (128, 160, 160, 192)]
        blocks.append(self._halve_sevens())
        blocks += [self._add_widened() for _ in range(2)]
        self.blocks = nn.Sequential(*blocks)

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the mean of each of the last maps, 10 x 6 for a patch of 96 x 64."""
        return self.blocks(self.stem(patches)).mean(dim=(2, 3))

    def _chain(self, *layers: tuple[int, Kernel], halving: bool = False) -> nn.Sequential:
        """Make convolutions one after the other, given as channels and kernels; the last one may halve the maps."""
        chain: list[nn.Module] = []
        in_channels = self.dim
        for index, (count, kernel) in enumerate(layers):
            out_channels = scale_channels(count, self.width)
            halves = halving and index == len(layers) - 1
            chain.append(ConvNormRelu(in_channels, out_channels, kernel, 2 if halves else 1, padded=not halves))
            in_channels = out_channels
        return nn.Sequential(*chain)

    def _pool(self, count: int) -> nn.Sequential:
        """Make an average over the neighbours, then a 1 x 1 convolution."""
        return nn.Sequential(nn.AvgPool2d(3, 1, 1), *self._chain((count, 1)))

    def _join(self, *branches: nn.Module, counts: tuple[int, ...], kept: int = 0) -> Branches:
        """Join branches and note how many channels come out: ``counts`` of the paper, and ``kept`` of what came in."""
        self.dim = sum(scale_channels(count, self.width) for count in counts) + kept
        return Branches(branches)

    def _add_fives(self, pool: int) -> Branches:
        """Figure 5 of Szegedy 2016, with a 5 x 5 branch as in the reference code."""
        return self._join(
            self._chain((64, 1)),
            self._chain((48, 1), (64, 5)),
            self._chain((64, 1), (96, 3), (96, 3)),
            self._pool(pool),
            counts=(64, 64, 96, pool),
        )

    def _halve_fives(self) -> Branches:
        return self._join(
            self._chain((384, 3), halving=True),
            self._chain((64, 1), (96, 3), (96, 3), halving=True),
            nn.MaxPool2d(3, 2),
            counts=(384, 96),
            kept=self.dim,
        )

    def _add_sevens(self, inner: int) -> Branches:
        """Figure 6 of Szegedy 2016 with n = 7."""
        return self._join(
            self._chain((192, 1)),
            self._chain((inner, 1), (inner, (1, 7)), (192, (7, 1))),
            self._chain((inner, 1), (inner, (7, 1)), (inner, (1, 7)), (inner, (7, 1)), (192, (1, 7))),
            self._pool(192),
            counts=(192, 192, 192, 192),
        )

    def _halve_sevens(self) -> Branches:
        return self._join(
            self._chain((192, 1), (320, 3), halving=True),
            self._chain((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), halving=True),
            nn.MaxPool2d(3, 2),
            counts=(320, 192),
            kept=self.dim,
        )

    def _add_widened(self) -> Branches:
        """Figure 7 of Szegedy 2016: the last convolutions of two branches are themselves two, side by side."""
        return self._join(
            self._chain((320, 1)),
            self._fork(self._chain((384, 1))),
            self._fork(self._chain((448, 1), (384, 3))),
            self._pool(192),
            counts=(320, 384, 384, 384, 384, 192),
        )

    def _fork(self, chain: nn.Sequential) -> nn.Sequential:
        channels = scale_channels(384, self.width)
        sides = [ConvNormRelu(channels, channels, kernel) for kernel in ((1, 3), (3, 1))]
        return nn.Sequential(*chain, Branches(sides))


def build_hershey_inception_v3(
    num_classes: int,
    *,
    bottleneck: int | None = None,
    stem: str = "swapped",
    width: float = 1.0,
) -> Network:
    """Build Hershey's Inception V3 (section 3.3.4).

    Parameters
    ----------
    num_classes, bottleneck
        Outputs, and units of a layer before them.
    stem
        ``swapped``: 3 x 3 with 80 channels, then 1 x 1 with 192; ``slim``: the other way round, as in TensorFlow's slim.
    width
        Factor on all channels.

    Raises
    ------
    UsageError
        When there is no such stem.
    """
    if stem not in ("swapped", "slim"):
        hint = guess(stem, ("swapped", "slim"))
        raise UsageError("hershey-inception-v3: stem", f"{stem!r}", "swapped or slim", hint)
    trunk = InceptionTrunk(stem, width)
    return assemble_network(HERSHEY, trunk, trunk.dim, num_classes, bottleneck=bottleneck)


NETWORKS = (
    NetworkRow(
        name="hershey-inception-v3",
        paper="Hershey 2017",
        table="section 3.3.4",
        factory=build_hershey_inception_v3,
        input="96 x 64 log-mel, 0.96 s",
        published_classes=3087,
        published_parameters=Figure("28M"),
        published_macs=Figure("4.7B"),
        counted="weights",
        notes="the two convolutions left of the stem have exchanged kernels, which meets all three printed figures",
        variants=(
            Variant(
                {"stem": "slim"},
                "the stem as TensorFlow's slim has it: 16 % more multiplies than printed",
                "two-stems-of-inception-v3",
            ),
        ),
    ),
)
"""The family's rows of the zoo."""
