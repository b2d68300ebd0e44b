"""Which array of a file becomes which tensor of a network, and whether the two fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hearsight.errors import WeightsError
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.network import Network

MOST_TOLD = 3
"""Mistakes of one kind that an error names."""


@dataclasses.dataclass(frozen=True)
class Slot:
    """Where one array of a file goes.

    Attributes
    ----------
    source
        Its name in the file.
    target
        The tensor of the network.
    stored
        Its shape in the file.
    axes
        The file's axes in the order of the tensor's; axes of one element may be left over at the end. None where they are the same.
    rows
        First row of the tensor that it fills, and the one behind its last; None for all.
    """

    source: str
    target: str
    stored: tuple[int, ...]
    axes: tuple[int, ...] | None = None
    rows: tuple[int, int] | None = None


def build_of_width(name: str, num_classes: int, width: float, **options: Any) -> Network:
    """Build a network without memory for its weights; ``width`` is an option of it where it is not 1, as it is where published."""
    if width != 1.0:
        options["width"] = width
    return build_on_meta_device(name, num_classes, **options)


def start_state(network: Network) -> dict[str, Tensor]:
    """Return zeros in the shape of every tensor of a network, which may be on torch's ``meta`` device."""
    return {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in network.state_dict().items()}


def fill_state(
    state: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray], slots: Sequence[Slot], where: object
) -> None:
    """Put the arrays of a file into the tensors of a network.

    Parameters
    ----------
    state
        The tensors, which are filled.
    arrays
        The arrays of the file, by their names in it.
    slots
        Where each goes.
    where
        The file that errors are about.

    Raises
    ------
    WeightsError
        When arrays are missing, left over, of other shapes or kinds of numbers, or hold NaN, infinities or negative variances; up
        to three of each mistake are named, in the file's own words.
    """
    mistakes = _find_mistakes(state, arrays, slots)
    if mistakes:
        raise WeightsError(where, "; ".join(mistakes), "the weights of the network that was named")
    for slot in slots:
        target = state[slot.target]
        values = np.asarray(arrays[slot.source])
        part = target if slot.rows is None else target[slot.rows[0] : slot.rows[1]]
        ordered = values if slot.axes is None else values.transpose(slot.axes)
        part.copy_(torch.from_numpy(ordered.astype(_to_numpy(target), order="C")).reshape(part.shape))


def _find_mistakes(state: Mapping[str, Tensor], arrays: Mapping[str, np.ndarray], slots: Sequence[Slot]) -> list[str]:
    known = {slot.source for slot in slots}
    found = [slot for slot in slots if slot.source in arrays]
    fitting = [slot for slot in found if arrays[slot.source].shape == slot.stored]
    numeric = [slot for slot in fitting if _has_numbers(arrays[slot.source], state[slot.target])]
    misfits = [
        f"{slot.source} is {arrays[slot.source].shape} and not {slot.stored}" for slot in found if slot not in fitting
    ]
    return [
        *_tell(f"{slot.source} is missing" for slot in slots if slot.source not in arrays),
        *_tell(f"{name:.100} is unknown" for name in arrays if name not in known),
        *_tell(misfits),
        *_tell(
            f"{slot.source} holds {arrays[slot.source].dtype} and not {_to_numpy(state[slot.target])}"
            for slot in fitting
            if slot not in numeric
        ),
        *_tell(f"{slot.source} {mistake}" for slot in numeric if (mistake := _find_bad(arrays, state, slot))),
    ]


def _tell(mistakes: Iterable[str]) -> list[str]:
    told = list(mistakes)
    rest = len(told) - MOST_TOLD
    return told if rest <= 0 else [*told[:MOST_TOLD], f"and {rest} more like it"]


def _has_numbers(array: np.ndarray, target: Tensor) -> bool:
    return array.dtype.kind == ("f" if target.is_floating_point() else "i")


def _find_bad(arrays: Mapping[str, np.ndarray], state: Mapping[str, Tensor], slot: Slot) -> str:
    """Return what is wrong with the numbers of an array; an empty text where nothing is."""
    with np.errstate(over="ignore"):
        values = arrays[slot.source].astype(_to_numpy(state[slot.target]))
    if not np.isfinite(values).all():
        return "holds NaN or infinities"
    if slot.target.endswith("running_var") and values.min(initial=0.0) < 0.0:
        return "holds negative variances"
    return ""


def _to_numpy(tensor: Tensor) -> np.dtype[np.generic]:
    return np.dtype("float32") if tensor.is_floating_point() else np.dtype("int64")
