"""Taking over the weights of a trained network: all layers but the last, and of the last the rows of classes that both have."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from hearsight.errors import CheckpointError, UsageError, guess
from hearsight.models.checkpoint import CheckpointInfo
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.network import Network

_HEADS = "heads"
"""The option that follows from the classes; it may differ."""


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes of a network, in the order of its logits.

    Attributes
    ----------
    names
        Their names.
    origins
        Where each comes from; empty where that is unknown.
    """

    names: Sequence[str]
    origins: Sequence[ClassOrigin] = ()

    def list_keys(self) -> list[Hashable]:
        """Return what identifies each class: its sense and its id in a public list, or its name where it has no id."""
        if not self.origins:
            return [(None, name) for name in self.names]
        pairs = zip(self.names, self.origins, strict=True)
        return [(origin.sense, origin.id or name) for name, origin in pairs]


def match_classes(new: Classes, old: Classes) -> list[tuple[int, int]]:
    """Return the pairs of indices of a new and an old class that are the same.

    Classes are the same if they have the same sense and the same id in a public list; where one of them has no id, if their names
    are equal. Where the origins of one network's classes are unknown, names alone are compared. What occurs twice on one side is
    matched by neither.
    """
    if bool(new.origins) != bool(old.origins):
        new, old = Classes(new.names), Classes(old.names)
    pairs = _pair(new.list_keys(), old.list_keys())
    if not new.origins:
        return pairs
    matched = ({first for first, _ in pairs}, {second for _, second in pairs})
    by_name = _pair(_list_names(new), _list_names(old))
    without_id = [
        (first, second)
        for first, second in by_name
        if not (new.origins[first].id and old.origins[second].id)
        and first not in matched[0]
        and second not in matched[1]
    ]
    return sorted([*pairs, *without_id])


def adopt_weights(network: Network, classes: Classes, trained: Network, info: CheckpointInfo) -> list[int]:
    """Take over the weights of a trained network; the last layer keeps its fresh rows where a class is new.

    Parameters
    ----------
    network, classes
        The network with fresh weights, which is changed in place, and its classes.
    trained, info
        The trained network, and what its checkpoint records.

    Returns
    -------
    list of int
        The classes that kept their rows, as indices of the new network's.

    Raises
    ------
    CheckpointError
        When the trained network is another one, or has other options or another front end.
    """
    _check_alike(network, trained, info)
    (output,) = (name for name, module in network.named_modules() if module is network.output_layer)
    own, taken = network.state_dict(), trained.state_dict()
    pairs = match_classes(classes, Classes(info.vocabulary, info.classes))
    for name, value in own.items():
        if not name.startswith(f"{output}."):
            _copy(value, taken[name], name, info)
        elif pairs:
            rows, sources = zip(*pairs, strict=True)
            with torch.no_grad():
                value[list(rows)] = taken[name][list(sources)]
    return [first for first, _ in pairs]


def freeze_layers(network: Network, names: Sequence[str]) -> None:
    """Keep the weights and statistics of some layers as they are in training.

    Parameters
    ----------
    network
        Is changed in place.
    names
        Names of modules, such as ``trunk`` or ``trunk.layers.0``, as ``network.named_modules()`` lists them.

    Raises
    ------
    UsageError
        When there is no such layer, or nothing is left to train.
    """
    known = [name for name, _ in network.named_modules() if name]
    for name in names:
        if name not in known:
            parts = ", ".join(name for name in known if name.count(".") <= 1)
            hint = guess(name, known) or f"its layers begin with {parts[:300]}"
            raise UsageError("freeze", f"no layer {name!r} in {network.name}", "the name of a layer", hint)
        network.get_submodule(name).requires_grad_(requires_grad=False)
    network.frozen = tuple(names)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        found = f"every layer of {network.name} is frozen"
        raise UsageError("freeze", found, "at least one layer to train", "leave out the layer classifier")


def strip_heads(options: dict[str, Any]) -> dict[str, Any]:
    """Return a network's options without those that follow from its classes."""
    return {key: value for key, value in options.items() if key != _HEADS}


def _check_alike(network: Network, trained: Network, info: CheckpointInfo) -> None:
    if trained.name != network.name:
        hint = f"train with --model {trained.name}"
        raise CheckpointError(info.folder, f"the network {trained.name}", network.name, hint)
    found, wanted = strip_heads(trained.options), strip_heads(network.options)
    if found != wanted:
        raise CheckpointError(info.folder, f"{trained.name} with options {found}", f"options {wanted}")
    if trained.front_end.definition != network.front_end.definition:
        found, wanted = (str(one.front_end.definition) for one in (trained, network))
        raise CheckpointError(info.folder, f"the front end {found}", wanted)


def _copy(
    value: Shaped[Tensor, "*shape"], taken: Shaped[Tensor, "*other_shape"], name: str, info: CheckpointInfo
) -> None:
    if value.shape != taken.shape:
        found = f"{name} of shape {tuple(taken.shape)}"
        raise CheckpointError(info.folder, found, f"shape {tuple(value.shape)}")
    value.copy_(taken)


def _list_names(classes: Classes) -> list[Hashable]:
    return [(origin.sense, name) for name, origin in zip(classes.names, classes.origins, strict=True)]


def _pair(new: list[Hashable], old: list[Hashable]) -> list[tuple[int, int]]:
    """Return the places of equal keys, which occur once on either side."""
    counts = Counter(old)
    places = {key: place for place, key in enumerate(old) if counts[key] == 1}
    occurrences = Counter(new)
    return [(place, places[key]) for place, key in enumerate(new) if occurrences[key] == 1 and key in places]
