"""Every network of the zoo as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.export.onnx import INPUT, OUTPUTS, TOLERANCE, export_network, run_listener
from hearsight.listening.listener import load
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import NETWORKS, build_network
from hearsight.runtime import Session
from tests.support.rounding import bound_outputs

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

QUICK = ("jia-vggish-fcn", "hershey-aed-log-mel", "wu-lstm", "soundnet-5", "panns-cnn14", "hearsight-conv-4")
"""One of each kind of graph; that of MobileNetV2 is in test_onnx.py. `make test-all` exports all networks, a few seconds each."""


def mark(name: str) -> object:
    return name if name in QUICK else pytest.param(name, marks=pytest.mark.slow)


@pytest.mark.parametrize("name", [mark(name) for name in NETWORKS])
def test_every_network_is_exported_with_its_front_end(name: str, tmp_path: Path) -> None:
    network = build_network(name, 3, seed=0, width=0.03).eval()
    save_checkpoint(network, tmp_path / "run", vocabulary=("a", "b", "c"))
    summary = export_network(tmp_path / "run", tmp_path / "model.onnx")
    assert summary.difference < TOLERANCE
    session = Session((tmp_path / "model.onnx").read_bytes(), "model.onnx")
    rule = network.segmentation
    listener = load(tmp_path / "run", device="cpu")
    for batch, length in ((1, rule.segment_samples // 3), (2, rule.segment_samples + rule.hop_samples // 2 + 7)):
        waveform = (0.1 * np.random.default_rng(2).standard_normal((batch, length))).astype(np.float32)
        exact = bound_outputs(network, torch.from_numpy(waveform))
        for outputs in (session.run({INPUT: waveform}, OUTPUTS), run_listener(listener, waveform)):
            clips, segments, embeddings, weights = outputs
            exact.clip_probabilities.check(clips)
            exact.probabilities.check(segments)
            exact.embeddings.check(embeddings)
            np.testing.assert_allclose(weights, rule.place(length)[1].numpy(), rtol=1e-6)
