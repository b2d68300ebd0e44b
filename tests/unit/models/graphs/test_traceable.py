"""Networks as an exporter follows them: the same numbers, by products of matrices."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from hearsight.models.front_end import NormalizedLogMel, make_front_end
from hearsight.models.graphs.traceable import TraceableLogMel, TraceableNetwork, make_kernels
from hearsight.models.zoo import NETWORKS, build_network
from hearsight.signal.front_ends import FRONT_ENDS, VGGISH, FrontEnd
from hearsight.signal.log_mel import compute_log_mel
from tests.support.rounding import bound_front_end, bound_outputs, bound_rounding


def make_sounds(front_end: FrontEnd) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    count = 2 * front_end.patch_samples
    time = np.arange(count) / front_end.sample_rate
    noise = 0.1 * rng.standard_normal(count)
    return {
        "noise": noise,
        "faint noise": 1e-3 * noise,
        "tone": 0.5 * np.sin(2 * np.pi * 440 * time),
        "silence": 0 * time,
    }


@pytest.mark.parametrize("kind", ["noise", "faint noise", "tone", "silence"])
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_front_end_by_products_is_the_definition_within_the_bound_of_single_precision(name: str, kind: str) -> None:
    definition = dataclasses.replace(FRONT_ENDS[name], normalize=False)
    # as the layer gets it, so that what is compared is the front end and not the rounding of its input
    waveform = make_sounds(definition)[kind].astype(np.float32).astype(np.float64)
    layer = make_front_end(definition)
    assert not isinstance(layer, NormalizedLogMel)
    found = TraceableLogMel(layer)(torch.from_numpy(waveform).float()[None])[0].numpy()
    wanted = compute_log_mel(waveform, definition)
    assert found.shape == wanted.shape
    bound = bound_front_end(waveform, definition, wanted)
    assert bound.shape == wanted.shape
    assert (np.abs(found - wanted) <= bound).all(), f"{(np.abs(found - wanted) / bound).max():.2g} times the bound"
    if kind in ("noise", "silence") and definition.kind == "mel":
        assert bound.max() < 2e-3  # the bound itself means something


def test_statistics_of_the_bands_are_taken_along() -> None:
    layer = make_front_end(FRONT_ENDS["wu"])
    assert isinstance(layer, NormalizedLogMel)
    layer.train()(0.3 * torch.randn(4, 16_000, generator=torch.Generator().manual_seed(0)))
    layer.eval()
    waveform = 0.1 * torch.randn(2, 16_000, generator=torch.Generator().manual_seed(1))
    (exact,) = bound_rounding(layer, lambda layer: [layer(waveform.double())])
    exact.check(TraceableLogMel(layer)(waveform))
    exact.check(layer(waveform))


def test_bins_that_no_band_hears_are_left_out() -> None:
    kernels, mel = make_kernels(VGGISH)
    assert kernels.shape[1] == 2 * mel.shape[0]
    assert mel.shape[0] < 257 * 0.95
    assert mel.any(axis=1).all()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_says_the_same_as_a_graph(name: str) -> None:
    network = build_network(name, 3, seed=0, width=0.03).eval()
    patch = network.front_end.definition.patch_samples
    generator = torch.Generator().manual_seed(1)
    for batch, length in ((2, patch // 2 + 1), (1, int(1.6 * patch))):
        waveform = 0.1 * torch.randn(batch, length, generator=generator)
        exact = bound_outputs(network, waveform)
        with torch.inference_mode():
            output = network(waveform)
            clips, segments, embeddings, weights = TraceableNetwork(network)(waveform)
        torch.testing.assert_close(weights, output.weights[0])
        for found in (segments, output.probabilities):
            exact.probabilities.check(found)
        for found in (clips, output.clip_probabilities):
            exact.clip_probabilities.check(found)
        for found in (embeddings, output.embeddings):
            exact.embeddings.check(found)


def test_the_network_that_came_in_is_left_as_it_was() -> None:
    network = build_network("jia-mobilenet-v2", 3, seed=0, width=0.1).train()
    front_end = network.front_end
    TraceableNetwork(network)
    assert network.front_end is front_end
    assert network.training
