"""Networks for training: fresh weights, and the trained layers of another network where one is built on it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hearsight.errors import CheckpointError, UsageError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.network import Network
from hearsight.models.zoo import NETWORKS, build_network

SOURCE = "source"
"""The option that names the run whose trained layers a network takes over; it is no option of the built network."""


def build_training_network(
    name: str, num_classes: int, options: Mapping[str, Any], *, seed: int | None = None
) -> Network:
    """Build a network that is going to be trained.

    Parameters
    ----------
    name, num_classes, seed
        As for :func:`~hearsight.models.zoo.build_network`.
    options
        Those of the network, and ``source``, a run or checkpoint folder, for a network that is built on another one.

    Raises
    ------
    UsageError
        When there is no such network or option, the source is missing or of another kind, or there is one and none is needed.
    CheckpointError
        When the source cannot be read.
    """
    own, source = _split_source(name, options)
    network = build_network(name, num_classes, seed=seed, **own)
    if source is not None:
        _adopt(network, source)
    return network


def check_training_network(name: str, options: Mapping[str, Any]) -> None:
    """Check a network's name and options, without drawing weights; errors as those of :func:`build_training_network`."""
    own, source = _split_source(name, options)
    network = build_on_meta_device(name, 1, **own)
    if source is not None:
        _adopt(network, source)


def _split_source(name: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Return a network's own options, and the folder of its source; None where it needs none."""
    own = dict(options)
    if name not in NETWORKS or NETWORKS[name].adopt is None:
        return own, None
    source = own.pop(SOURCE, None)
    if not isinstance(source, str) or not source:
        hint = f"train one first, then --model {name},source=RUN"
        found = "no source of trained layers" if source is None else f"source {source!r}"
        raise UsageError(name, found, "source=RUN, a trained network that it is built on", hint)
    return own, source


def _adopt(network: Network, source: str) -> None:
    trained, info = load_checkpoint(Path(source))
    if not info.training and not info.converted_from:
        raise CheckpointError(info.folder, f"an untrained {info.name}", "a trained network")
    adopt = NETWORKS[network.name].adopt
    assert adopt is not None
    adopt(network, trained)
