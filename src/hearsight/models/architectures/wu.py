"""Wu & Lee 2018: the perceptron, the recurrent networks, AlexNet, and the ten reductions of it (Tables 1 and 2).

All take 100 x 64 patches of a second, each band normalised to mean 0 and variance 1 of the training data. AlexNet is, by the
printed sizes, torchvision's ("one weird trick": 64, 192, 384, 256, 256 filters) and not the one that the paper cites;
``AlexNet(BN)`` has a normalisation behind every layer. Dropout of 0.5 stands before the fully connected layers, as in
torchvision's. ResNet-50 is in ``models/architectures/resnet.py``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.errors import UsageError, guess
from hearsight.models.architectures.assemble import draw_output, draw_weights, scale_channels
from hearsight.models.network import Network
from hearsight.models.row import Figure, NetworkRow
from hearsight.signal.front_ends import WU, WU_CQT, WU_MFCC, FrontEnd

NUM_CLASSES = 527
"""AudioSet's."""
DROPOUT = 0.5
FC_UNITS = 3982
CHANNELS = (64, 192, 384, 256, 256)
CELLS = 5 * 7
"""Size of the last map; the printed parameters allow no other."""


FEATURES = {"log-mel": WU, "mfcc": WU_MFCC, "cqt": WU_CQT}
"""The inputs that the paper compared (section 3.1); its networks take log-mel."""


def choose_features(features: str) -> FrontEnd:
    """Return the front end of one of the paper's kinds of features.

    Raises
    ------
    UsageError
        When there is no such kind.
    """
    if features not in FEATURES:
        raise UsageError("features", f"{features!r}", "log-mel, mfcc or cqt", guess(features, FEATURES))
    return FEATURES[features]


def assemble(trunk: nn.Module, classifier: nn.Module, embedding_dim: int, num_classes: int, features: str) -> Network:
    """Assemble a network that takes one of the paper's kinds of features."""
    front_end = choose_features(features)
    return Network(front_end, trunk, classifier, embedding_dim=embedding_dim, num_classes=num_classes)


class Recurrent(nn.Module):
    """Three layers of LSTM over the frames of a patch; the last output is the embedding."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(WU.n_mels, units, num_layers=3, batch_first=True)

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the output of the last layer for the last frame."""
        outputs, _ = self.lstm(patches.squeeze(1))
        return outputs[:, -1]


class AttentiveRecurrent(nn.Module):
    """Two layers of bidirectional GRU; attention weighs the frames (Yang et al. 2016: a layer with tanh, a context vector)."""

    def __init__(self, units: int, context_units: int) -> None:
        super().__init__()
        self.gru = nn.GRU(WU.n_mels, units, num_layers=2, batch_first=True, bidirectional=True)
        self.attention = nn.Linear(2 * units, context_units)
        self.context = nn.Linear(context_units, 1, bias=False)

    def forward(self, patches: Float[Tensor, "batch 1 frames mels"]) -> Float[Tensor, "batch dim"]:
        """Return the weighted mean of the outputs of all frames."""
        outputs, _ = self.gru(patches.squeeze(1))
        weights = self.context(torch.tanh(self.attention(outputs))).softmax(dim=1)
        return (weights * outputs).sum(dim=1)


