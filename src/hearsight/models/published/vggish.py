"""VGGish's published weights: the variables of Google's TensorFlow checkpoint, or those of the PyTorch port known as torchvggish.

The variables come as a NumPy archive or an HDF5 file under their names in the checkpoint (``vggish/conv3/conv3_1/weights``), or
under those that Keras gives them (``conv3/conv3_1/conv3/conv3_1/kernel:0``): what counts is the layer and the array, the last two
parts. Kernels lie in TensorFlow's order, height, width, in, out; fully connected layers in, out.

The port's weights are the same numbers in PyTorch's order, and its maps are flattened as the release's are. What it does otherwise
it does behind them (a last ReLU, rounding), so that nothing of it comes along.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from hearsight.errors import WeightsError
from hearsight.models.architectures.vggish_layers import CONVOLUTIONS
from hearsight.models.network import Network
from hearsight.models.published.arrays import read_npz, read_tensors_of
from hearsight.models.published.hdf5 import read_hdf5
from hearsight.models.published.layout import Slot, build_of_width, fill_state, start_state
from hearsight.models.published.source import Source
from hearsight.version import locate_page

FULLY_CONNECTED = ("fc1_1", "fc1_2", "fc2")
ARRAYS = {"weights": "weights", "kernel": "weights", "biases": "biases", "bias": "biases"}
"""The arrays of a layer, as TensorFlow's slim and as Keras call them."""
PORT = (*(f"features.{index}" for index in (0, 3, 6, 8, 11, 13)), *(f"embeddings.{index}" for index in (0, 2, 4)))
"""The layers of the PyTorch port, in the order of the network."""
PCA = ("pca_eigen_vectors", "pca_means")


def build_vggish(source: Source, pca: Source | None, width: float) -> Network:
    """Build VGGish with published weights, and with its PCA where that is given; it has no classes, as the release has none.

    Raises
    ------
    WeightsError
        When a file cannot be read or does not fit.
    """
    page = locate_page("docs/how-to/published-weights.md")
    hint = f"a TensorFlow checkpoint: {page} explains how its variables become a .npz"
    source.require_format(("npz", "hdf5", "torch"), hint)
    network = build_of_width("vggish", 0, width, tail="drop", **({} if pca is None else {"pca": True}))
    state = start_state(network)
    if source.format == "torch":
        fill_state(state, read_tensors_of(source), _list_port_slots(network), source.path)
    else:
        variables = read_npz(source) if source.format == "npz" else read_hdf5(source)
        fill_state(state, _name_by_layer(variables, source), _list_slots(network), source.path)
    if pca is not None:
        pca.require_format(("npz",))
        arrays = {name: np.squeeze(value) if name == PCA[1] else value for name, value in read_npz(pca).items()}
        slots = [Slot(name, f"postprocessor.{name}", tuple(state[f"postprocessor.{name}"].shape)) for name in PCA]
        fill_state(state, arrays, slots, pca.path)
    network.load_state_dict(state, assign=True)
    return network.eval()


def _list_layers() -> dict[str, str]:
    """Return the network's name of each layer."""
    convolutions = {name: f"trunk.convolutions.{name}" for name, _, _ in CONVOLUTIONS}
    return convolutions | {name: f"trunk.{name}" for name in FULLY_CONNECTED}


def _list_slots(network: Network) -> list[Slot]:
    tensors = network.state_dict()
    slots: list[Slot] = []
    for layer, target in _list_layers().items():
        shape = tuple(tensors[f"{target}.weight"].shape)
        # out, in, height, width here; height, width, in, out there
        axes = (3, 2, 0, 1) if len(shape) == 4 else (1, 0)
        stored = (shape[2], shape[3], shape[1], shape[0]) if len(shape) == 4 else (shape[1], shape[0])
        slots.append(Slot(f"{layer}/weights", f"{target}.weight", stored, axes))
        slots.append(Slot(f"{layer}/biases", f"{target}.bias", (shape[0],)))
    return slots


def _list_port_slots(network: Network) -> list[Slot]:
    tensors = network.state_dict()
    return [
        Slot(f"{name}.{array}", f"{target}.{array}", tuple(tensors[f"{target}.{array}"].shape))
        for name, target in zip(PORT, _list_layers().values(), strict=True)
        for array in ("weight", "bias")
    ]


def _name_by_layer(variables: Mapping[str, np.ndarray], source: Source) -> dict[str, np.ndarray]:
    """Call variables by their layer and array, whatever stands before; others keep their names, to be refused by them."""
    layers = set(_list_layers())
    named: dict[str, np.ndarray] = {}
    for name, value in variables.items():
        parts = name.removesuffix(":0").split("/")
        layer = parts[-2].removeprefix("vggish_") if len(parts) > 1 else ""
        known = layer in layers and parts[-1] in ARRAYS
        short = f"{layer}/{ARRAYS[parts[-1]]}" if known else name
        if short in named:
            raise WeightsError(source.path, f"{short} is there twice, once as {name:.100}", "each variable once")
        named[short] = value
    return named
