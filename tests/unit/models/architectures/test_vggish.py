from __future__ import annotations

import numpy as np
import pytest
import torch

from hearsight.errors import UsageError
from hearsight.models.architectures.vggish import Postprocessor, Vggish
from hearsight.models.zoo import build_network
from hearsight.signal.front_ends import VGGISH
from hearsight.signal.log_mel import compute_log_mel


@pytest.fixture
def network() -> Vggish:
    built = build_network("vggish", 4, seed=0, width=0.05, pca=True)
    assert isinstance(built, Vggish)
    return built.eval()


def postprocess_like_the_release(embeddings: np.ndarray, vectors: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The steps of ``vggish_postprocess.py``."""
    applied = np.dot(vectors, (embeddings.T - means.reshape(-1, 1))).T
    clipped = np.clip(applied, -2.0, 2.0)
    return ((clipped + 2.0) * (255.0 / 4.0)).astype(np.uint8)


def test_postprocessing_is_the_release_s() -> None:
    generator = np.random.default_rng(0)
    vectors = np.linalg.qr(generator.standard_normal((128, 128)))[0].astype(np.float32)
    means = generator.standard_normal(128).astype(np.float32)
    embeddings = (1.5 * generator.standard_normal((50, 128))).astype(np.float32)
    postprocessor = Postprocessor()
    postprocessor.load_state_dict(
        {"pca_eigen_vectors": torch.from_numpy(vectors), "pca_means": torch.from_numpy(means)}
    )
    found = postprocessor(torch.from_numpy(embeddings)).numpy()
    wanted = postprocess_like_the_release(embeddings, vectors, means)
    assert found.dtype == np.uint8
    # a value on the edge between two numbers may fall to either side
    assert (found != wanted).mean() < 1e-3
    assert np.abs(found.astype(int) - wanted).max() <= 1
    assert {0, 255} < set(found.flatten().tolist())


def test_what_lies_between_two_numbers_is_cut_off() -> None:
    postprocessor = Postprocessor()
    values = torch.zeros(1, 128)
    values[0, :5] = torch.tensor([-3.0, -2.0, 0.0, 1.99999, 2.5])
    assert postprocessor(values)[0, :5].tolist() == [0, 0, 127, 254, 255]


def test_one_patch_keeps_its_axes(network: Vggish) -> None:
    output = network(torch.zeros(1, 15_600))
    assert output.embeddings.shape == (1, 1, 128)
    assert network.postprocess(output.embeddings).shape == (1, 1, 128)
    assert network.postprocess(output.embeddings).dtype == torch.uint8


def test_embeddings_come_before_any_activation(network: Vggish) -> None:
    waveform = 0.1 * torch.randn(1, 160_000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        output = network(waveform)
    assert output.embeddings.shape == (1, 11, 128)
    assert (output.embeddings < 0).any()


def test_maps_are_flattened_time_first_channels_last(network: Vggish) -> None:
    """A weight of fc1_1 for cell (time 2, mel 3) and channel 1 stands at (2 * 4 + 3) * channels + 1, as in the release."""
    trunk = network.trunk
    channels = trunk.fc1_1.in_features // 24
    seen: list[torch.Tensor] = []
    trunk.convolutions.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    trunk.fc1_1.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    network(0.1 * torch.randn(1, 15_600, generator=torch.Generator().manual_seed(1)))
    maps, flat = seen
    assert maps.shape == (1, channels, 6, 4)
    assert maps.any()
    for time, mel, channel in ((0, 0, 0), (2, 3, 1), (5, 1, channels - 1)):
        assert flat[0, (time * 4 + mel) * channels + channel] == maps[0, channel, time, mel]


def test_layers_bear_the_release_s_names() -> None:
    names = {
        name.removeprefix("trunk.").removeprefix("convolutions.")
        for name in build_network("vggish", 2, width=0.01).state_dict()
    }
    layers = {name.partition(".")[0] for name in names}
    assert layers == {
        "conv1",
        "conv2",
        "conv3_1",
        "conv3_2",
        "conv4_1",
        "conv4_2",
        "fc1_1",
        "fc1_2",
        "fc2",
        "classifier",
    }


def test_without_pca_there_is_no_postprocessing() -> None:
    network = build_network("vggish", 4, seed=0, width=0.05)
    assert isinstance(network, Vggish)
    assert not any(name.startswith("postprocessor") for name in network.state_dict())
    with pytest.raises(UsageError, match="built with pca=True"):
        network.postprocess(torch.zeros(1, 128))


def test_it_may_be_without_classes_and_others_may_not() -> None:
    network = build_network("vggish", 0, seed=0, width=0.05).eval()
    waveform = 0.1 * torch.randn(2, 31_000, generator=torch.Generator().manual_seed(0))
    output = network(waveform, torch.tensor([31_000, 15_000]))
    assert output.logits.shape == (2, 3, 0)
    assert output.clip_embeddings.shape == (2, 128)
    assert not any(name.startswith("classifier") for name in network.state_dict())
    with pytest.raises(UsageError, match="at least 0"):
        build_network("vggish", -1)


@pytest.mark.parametrize(("num_samples", "count"), [(15_600, 1), (30_959, 1), (30_960, 2), (46_319, 2), (46_320, 3)])
def test_the_framing_of_the_release_drops_what_is_left_at_the_end(num_samples: int, count: int) -> None:
    """``vggish_input.py``: the frames of the whole sound, of which each 96 are an example, and the rest is dropped."""
    network = build_network("vggish", 3, seed=0, width=0.05, tail="drop").eval()
    waveform = 0.1 * np.random.default_rng(0).standard_normal(num_samples)
    examples = compute_log_mel(waveform, VGGISH)
    examples = examples[: len(examples) // 96 * 96].reshape(-1, 96, 64)
    with torch.no_grad():
        output = network(torch.from_numpy(waveform).float()[None])
        wanted = network.trunk(torch.from_numpy(examples).float()[:, None])
    assert output.weights.tolist() == [[1.0] * count]
    torch.testing.assert_close(output.embeddings[0], wanted, rtol=1e-3, atol=1e-4)


def test_an_unknown_tail_is_refused() -> None:
    with pytest.raises(UsageError, match="overlap or drop"):
        build_network("vggish", 3, width=0.05, tail="keep")
