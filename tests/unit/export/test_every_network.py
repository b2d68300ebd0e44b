"""Every network of the zoo as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.export.onnx import INPUT, OUTPUTS, export_network, limit_samples
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import NETWORKS, build_network
from hearsight.runtime import Session

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

QUICK = ("jia-vggish-fcn", "hershey-aed-log-mel", "wu-lstm", "soundnet-5", "hearsight-conv-4")
"""One of each kind of graph; that of MobileNetV2 is in test_export.py. `make test-all` exports all networks, a few seconds each."""


def mark(name: str) -> object:
    return name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [mark(name) for name in NETWORKS])
def test_every_network_is_exported_with_its_front_end(name: str, tmp_path: Path) -> None:
    network = build_network(name, 3, seed=0, width=0.03).eval()
    save_checkpoint(network, tmp_path / "run", vocabulary=("a", "b", "c"))
    summary = export_network(tmp_path / "run", tmp_path / "model.onnx")
    assert summary.difference < 1e-4
    session = Session((tmp_path / "model.onnx").read_bytes(), "model.onnx")
    length = min(network.front_end.definition.patch_samples + 777, limit_samples(network)[1])
    waveform = (0.1 * np.random.default_rng(2).standard_normal((5, length))).astype(np.float32)
    probabilities, segments, embeddings = session.run({INPUT: waveform}, OUTPUTS)
    with torch.inference_mode():
        output = network(torch.from_numpy(waveform))
    np.testing.assert_allclose(probabilities, output.clip_probabilities.numpy(), atol=1e-4)
    np.testing.assert_allclose(segments, output.probabilities.numpy(), atol=1e-4)
    scale = float(output.embeddings.abs().max())
    np.testing.assert_allclose(embeddings / scale, output.embeddings.numpy() / scale, atol=1e-4)
