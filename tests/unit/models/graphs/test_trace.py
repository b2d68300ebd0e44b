"""The body of a network: what it takes, and that its outputs are those of the network."""

from __future__ import annotations

import pytest
import torch

from hearsight.models.graphs.trace import NetworkBody, make_patches, takes_segments
from hearsight.models.zoo import build_network


@pytest.mark.parametrize(
    ("name", "whole"), [("hearsight-conv-4", False), ("jia-mobilenet-v2", False), ("soundnet-5", True)]
)
def test_the_body_of_a_network_returns_what_the_network_returns(name: str, whole: bool) -> None:
    network = build_network(name, 3, seed=0).eval()
    assert takes_segments(network) == whole
    sounds = 0.1 * torch.randn(2, network.segmentation.segment_samples, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits, embeddings = network.forward_segments(sounds)
        found = NetworkBody(network)(make_patches(network, sounds))
    torch.testing.assert_close(found[0], network.probabilities(logits))
    torch.testing.assert_close(found[1], embeddings)
