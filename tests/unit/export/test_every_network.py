"""Every network of the zoo as an ONNX file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.export.onnx import INPUT, OUTPUTS, export_network, run_listener
from hearsight.listening.listener import load
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import NETWORKS, build_network
from hearsight.runtime import Session

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
    assert summary.difference < 1e-4
    session = Session((tmp_path / "model.onnx").read_bytes(), "model.onnx")
    rule = network.segmentation
    listener = load(tmp_path / "run", device="cpu")
    for batch, length in ((1, rule.segment_samples // 3), (2, rule.segment_samples + rule.hop_samples // 2 + 7)):
        waveform = (0.1 * np.random.default_rng(2).standard_normal((batch, length))).astype(np.float32)
        for found, wanted in zip(
            session.run({INPUT: waveform}, OUTPUTS), run_listener(listener, waveform), strict=True
        ):
            np.testing.assert_allclose(found, wanted, atol=1e-4 * max(1.0, float(np.abs(wanted).max())))
