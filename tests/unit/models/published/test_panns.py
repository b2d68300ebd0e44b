"""CNN14 from the authors' file, against their forward pass in a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hearsight.errors import WeightsError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.published.convert import convert
from tests.support.published import compute_panns_reference, make_panns_state

from .conftest import Writer

WIDTH = 0.05
State = dict[str, torch.Tensor]


@pytest.fixture
def state() -> State:
    return make_panns_state(6, WIDTH)


def check(out: Path, state: State) -> None:
    network, info = load_checkpoint(out)
    assert (info.name, info.num_classes, info.sample_rate) == ("panns-cnn14", 6, 32_000)
    for num_samples in (20_000, 100_000):
        waveform = 0.1 * torch.randn(2, num_samples, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            output = network(waveform)
            probabilities, embedding = compute_panns_reference(state, waveform)
        torch.testing.assert_close(output.probabilities[:, 0], probabilities, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(output.embeddings[:, 0], embedding, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_the_authors_checkpoint_is_read(old: bool, state: State, writer: Writer, tmp_path: Path) -> None:
    convert("panns-cnn14", writer.pth({"iteration": 600_000, "model": state}, old=old), tmp_path / "out", width=WIDTH)
    check(tmp_path / "out", state)
    network, _ = load_checkpoint(tmp_path / "out")
    assert int(network.state_dict()["trunk.bn0.num_batches_tracked"]) == 600_000


def test_a_plain_state_dictionary_without_front_end_or_counters_is_read(
    state: State, writer: Writer, tmp_path: Path
) -> None:
    plain = {
        name: value
        for name, value in state.items()
        if not name.startswith(("spectrogram", "logmel")) and not name.endswith("tracked")
    }
    convert("panns-cnn14", writer.pth(plain), tmp_path / "out", width=WIDTH)
    check(tmp_path / "out", state)


def test_weights_of_another_front_end_are_refused(state: State, writer: Writer, tmp_path: Path) -> None:
    shorter = {**state, "spectrogram_extractor.stft.conv_real.weight": torch.zeros(257, 1, 512)}
    with pytest.raises(WeightsError, match=r"another front end: .* is \(257, 1, 512\), wanted that of 32,000 Hz"):
        convert("panns-cnn14", writer.pth(shorter), tmp_path / "out", width=WIDTH)
    higher = {**state, "logmel_extractor.melW": state["logmel_extractor.melW"].roll(1, 0)}
    with pytest.raises(WeightsError, match=r"another front end: logmel_extractor\.melW"):
        convert("panns-cnn14", writer.pth(higher), tmp_path / "out", width=WIDTH)
    assert not (tmp_path / "out").exists()


def test_another_network_of_the_authors_is_named(state: State, writer: Writer, tmp_path: Path) -> None:
    fewer = {name: value for name, value in state.items() if not name.startswith(("conv_block5", "conv_block6"))}
    with pytest.raises(WeightsError, match=r"conv_block5\.conv1\.weight is missing.*and 17 more like it"):
        convert("panns-cnn14", writer.pth(fewer), tmp_path / "out", width=WIDTH)
    more = {**state, "pre_conv0.weight": torch.zeros(64, 1, 11)}
    with pytest.raises(WeightsError, match=r"pre_conv0\.weight is unknown"):
        convert("panns-cnn14", writer.pth({"model": more}), tmp_path / "out", width=WIDTH)
    with pytest.raises(WeightsError, match=r"conv_block1\.conv1\.weight is \(3, 1, 3, 3\) and not \(64, 1, 3, 3\)"):
        convert("panns-cnn14", writer.pth(state), tmp_path / "out")


@pytest.mark.slow
def test_the_network_in_its_published_size_is_read(writer: Writer, tmp_path: Path) -> None:
    state = make_panns_state(527, 1.0)
    done = convert("panns-cnn14", writer.pth({"model": state}), tmp_path / "out")
    assert (done.num_classes, done.embedding_dim) == (527, 2048)
    network, _ = load_checkpoint(tmp_path / "out")
    waveform = 0.1 * torch.randn(1, 64_000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        output = network(waveform)
        probabilities, embedding = compute_panns_reference(state, waveform)
    torch.testing.assert_close(output.probabilities[:, 0], probabilities, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(output.embeddings[:, 0], embedding, rtol=1e-3, atol=1e-3)
