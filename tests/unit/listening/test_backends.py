"""ONNX Runtime in the place of torch: the same outputs, from a graph that is made once and never trusted."""

from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.listening import backends
from hearsight.listening.backends import TOLERANCE, choose_backend
from hearsight.listening.example_sounds import make_sounds
from hearsight.listening.listener import load
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.graphs.trace import write_body
from hearsight.models.zoo import build_network
from tests.support.listening import NAMES


@pytest.fixture(scope="module")
def small_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    save_checkpoint(build_network("hearsight-conv-4", 3, seed=0), folder, vocabulary=NAMES)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory, small_run):
    """A cache with both graphs of the network; torch's exporter takes seconds, and is asked once."""
    folder = tmp_path_factory.mktemp("cache")
    traced = []

    def write_once(network, path):
        if not traced:
            write_body(network, path)
            traced.append(path.read_bytes())
        path.write_bytes(traced[0])

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEARSIGHT_CACHE", str(folder))
        patch.setattr(backends, "write_body", write_once)
        patch.setattr(backends, "NUM_CALIBRATION", 32)
        for backend in ("onnx", "onnx-int8"):
            load(small_run, device="cpu", backend=backend)
        yield folder


def test_the_outputs_in_32_bits_are_those_of_torch(small_run, cache, write_sound):
    path = write_sound("a.wav", 5.3)
    wanted, listener = load(small_run, device="cpu"), load(small_run, device="cpu", backend="onnx")
    for one, other in zip(listener.forward_file(path), wanted.forward_file(path), strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=TOLERANCE)
        scale = np.abs(other.embeddings).max()
        np.testing.assert_allclose(one.embeddings, other.embeddings, atol=TOLERANCE * scale)
        np.testing.assert_array_equal(one.starts, other.starts)
    assert listener.digest == wanted.digest


def test_in_8_bits_embeddings_point_the_same_way_and_the_digest_is_another_one(small_run, cache, write_sound):
    path = write_sound("a.wav", 5.0)
    wanted, listener = load(small_run, device="cpu"), load(small_run, device="cpu", backend="onnx-int8")
    found, expected = listener.embed(path).values, wanted.embed(path).values
    cosines = (found * expected).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosines.min() > 0.95
    assert not np.array_equal(found, expected)
    assert listener.digest != wanted.digest


def test_a_graph_is_made_once_and_again_if_it_is_damaged_or_of_another_network(small_run, cache, capsys):
    graphs = sorted((cache / "graphs").iterdir(), key=lambda path: path.stat().st_size)
    assert len(graphs) == 2
    before = {path: path.read_bytes() for path in graphs}
    load(small_run, device="cpu", backend="onnx")
    assert "made again" not in capsys.readouterr().err
    small, large = graphs
    large.write_bytes(before[small])
    load(small_run, device="cpu", backend="onnx")
    assert "made again" in capsys.readouterr().err
    assert len(large.read_bytes()) == len(before[large])
    small.write_bytes(before[small][:1000])
    assert load(small_run, device="cpu", backend="onnx-int8").backend == "onnx-int8"
    assert "cannot run it" in capsys.readouterr().err


def test_auto_is_torch_where_onnx_runtime_is_missing_or_on_another_device(monkeypatch):
    assert choose_backend("auto", "cpu") == "onnx"
    assert choose_backend("auto", "cuda") == "torch"
    monkeypatch.setattr("hearsight.listening.backends.is_installed", lambda module: False)
    assert choose_backend("auto", "cpu") == "torch"
    with pytest.raises(UsageError, match="device cpu"):
        choose_backend("onnx", "cuda")


def test_generated_sounds_depend_on_their_place_and_span_the_levels():
    sounds = make_sounds(24, 8_000, 16_000, seed=0)
    np.testing.assert_array_equal(sounds[:3], make_sounds(3, 8_000, 16_000, seed=0))
    levels = 20 * np.log10(np.abs(sounds).max(axis=1))
    assert levels.max() <= 1e-5
    assert levels.min() < -30 < -10 < levels.max()
    assert not np.array_equal(sounds[0], make_sounds(1, 8_000, 16_000, seed=1)[0])
