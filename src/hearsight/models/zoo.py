"""The networks by name, with the figures their papers print and the counts of ours."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from hearsight.errors import UsageError, guess
from hearsight.models.mobilenet import build_jia_mobilenet_v2
from hearsight.models.network import Network
from hearsight.models.vggish import build_jia_vggish_fcn


@dataclasses.dataclass(frozen=True)
class NetworkRow:
    """One network of the zoo.

    Attributes
    ----------
    name
        What ``--model`` takes.
    paper, table
        Where it is described.
    factory
        Builds it from a number of classes and options.
    input
        The patch it sees.
    published_classes
        Number of outputs that the published figures are for.
    published_parameters, published_macs
        What the paper prints, in parameters and multiply-accumulates; None where it prints nothing.
    notes
        What a reader of the figures should know.
    """

    name: str
    paper: str
    table: str
    factory: Callable[..., Network]
    input: str
    published_classes: int
    published_parameters: float | None = None
    published_macs: float | None = None
    notes: str = ""


NETWORKS: dict[str, NetworkRow] = {
    row.name: row
    for row in (
        NetworkRow(
            name="jia-vggish-fcn",
            paper="Jia 2019",
            table="Table 1",
            factory=build_jia_vggish_fcn,
            input="100 x 64 log-mel, 1 s",
            published_classes=10_998,
            published_parameters=73.54e6,
            published_macs=360.72e6,
            notes="73.54M counts kernels only; the printed FLOPs are no compute cost (docs/paper-notes.md)",
        ),
        NetworkRow(
            name="jia-mobilenet-v2",
            paper="Jia 2019",
            table="section 3",
            factory=build_jia_mobilenet_v2,
            input="100 x 64 log-mel, 1 s",
            published_classes=10_998,
            notes="width 1.0, stem stride 1, 128-unit bottleneck; the paper prints no figures of its size",
        ),
    )
}
"""All networks, in the order of their papers."""


def build_network(name: str, num_classes: int, *, seed: int | None = None, **options: Any) -> Network:
    """Build a network with fresh weights.

    Parameters
    ----------
    name
        A name of :data:`NETWORKS`.
    num_classes
        Number of outputs.
    seed
        Seed of the weights: the same seed gives the same weights, and torch's global generator is left as it was. Without it,
        that generator is drawn from.
    options
        Options of the network's family, for example ``width=0.25``.

    Raises
    ------
    UsageError
        When there is no such network (the hint guesses the meant one), it does not know an option, or there is no class.
    """
    if name not in NETWORKS:
        raise UsageError("model", f"{name!r}", "a network of the zoo", guess(name, NETWORKS))
    if num_classes < 1:
        raise UsageError("num_classes", f"{num_classes}", "at least 1")
    _check_options(name, options)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = NETWORKS[name].factory(num_classes, **options)
    network.name = name
    network.options = dict(options)
    return network


def list_options(name: str) -> list[str]:
    """List the options of a network."""
    parameters = inspect.signature(NETWORKS[name].factory).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def _check_options(name: str, options: dict[str, Any]) -> None:
    known = list_options(name)
    for option, value in options.items():
        if option not in known:
            raise UsageError(f"{name}: option {option}", "unknown", hint=guess(option, known))
        if option == "width" and not (isinstance(value, int | float) and 0.0 < value <= 4.0):
            raise UsageError(f"{name}: width", f"{value!r}", "a number above 0, up to 4")


@dataclasses.dataclass(frozen=True)
class Counts:
    """The size of a network: all parameters, kernels only ("weights"), multiply-accumulates of one patch."""

    parameters: int
    weights: int
    macs: int


def count_network(network: Network) -> Counts:
    """Count parameters and multiply-accumulates, the front end left out, as the papers count.

    Runs one segment of silence through the network to see the size of its maps.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    weights = sum(parameter.numel() for parameter in network.parameters() if parameter.ndim > 1)
    macs = 0

    def add(module: nn.Module, _: object, output: torch.Tensor) -> None:
        nonlocal macs
        if isinstance(module, nn.Conv2d):
            each = module.in_channels // module.groups * math.prod(module.kernel_size)
            macs += output[0].numel() * each
        elif isinstance(module, nn.Linear):
            macs += output[0].numel() * module.in_features

    hooks = [
        module.register_forward_hook(add) for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)
    ]
    training = network.training
    network.eval()
    try:
        with torch.no_grad():
            device = next(network.parameters()).device
            network(torch.zeros(1, network.segment_samples, device=device))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return Counts(parameters, weights, macs)