class MapMeans(nn.Module):
    """Global average pooling; unlike torch's adaptive one, it has a reproducible gradient on every device."""

    def forward(self, maps: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels"]:
        """Return the mean of each map."""
        return maps.mean(dim=(2, 3))


def build_wu_mlp(num_classes: int, *, features: str = "log-mel", width: float = 1.0) -> Network:
    """Build the perceptron (Table 1): three layers of 1,000 units with batch normalisation and ReLU."""
    units = scale_channels(1000, width)
    layers: list[nn.Module] = [nn.Flatten()]
    in_features = WU.patch_frames * WU.n_mels
    for _ in range(3):
        layers += [nn.Linear(in_features, units), nn.BatchNorm1d(units), nn.ReLU(), nn.Dropout(DROPOUT)]
        in_features = units
    trunk = nn.Sequential(*layers)
    draw_weights(trunk)
    return assemble(trunk, draw_output(nn.Linear(units, num_classes)), units, num_classes, features)


def build_wu_lstm(num_classes: int, *, features: str = "log-mel", width: float = 1.0) -> Network:
    """Build the LSTM (Table 1): three layers of 2,048 units, drawn as torch draws them."""
    units = scale_channels(2048, width)
    return assemble(Recurrent(units), draw_output(nn.Linear(units, num_classes)), units, num_classes, features)


def build_wu_bgru_att(num_classes: int, *, features: str = "log-mel", width: float = 1.0) -> Network:
    """Build B-GRU-ATT (Table 1): two layers of 2 x 2,048 units, a context vector of 1,024; drawn as torch draws them."""
    units = scale_channels(2048, width)
    trunk = AttentiveRecurrent(units, scale_channels(1024, width))
    return assemble(trunk, draw_output(nn.Linear(2 * units, num_classes)), 2 * units, num_classes, features)


@dataclasses.dataclass(frozen=True)
class AlexNetPlan:
    """The layers after the convolutions: the paper's AlexNet by default, else one of its reductions.

    Attributes
    ----------
    batch_norm
        Whether a normalisation follows each layer.
    units
        Units of both fully connected layers.
    bottleneck_between, bottleneck_behind
        Units of a linear layer between the two ("Bneck-Mid"), or behind them ("Bneck-Final").
    pooled
        Whether the mean of each map takes the place of both layers ("Global-avg-pool").
    """

    batch_norm: bool = True
    units: int = FC_UNITS
    bottleneck_between: int | None = None
    bottleneck_behind: int | None = None
    pooled: bool = False


def build_alexnet(plan: AlexNetPlan, num_classes: int, features: str, width: float) -> Network:
    """Build AlexNet, or a reduction of it. The embedding is the bottleneck if there is one, else what the output layer sees."""
    channels = [scale_channels(count, width) for count in CHANNELS]
    trunk = [*iterate_convolutions(channels, plan.batch_norm)]
    num_features = channels[-1] if plan.pooled else CELLS * channels[-1]
    units = scale_channels(plan.units, width)
    trunk.append(MapMeans() if plan.pooled else nn.Flatten())
    classifier: list[nn.Module] = []
    if plan.pooled:
        embedding_dim = num_features
    elif plan.bottleneck_between is not None:
        embedding_dim = scale_channels(plan.bottleneck_between, width)
        trunk += [*iterate_dense(num_features, units, plan.batch_norm), nn.Linear(units, embedding_dim)]
        classifier += iterate_dense(embedding_dim, units, plan.batch_norm)
    else:
        embedding_dim = units
        trunk += [*iterate_dense(num_features, units, plan.batch_norm), *iterate_dense(units, units, plan.batch_norm)]
        if plan.bottleneck_behind is not None:
            embedding_dim = scale_channels(plan.bottleneck_behind, width)
            trunk.append(nn.Linear(units, embedding_dim))
    output = nn.Linear(units if plan.bottleneck_between is not None else embedding_dim, num_classes)
    layers = nn.Sequential(*trunk), nn.Sequential(*classifier)
    for part in layers:
        draw_weights(part)
    return assemble(layers[0], nn.Sequential(*layers[1], draw_output(output)), embedding_dim, num_classes, features)


def iterate_convolutions(channels: list[int], batch_norm: bool) -> Iterator[nn.Module]:
    """Make the five convolutions and three poolings: 100 x 64 to 5 x 7 cells.

    The first kernel is 11 x 7 and its stride 2 x 1, along time and mel; its padding of 5 x 3, which keeps the size, is not printed,
    but follows from the 35 cells that the parameters are for.
    """
    in_channels = 1
    first = ((11, 7), (2, 1), (5, 3))
    rest = ((5, 1, 2), (3, 1, 1), (3, 1, 1), (3, 1, 1))
    for index, (out_channels, (kernel, stride, padding)) in enumerate(zip(channels, (first, *rest), strict=True)):
        yield nn.Conv2d(in_channels, out_channels, kernel, stride, padding)
        if batch_norm:
            yield nn.BatchNorm2d(out_channels)
        yield nn.ReLU()
        if index in (0, 1, 4):
            yield nn.MaxPool2d(3, 2)
        in_channels = out_channels


def iterate_dense(in_features: int, units: int, batch_norm: bool) -> Iterator[nn.Module]:
    """Make a fully connected layer with what stands before and behind it."""
    yield nn.Dropout(DROPOUT)
    yield nn.Linear(in_features, units)
    if batch_norm:
        yield nn.BatchNorm1d(units)
    yield nn.ReLU()


def make_factory(name: str, plan: AlexNetPlan) -> Callable[..., Network]:
    """Return the function that builds a network of this plan."""

    def build(num_classes: int, *, features: str = "log-mel", width: float = 1.0) -> Network:
        return build_alexnet(plan, num_classes, features, width)

    build.__doc__ = f"Build {name}."
    return build


def make_row(name: str, table: str, printed: str, factory: Callable[..., Network], notes: str = "") -> NetworkRow:
    """Return a row of the zoo."""
    return NetworkRow(
        name=name,
        paper="Wu & Lee 2018",
        table=table,
        factory=factory,
        input="100 x 64 log-mel, 1 s",
        published_classes=NUM_CLASSES,
        published_parameters=Figure(printed),
        notes=notes,
        reason="wus-perceptron" if name == "wu-mlp" else "",
    )


REDUCTIONS: dict[str, tuple[AlexNetPlan, str]] = {
    **{
        f"final-{units}": (AlexNetPlan(bottleneck_behind=units), printed)
        for units, printed in ((64, "54.30M"), (256, "55.17M"), (1024, "58.63M"))
    },
    **{
        f"mid-{units}": (AlexNetPlan(bottleneck_between=units), printed)
        for units, printed in ((64, "40.77M"), (256, "42.29M"), (1024, "48.41M"))
    },
    **{
        f"fc-{units}": (AlexNetPlan(units=units), printed)
        for units, printed in ((64, "3.07M"), (256, "4.95M"), (1024, "13.22M"))
    },
    "gap": (AlexNetPlan(pooled=True), "2.59M"),
}
"""Table 2: what is changed, and the printed size."""

NETWORKS = (
    make_row(
        "wu-mlp", "Table 1", "9.48M", build_wu_mlp, "8.94M is what three layers of 1,000 units on 100 x 64 come to"
    ),
    make_row("wu-lstm", "Table 1", "85.54M", build_wu_lstm),
    make_row("wu-bgru-att", "Table 1", "107.85M", build_wu_bgru_att),
    make_row("wu-alexnet", "Table 1", "56.09M", make_factory("wu-alexnet", AlexNetPlan(batch_norm=False))),
    make_row("wu-alexnet-bn", "Table 1", "56.11M", make_factory("wu-alexnet-bn", AlexNetPlan())),
    *(
        make_row(f"wu-alexnet-bn-{name}", "Table 2", printed, make_factory(f"wu-alexnet-bn-{name}", plan))
        for name, (plan, printed) in REDUCTIONS.items()
    ),
)
"""The family's rows of the zoo."""
