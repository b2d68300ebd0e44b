"""SoundNet's published weights: the authors' Torch7 files, or the NumPy dictionary of their TensorFlow port.

The dictionary (``sound8.npy``) has the layers ``conv1`` to ``conv7`` with ``weights, biases, gamma, beta, mean, var``, and the two
last layers ``conv8`` (objects) and ``conv8_2`` (scenes) with the first two; kernels lie as height, 1, in, out. In a Torch7 file,
the layers are found by their classes in the order of the network, and kernels lie as out, in, height, 1. Eight and five layers
are distinguished by what is there; the last layers' sizes are the network's heads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hearsight.errors import WeightsError
from hearsight.models.architectures.soundnet_layers import EIGHT_LAYERS, FIVE_LAYERS, Plan
from hearsight.models.network import Network
from hearsight.models.published.arrays import read_npy_dictionary
from hearsight.models.published.layout import Slot, build_of_width, fill_state, start_state
from hearsight.models.published.source import Source
from hearsight.models.published.torch7 import Table, TorchObject, read_torch7

NORMALISATION = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
"""The arrays of a normalisation, as the port calls them and as Torch does."""
NETWORKS: dict[str, Plan] = {"soundnet-8": EIGHT_LAYERS, "soundnet-5": FIVE_LAYERS}
_WANTED = "the layers conv1 to conv7, conv8 and conv8_2, or conv1 to conv4, conv5 and conv5_2"


def build_soundnet(source: Source, width: float) -> Network:
    """Build the SoundNet of eight or of five layers, whichever the file holds, with published weights.

    Raises
    ------
    WeightsError
        When the file cannot be read, or holds another network.
    """
    source.require_format(("npy", "torch7"))
    by_torch = source.format == "torch7"
    arrays = _read_layers(source) if by_torch else read_npy_dictionary(source)
    name = next((name for name, plan in NETWORKS.items() if f"{_list_last(plan)[1]}/weights" in arrays), None)
    if name is None:
        layers = sorted({each.partition("/")[0] for each in arrays})
        raise WeightsError(source.path, f"the layers {', '.join(layers)[:200]}", _WANTED)
    plan = NETWORKS[name]
    heads = [_count_outputs(arrays, layer) for layer in _list_last(plan)]
    options: dict[str, Any] = {"heads": heads} if min(heads) > 0 else {}
    network = build_of_width(name, max(2, sum(heads)), width, **options)
    state = start_state(network)
    slots = _list_slots(network, plan, heads, by_torch=by_torch)
    fill_state(state, arrays, slots, source.path)
    network.load_state_dict(state, assign=True)
    return network.eval()


def _list_last(plan: Plan) -> tuple[str, str]:
    """Return the names of a plan's two last layers."""
    name = f"conv{1 + len(_list_convolutions(plan))}"
    return name, f"{name}_2"


def _list_convolutions(plan: Plan) -> list[str]:
    return [name for name, (channels, _) in plan.layers.items() if channels is not None]


def _count_outputs(arrays: Mapping[str, np.ndarray], layer: str) -> int:
    biases = arrays.get(f"{layer}/biases")
    return biases.size if biases is not None and biases.ndim == 1 else 0


def _list_slots(network: Network, plan: Plan, heads: list[int], *, by_torch: bool) -> list[Slot]:
    tensors = network.state_dict()
    slots: list[Slot] = []

    def add_kernel(layer: str, target: str, rows: tuple[int, int] | None = None) -> None:
        outputs, inputs, height = tensors[f"{target}.weight"].shape
        outputs = outputs if rows is None else rows[1] - rows[0]
        stored = (outputs, inputs, height, 1) if by_torch else (height, 1, inputs, outputs)
        axes = None if by_torch else (3, 2, 0, 1)
        slots.append(Slot(f"{layer}/weights", f"{target}.weight", stored, axes, rows))
        slots.append(Slot(f"{layer}/biases", f"{target}.bias", (outputs,), None, rows))

    for layer in _list_convolutions(plan):
        add_kernel(layer, f"trunk.{layer}.0")
        for name, array in NORMALISATION.items():
            target = f"trunk.{layer}.1.{array}"
            slots.append(Slot(f"{layer}/{name}", target, tuple(tensors[target].shape)))
    objects, scenes = _list_last(plan)
    add_kernel(objects, "classifier", (0, heads[0]))
    add_kernel(scenes, "classifier", (heads[0], sum(heads)))
    return slots


def _read_layers(source: Source) -> dict[str, np.ndarray]:
    """Read the layers of a Torch7 network, and call them as the port does: by their order, the last two by their place."""
    found = _find_layers(read_torch7(source.content, source.path))
    convolutions = [layer for layer in found if _has_class(layer, "Convolution")]
    plan = next((plan for plan in NETWORKS.values() if len(convolutions) == 2 + len(_list_convolutions(plan))), None)
    if plan is None:
        raise WeightsError(source.path, f"a network of {len(convolutions)} convolutions", "a SoundNet of 9 or of 6")
    names = iter([*_list_convolutions(plan), *_list_last(plan)])
    name, arrays = "", dict[str, np.ndarray]()
    for layer in found:
        if _has_class(layer, "Convolution"):
            name = next(names)
            fields = {"weights": "weight", "biases": "bias"}
        else:
            fields = NORMALISATION
        for array, field in fields.items():
            value = layer.field(field)
            if isinstance(value, np.ndarray):
                arrays[f"{name}/{array}"] = value
    return arrays


def _find_layers(content: Any) -> list[TorchObject]:
    """Find convolutions and normalisations in the order of the network, however its containers are nested."""
    found: list[TorchObject] = []
    pending, seen = [content], set[int]()
    while pending:
        module = pending.pop()
        if not isinstance(module, TorchObject) or id(module) in seen:
            continue
        seen.add(id(module))
        if _has_class(module, "Convolution") or _has_class(module, "BatchNormalization"):
            found.append(module)
        modules = module.field("modules")
        if isinstance(modules, Table):
            pending += reversed(modules.list_values())
    return found


def _has_class(module: TorchObject, kind: str) -> bool:
    """Return whether a layer is of a kind, in the package for the processor or in those for the GPU."""
    return module.class_name in (f"nn.Spatial{kind}", f"cudnn.Spatial{kind}")
