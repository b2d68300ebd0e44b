"""Our value for a published cell about a network: sizes of networks and of their layers, counted from the networks.

A column of a table names what is counted by one of the words of :data:`COUNTS`.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable

from torch import nn

from hearsight.evaluation.paper_tables.measurements import Count
from hearsight.evaluation.paper_tables.published import PublishedCell
from hearsight.models.architectures.soundnet import SoundNet
from hearsight.models.architectures.soundnet_layers import Window
from hearsight.models.counts import count_parameters
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.network import Network
from hearsight.models.row import Figure
from hearsight.models.zoo import NETWORKS

SOUNDNET_SAMPLES = 441_000
"""20 s at 22,050 Hz: the sound that SoundNet's printed sizes are of."""


def count_cell(cell: PublishedCell) -> Count | None:
    """Count what a cell speaks of; None where its column is not one that is counted, or its row not of a network of ours."""
    if not cell.column.counted or not cell.row.network:
        return None
    return COUNTS[cell.column.counted](cell)


@functools.cache
def _build(name: str) -> Network:
    """Build a network without memory for its weights, with the paper's number of classes."""
    return build_on_meta_device(name, NETWORKS[name].published_classes)


def _count_parameters(cell: PublishedCell) -> Count:
    network = _build(cell.row.network)
    count = count_parameters(network)
    figure = Figure(cell.printed)
    decimals = len(cell.printed[:-1].partition(".")[2])
    unit = round(figure.value / float(cell.printed[:-1]))
    shown = f"{count / unit:.{decimals}f}{cell.printed[-1]}"
    source = f"{count:,} parameters of {cell.row.network} with {network.num_classes:,} classes"
    return Count(shown, float(count), source)


def _spell_kernels(cell: PublishedCell) -> Count:
    network = _build(cell.row.network)
    spelt = _spell_layers(network)[[row.key for row in cell.table.rows].index(cell.row.key)]
    value = float(spelt) if spelt.isdigit() else None
    return Count(spelt, value, f"layers of {cell.row.network} as built")


def _spell_layers(network: Network) -> list[str]:
    """Spell a network's kernels as Jia's Table 1 does: equal ones that follow each other in one line."""
    spelt: list[str] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            spelt.append("*".join(map(str, (*module.kernel_size, module.out_channels))))
        elif isinstance(module, nn.MaxPool2d):
            side = module.kernel_size
            spelt.append("*".join(map(str, side if isinstance(side, tuple) else (side, side))))
        elif isinstance(module, nn.Linear):
            spelt.append(str(module.out_features))
    lines: list[str] = []
    for kernel, group in itertools.groupby(spelt):
        times = len(list(group))
        size, _, channels = kernel.rpartition("*")
        lines.append(kernel if times == 1 else f"[{size}, {channels}]*{times}")
    return lines


def _count_soundnet(measure: Callable[[SoundNet, str], int]) -> Callable[[PublishedCell], Count]:
    def count(cell: PublishedCell) -> Count:
        network = _build(cell.row.network)
        if not isinstance(network, SoundNet):
            raise TypeError(f"{cell.row.network} is no SoundNet")
        value = measure(network, cell.row.key)
        return Count(
            f"{value:,}" if cell.column.key == "dim" else str(value),
            float(value),
            f"{cell.row.key} of {cell.row.network} as built, for {SOUNDNET_SAMPLES:,} samples",
        )

    return count


def _count_values(network: SoundNet, layer: str) -> int:
    if layer in network.plan.layers:
        return network.count_values(SOUNDNET_SAMPLES, layer)
    return network.count_outputs(SOUNDNET_SAMPLES)


def _count_filters(network: SoundNet, layer: str) -> int:
    if layer not in network.plan.layers:
        return network.output_layer.out_channels
    # a pooling has the channels of the convolution before it
    names = list(network.plan.layers)
    before = [network.plan.layers[name][0] for name in names[: names.index(layer) + 1]]
    return next(channels for channels in reversed(before) if channels is not None)


def _find_window(network: SoundNet, layer: str) -> Window:
    return network.plan.layers[layer][1] if layer in network.plan.layers else network.plan.last


COUNTS: dict[str, Callable[[PublishedCell], Count]] = {
    "parameters": _count_parameters,
    "jia-kernels": _spell_kernels,
    "soundnet-values": _count_soundnet(_count_values),
    "soundnet-filters": _count_soundnet(_count_filters),
    "soundnet-kernel": _count_soundnet(lambda network, layer: _find_window(network, layer).kernel),
    "soundnet-stride": _count_soundnet(lambda network, layer: _find_window(network, layer).stride),
    "soundnet-padding": _count_soundnet(lambda network, layer: _find_window(network, layer).padding),
}
"""What a column may count."""
