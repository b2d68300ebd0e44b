"""All networks by name: those of the families, and those of other packages."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Literal, get_type_hints

import torch
from pydantic import TypeAdapter, ValidationError

from hearsight.documents import parse_json
from hearsight.errors import InputError, UsageError, guess
from hearsight.models.architectures import (
    conv4,
    hershey,
    inception,
    jia_fcn,
    mobilenet,
    panns,
    resnet,
    soundnet,
    soundnet_autoencoder,
    vggish,
    vggish_layers,
    wu,
)
from hearsight.models.network import Network
from hearsight.models.plugins import load_plugins
from hearsight.models.row import NetworkRow

FAMILIES: tuple[tuple[NetworkRow, ...], ...] = (
    vggish_layers.NETWORKS,
    jia_fcn.NETWORKS,
    mobilenet.NETWORKS,
    hershey.NETWORKS,
    inception.NETWORKS,
    resnet.NETWORKS,
    vggish.NETWORKS,
    wu.NETWORKS,
    soundnet.NETWORKS,
    soundnet_autoencoder.NETWORKS,
    panns.NETWORKS,
    conv4.NETWORKS,
)
"""The rows of each family's file."""

MOST_UNITS = 100_000
"""The largest whole number that an option takes: no network of the papers has a layer of as many units."""

_WANTED: dict[Any, str] = {
    float: "a number",
    int: "a whole number",
    int | None: "a whole number",
    bool: "true or false",
    str: "a word",
    Literal["overlap", "drop"]: "overlap or drop",
    Sequence[int] | None: "whole numbers",
}
"""The wording of an option's type in an error."""

PAPERS = ("Jia 2019", "Hershey 2017", "Wu & Lee 2018", "SoundNet 2016", "PANNs 2020", "hearsight")
"""The papers, in the order of the table; what is our own comes last."""

NETWORKS: dict[str, NetworkRow] = {
    row.name: row for paper in PAPERS for family in FAMILIES for row in family if row.paper == paper
}
"""All networks, paper by paper; then those of other packages (:mod:`hearsight.models.plugins`)."""
NETWORKS.update({row.name: row for row in load_plugins(NETWORKS)})


def build_network(name: str, num_classes: int, *, seed: int | None = None, **options: Any) -> Network:
    """Build a network with fresh weights.

    Parameters
    ----------
    name
        A name of :data:`NETWORKS`.
    num_classes
        Number of outputs; none where a network may be without classes.
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
    least = 0 if NETWORKS[name].classless else 1
    if num_classes < least:
        raise UsageError("num_classes", f"{num_classes}", f"at least {least}")
    _check_options(name, options)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        network = NETWORKS[name].factory(num_classes, **options)
    network.name = name
    network.options = dict(options)
    return network


def parse_network(text: str) -> tuple[str, dict[str, Any]]:
    """Read a network's name and options as a user writes them: ``NAME[,option=value...]``, ``wu-alexnet-bn-gap,width=0.5``.

    Raises
    ------
    UsageError
        When something after the name is no option, or one is given twice.
    """
    name, *parts = text.split(",")
    options: dict[str, Any] = {}
    for part in parts:
        option, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and option and value):
            raise UsageError(
                text, f"{part.strip()!r} behind the network's name", "option=value", "for example width=0.5"
            )
        if option in options:
            raise UsageError(text, f"the option {option!r} is given twice", "each option once")
        try:
            options[option] = parse_json(value, option)
        except InputError:  # no JSON, or numbers and brackets without end: a word
            options[option] = value
    return name.strip(), options


def list_options(name: str) -> list[str]:
    """List the options of a network."""
    parameters = inspect.signature(NETWORKS[name].factory).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]


def _check_options(name: str, options: dict[str, Any]) -> None:
    known = list_options(name)
    kinds = get_type_hints(NETWORKS[name].factory)
    for option, value in options.items():
        if option not in known:
            found = f"{option}={value}, which is unknown"
            raise UsageError(f"{name}: option {option}", found, hint=guess(option, known))
        try:
            TypeAdapter(kinds[option]).validate_python(value, strict=True)
        except ValidationError as error:
            raise UsageError(f"{name}: {option}", f"{value!r}", _WANTED[kinds[option]]) from error
        if isinstance(value, int) and not -MOST_UNITS <= value <= MOST_UNITS:
            raise UsageError(f"{name}: {option}", f"{value!r:.60}", f"at most {MOST_UNITS:,}")
        if option == "width" and not 0.0 < value <= 4.0:
            raise UsageError(f"{name}: width", f"{value!r}", "a number above 0, up to 4")
