"""The bound of rounding that other tests compare outputs with: it holds, and what is no rounding exceeds it."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import nn

from hearsight.models.network import Network
from hearsight.models.zoo import build_network
from tests.support.rounding import bound_outputs, bound_rounding

KINDS = ("hearsight-conv-4", "jia-resnet-50", "wu-lstm", "wu-bgru-att", "soundnet-autoencoder", "panns-cnn14")


def make_network(name: str) -> tuple[Network, torch.Tensor]:
    network = build_network(name, 3, seed=0, width=0.03).eval()
    length = min(network.segmentation.segment_samples, 40_000)
    return network, 0.1 * torch.randn(1, length, generator=torch.Generator().manual_seed(1))


def change_weight(network: Network) -> None:
    """The weights of one unit of the first layer, by a hundredth of the largest."""
    weight = next(each for each in network.trunk.parameters() if each.ndim > 1)
    weight.data[0] += 0.01 * weight.abs().max()


def change_bias(network: Network) -> None:
    """The bias of the output, by a ten-thousandth."""
    bias = network.output_layer.bias
    assert bias is not None
    bias.data += 1e-4


def change_bands(network: Network) -> None:
    """Every band one bin further up."""
    if "mel" not in network.front_end._buffers:
        network.trunk.register_forward_pre_hook(lambda _, inputs: (inputs[0] * (1 + 1e-3),))
    else:
        network.front_end.mel = network.front_end.mel.roll(1, dims=0)


@pytest.mark.parametrize("change", [change_weight, change_bias, change_bands])
@pytest.mark.parametrize("name", KINDS)
def test_rounding_is_within_the_bound_and_a_changed_network_is_not(
    name: str, change: Callable[[Network], None]
) -> None:
    network, waveform = make_network(name)
    exact = bound_outputs(network, waveform)
    with torch.no_grad():
        output = network(waveform)
        for part in ("logits", "embeddings", "probabilities", "clip_probabilities", "clip_embeddings"):
            getattr(exact, part).check(getattr(output, part))
        changed = copy.deepcopy(network)
        change(changed)
        assert exact.logits.measure(changed(waveform).logits) > 2.0
        with pytest.raises(AssertionError, match="times the bound of rounding"):
            exact.logits.check(changed(waveform).logits)


@pytest.mark.parametrize("name", KINDS)
def test_a_sound_that_is_ten_samples_late_exceeds_the_bound(name: str) -> None:
    network, waveform = make_network(name)
    exact = bound_outputs(network, waveform)
    with torch.no_grad():
        late = network(nn.functional.pad(waveform, (10, -10)))
    assert exact.embeddings.measure(late.embeddings) > 2.0


def test_the_bound_grows_with_what_is_added_and_not_with_the_sum() -> None:
    layer = nn.Linear(2, 1)
    layer.weight.data = torch.tensor([[1.0, -1.0]])
    layer.bias.data.zero_()
    bounds = [
        bound_rounding(layer, lambda exact, size=size: [exact(torch.full((4, 2), size).double())])[0].bound
        for size in (1.0, 1e4)
    ]
    assert bounds[0] == pytest.approx(4 * 2**-24 * 3**0.5 * 2)
    assert bounds[1] == pytest.approx(1e4 * bounds[0])
