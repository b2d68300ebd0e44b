"""One rule of segments: the network, the listener and the exported file make the same of a sound of any length."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hearsight.export.onnx import INPUT, OUTPUTS, export_network, run_listener
from hearsight.listening.listener import Listener, load
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from hearsight.runtime import Session

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

TOLERANCE = 1e-4


@pytest.fixture(scope="module", params=["hearsight-conv-4", "vggish,tail=drop", "soundnet-5", "panns-cnn14"])
def parts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Listener, Session]:
    name, _, tail = request.param.partition(",tail=")
    folder = tmp_path_factory.mktemp(name)
    network = build_network(name, 3, seed=0, width=0.05, **({"tail": tail} if tail else {}))
    torch.nn.init.normal_(network.output_layer.weight)
    save_checkpoint(network, folder / "run", vocabulary=("a", "b", "c"))
    export_network(folder / "run", folder / "model.onnx")
    return load(folder / "run", device="cpu"), Session((folder / "model.onnx").read_bytes(), folder)


@settings(max_examples=25, deadline=None)
@given(hops=st.integers(0, 3), beside=st.integers(-3, 3) | st.integers(-9_000, 9_000), batch=st.integers(1, 2))
def test_network_listener_and_file_agree_on_every_length(
    parts: tuple[Listener, Session], hops: int, beside: int, batch: int
) -> None:
    listener, session = parts
    network = listener.network
    rule = network.segmentation
    length = max(1, rule.segment_samples + (hops - 1) * rule.hop_samples + beside)
    waveform = (0.1 * np.random.default_rng(length).standard_normal((batch, length))).astype(np.float32)
    with torch.inference_mode():
        output = network(torch.from_numpy(waveform))
    heard = run_listener(listener, waveform)
    fields = (output.clip_probabilities, output.probabilities, output.embeddings, output.weights[0])
    for forward, one, other in zip(fields, heard, session.run({INPUT: waveform}, OUTPUTS), strict=True):
        scale = TOLERANCE * max(1.0, float(np.abs(one).max()))
        np.testing.assert_allclose(forward.numpy(), one, atol=scale)
        np.testing.assert_allclose(other, one, atol=scale)
    embeddings = np.average(heard[2], axis=1, weights=heard[3])
    np.testing.assert_allclose(
        output.clip_embeddings.numpy(), embeddings, atol=TOLERANCE * max(1.0, np.abs(embeddings).max())
    )


def test_a_sound_of_a_segment_and_a_half_has_one_answer(tmp_path: Path) -> None:
    """Its last segment once counted whole in the file, as half a segment in the listener, and was missing in the network."""
    network = build_network("hearsight-conv-4", 3, seed=0, width=0.1)
    torch.nn.init.normal_(network.output_layer.weight, std=3.0)
    save_checkpoint(network, tmp_path / "run", vocabulary=("a", "b", "c"))
    export_network(tmp_path / "run", tmp_path / "model.onnx")
    generator = np.random.default_rng(3)
    sound = np.concatenate([0.3 * generator.standard_normal(8_000), np.sin(np.arange(15_840) / 3)]).astype(np.float32)
    session = Session((tmp_path / "model.onnx").read_bytes(), tmp_path)
    found = session.run({INPUT: sound[None]}, OUTPUTS)[0][0]
    tags = load(tmp_path / "run", device="cpu").tag_waveform(sound, 16_000, top=None)
    wanted = {tag.name: tag.probability for tag in tags}
    np.testing.assert_allclose(found, [wanted[name] for name in "abc"], atol=1e-5)
