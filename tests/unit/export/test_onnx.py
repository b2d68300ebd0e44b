"""Checkpoints as ONNX files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.errors import DatasetError, GraphError, MissingExtraError, UsageError
from hearsight.export.calibration import NUM_EXAMPLES
from hearsight.export.onnx import INPUT, OUTPUTS, export_network
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.graphs.trace import OPSET, name_kept_nodes
from hearsight.models.graphs.traceable import TraceableNetwork
from hearsight.runtime import Session
from hearsight.teachers.registry import load_teacher
from tests.support.rounding import bound_outputs
from tests.support.videos import write_folder

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "model.onnx"
    export_network(run, out)
    return out


@pytest.mark.parametrize("length", [1, 100, 7_999, 8_000, 15_999, 16_000, 23_999, 24_000, 100_000])
def test_any_length_and_batch_gives_what_the_network_gives(exported: Path, run: Path, length: int) -> None:
    network, _ = load_checkpoint(run)
    session = Session(exported.read_bytes(), exported)
    waveform = (0.1 * np.random.default_rng(length).standard_normal((2, length))).astype(np.float32)
    exact = bound_outputs(network, torch.from_numpy(waveform)).probabilities
    for batch in (1, 2):
        with torch.inference_mode():
            found = network(torch.from_numpy(waveform[:batch])).probabilities
        for each in (session.run({INPUT: waveform[:batch]}, ["segments"])[0], found):
            exact.check(each, places=slice(batch))


def test_the_file_tells_what_it_is(exported: Path) -> None:
    session = Session(exported.read_bytes(), exported)
    assert json.loads(session.metadata["names"]) == ["bark", "rain", "bell"]
    assert session.metadata["sample_rate"] == session.metadata["training_sample_rate"] == "16000"
    assert session.metadata["segment_samples"] == session.metadata["hop_samples"] == "16000"
    assert session.metadata["network"] == "jia-mobilenet-v2"
    assert [port.name for port in session.inputs] == [INPUT]
    assert [port.name for port in session.outputs] == list(OUTPUTS)
    assert session.inputs[0].sizes == (None, None)


def test_the_file_is_a_teacher_too(exported: Path, run: Path) -> None:
    teacher = load_teacher(f"onnx:{exported}", "audio")
    assert teacher.vocabulary.names == ("bark", "rain", "bell")
    segments = (0.1 * np.random.default_rng(0).standard_normal((2, 16_000))).astype(np.float32)
    exact = bound_outputs(load_checkpoint(run)[0], torch.from_numpy(segments))
    exact.clip_probabilities.check(teacher.predict(segments))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hearsight.config import BuildConfig
    from hearsight.dataset.build import build_dataset

    folder = tmp_path_factory.mktemp("calibration")
    write_folder(folder / "videos", 6)
    config = BuildConfig.model_validate({"vision": ["clusters:k=4"], "audio": ["clusters:k=4"]})
    build_dataset([folder / "videos"], folder / "dataset", config, workers=1)
    return folder / "dataset"


def test_eight_bits_are_smaller_and_nearly_agree(run: Path, dataset: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("hearsight.export.calibration.LEAST_EXAMPLES", 2)
    whole = export_network(run, tmp_path / "whole.onnx")
    small = export_network(run, tmp_path / "small.onnx", int8=True, calibrate=dataset)
    assert small.size_bytes < 0.6 * whole.size_bytes
    assert small.agreement is not None
    assert 1 <= small.agreement.num_segments <= NUM_EXAMPLES
    assert small.agreement.mean_cosine > 0.9
    assert small.agreement.mean_difference < 0.05
    assert any("cosine" in line for line in small.describe())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.onnx", "whole.onnx"]


def test_the_front_end_stays_in_floating_point(exported: Path) -> None:
    onnx = pytest.importorskip("onnx")
    nodes = onnx.load(str(exported)).graph.node
    kept = set(name_kept_nodes(nodes))
    products = [node for node in nodes if node.op_type in ("MatMul", "Gemm", "Conv")]
    assert [node.name in kept for node in products[:2]] == [True, True]
    assert not any(node.name in kept for node in products[2:])


def test_a_file_that_returns_something_else_is_not_kept(run: Path, tmp_path: Path, monkeypatch) -> None:
    graphs = TraceableNetwork.forward

    def forward(self: TraceableNetwork, waveform: torch.Tensor) -> tuple[torch.Tensor, ...]:
        clips, segments, embeddings, weights = graphs(self, waveform)
        return 0.9 * clips, segments, embeddings, weights

    monkeypatch.setattr(TraceableNetwork, "forward", forward)
    with pytest.raises(GraphError, match="differs from the network"):
        export_network(run, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_requests_that_make_no_sense_are_refused(run: Path, tmp_path: Path, monkeypatch) -> None:
    with pytest.raises(UsageError, match="calibrate"):
        export_network(run, tmp_path / "model.onnx", int8=True)
    with pytest.raises(UsageError, match="int8"):
        export_network(run, tmp_path / "model.onnx", calibrate=tmp_path)
    with pytest.raises(UsageError, match=r"\.onnx"):
        export_network(run, tmp_path / "model.pt")
    with pytest.raises(DatasetError):
        export_network(run, tmp_path / "model.onnx", int8=True, calibrate=tmp_path)
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(MissingExtraError, match="onnx"):
        export_network(run, tmp_path / "model.onnx")
    assert OPSET >= 17
