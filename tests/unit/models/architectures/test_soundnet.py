from __future__ import annotations

import math

import pytest
import torch

from hearsight.errors import UsageError
from hearsight.models.architectures.soundnet import SoundNet
from hearsight.models.architectures.soundnet_autoencoder import Autoencoder
from hearsight.models.architectures.soundnet_layers import EIGHT_LAYERS, FIVE_LAYERS, Window
from hearsight.models.zoo import build_network

TWENTY_SECONDS = 441_000


def build(name: str, num_classes: int = 3, **options: object) -> SoundNet:
    """A narrow SoundNet whose normalisations have seen data, so that its outputs are of a size that can be compared."""
    network = build_network(name, num_classes, seed=0, width=0.1, **options)
    assert isinstance(network, SoundNet)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm1d):
            layer.momentum = 1.0
    network(make_noise(2, network.patch_samples))
    torch.nn.init.normal_(network.classifier.weight, std=0.1)
    return network.eval()


def make_noise(rows: int, num_samples: int, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(rows, num_samples, generator=torch.Generator().manual_seed(seed))


def test_the_maps_of_the_eight_layers_are_the_papers_for_twenty_seconds() -> None:
    """Table 1, whose first two sizes are slips: 220,050 and 27,506 cannot lead to the others."""
    network = build_network("soundnet-8", 3, width=0.1)
    assert isinstance(network, SoundNet)
    sizes = [network.count_values(TWENTY_SECONDS, layer) for layer in EIGHT_LAYERS.layers]
    assert sizes == [220_501, 27_562, 13_782, 1_722, 862, 432, 217, 54, 28, 15]
    assert network.count_outputs(TWENTY_SECONDS) == 4
    for num_samples in (440_990, 441_021):
        assert [network.count_values(num_samples, layer) for layer in list(EIGHT_LAYERS.layers)[2:]] == sizes[2:]


def test_the_maps_of_the_five_layers_for_twenty_seconds() -> None:
    """Table 2; its last sizes but one are copied from Table 1."""
    network = build_network("soundnet-5", 3, width=0.1)
    assert isinstance(network, SoundNet)
    sizes = [network.count_values(TWENTY_SECONDS, layer) for layer in FIVE_LAYERS.layers]
    assert sizes == [220_501, 27_562, 13_782, 1_722, 862, 107, 54]
    assert network.count_outputs(TWENTY_SECONDS) == 4


@pytest.mark.parametrize(
    ("plan", "least"), [(EIGHT_LAYERS, 209_374), (FIVE_LAYERS, 56_798)], ids=["eight layers", "five layers"]
)
def test_the_shortest_sound_with_an_output(plan: object, least: int) -> None:
    for num_samples, outputs in ((least - 1, 0), (least, 1)):
        length = num_samples
        for _, window in plan.layers.values():
            length = window.count(length)
        assert plan.last.count(length) == outputs


@pytest.mark.parametrize("name", ["soundnet-8", "soundnet-5"])
def test_real_maps_have_the_counted_sizes(name: str) -> None:
    network = build(name)
    waveform = make_noise(1, TWENTY_SECONDS)
    for layer in network.plan.layers:
        values = network.features(waveform, layer)
        assert values.shape[2] == network.count_values(TWENTY_SECONDS, layer)
    logits, embeddings = network.forward_whole(waveform)
    assert logits.shape == (1, 4, 3)
    assert embeddings.shape == (1, 4, network.embedding_dim)


@pytest.mark.parametrize("name", ["soundnet-8", "soundnet-5"])
def test_waveforms_of_unequal_length_give_what_they_give_alone(name: str) -> None:
    network = build(name)
    lengths = [350_001, 230_000, 50_000, 441_000]
    batch = torch.full((4, max(lengths)), float("nan"))
    for row, length in enumerate(lengths):
        batch[row, :length] = make_noise(1, length, seed=row)[0]
    with torch.no_grad():
        logits, embeddings = network.forward_whole(batch, torch.tensor(lengths))
        features = network.features(batch, "pool1", torch.tensor(lengths))
        for row, length in enumerate(lengths):
            alone = network.forward_whole(batch[row : row + 1, :length])
            count = network.count_outputs(length)
            assert alone[0].shape[1] == count
            torch.testing.assert_close(logits[row, :count], alone[0][0], rtol=1e-4, atol=1e-4)
            torch.testing.assert_close(embeddings[row, :count], alone[1][0], rtol=1e-4, atol=1e-4)
            assert not logits[row, count:].any()
            assert not embeddings[row, count:].any()
            values = network.features(batch[row : row + 1, :length], "pool1")[0]
            torch.testing.assert_close(features[row, :, : values.shape[1]], values, rtol=1e-4, atol=1e-4)
            assert not features[row, :, values.shape[1] :].any()


def test_a_short_sound_is_repeated_as_its_authors_do() -> None:
    network = build("soundnet-8")
    short = make_noise(1, 110_250)  # 5 s, a clip of ESC
    with torch.no_grad():
        torch.testing.assert_close(network(short).logits, network(short.repeat(1, 2)).logits)
        odd = make_noise(1, 100_000)
        torch.testing.assert_close(network(odd).logits, network(odd.repeat(1, 3)[:, :220_500]).logits)


@pytest.mark.parametrize("layer", ["conv7", "pool5", "conv4"])
def test_an_embedding_is_the_mean_of_what_its_output_sees(layer: str) -> None:
    network = build("soundnet-8", embedding_layer=layer)
    waveform = make_noise(1, TWENTY_SECONDS)
    window, names = Window(1, 1), list(EIGHT_LAYERS.layers)
    for name in names[names.index(layer) + 1 :]:
        window = EIGHT_LAYERS.layers[name][1].after(window)
    window = EIGHT_LAYERS.last.after(window)
    with torch.no_grad():
        values = network.features(waveform, layer)[0]
        embeddings = network.forward_whole(waveform)[1][0]
    assert embeddings.shape == (4, network.embedding_dim) == (4, values.shape[0])
    for step, embedding in enumerate(embeddings):
        start = step * window.stride - window.padding
        seen = values[:, max(0, start) : start + window.kernel]
        torch.testing.assert_close(embedding, seen.mean(1), rtol=1e-4, atol=1e-5)


def test_windows_of_layers_in_a_row_are_one_window() -> None:
    assert Window(8, 2).after(Window(4, 2, 2)) == Window(18, 4, 2)
    assert EIGHT_LAYERS.last.after(Window(4, 2, 2)).after(Window(4, 2, 2)) == Window(38, 8, 6)


def test_outputs_come_as_often_as_the_front_end_says() -> None:
    for plan, samples in ((EIGHT_LAYERS, 65_536), (FIVE_LAYERS, 98_304)):
        assert math.prod(window.stride for _, window in plan.layers.values()) * plan.last.stride == samples
    assert build_network("soundnet-8", 2, width=0.1).segment_samples == 65_536
    assert build_network("soundnet-5", 2, width=0.1).segment_samples == 98_304


@pytest.mark.parametrize("name", ["soundnet-8", "soundnet-5"])
def test_a_segment_is_one_output(name: str) -> None:
    network = build(name)
    pieces = make_noise(2, network.patch_samples)
    with torch.no_grad():
        logits, embeddings = network.forward_whole(pieces)
        output = network(pieces)
    assert output.logits.shape[1] == logits.shape[1] == 1
    torch.testing.assert_close(logits, output.logits)
    torch.testing.assert_close(embeddings, output.embeddings)


def test_amplitudes_are_scaled_to_256() -> None:
    network = build("soundnet-8")
    torch.testing.assert_close(network.front_end(torch.tensor([[1.0, -0.5]])), torch.tensor([[256.0, -128.0]]))
    assert network.sample_rate == 22_050


def test_weights_are_drawn_as_the_paper_says() -> None:
    network = build_network("soundnet-8", 1401, seed=0)
    kernels = torch.cat([weight.detach().flatten() for weight in network.parameters() if weight.ndim == 3])
    assert float(kernels.mean()) == pytest.approx(0.0, abs=1e-4)
    assert float(kernels.std()) == pytest.approx(0.01, rel=0.01)


def test_each_head_is_a_distribution() -> None:
    network = build("soundnet-5", 5, heads=[3, 2])
    with torch.no_grad():
        output = network(make_noise(1, TWENTY_SECONDS))
    objects, scenes = output.probabilities.split([3, 2], dim=-1)
    torch.testing.assert_close(objects, output.logits[..., :3].softmax(-1))
    torch.testing.assert_close(scenes.sum(-1), torch.ones(output.mask.shape))
    torch.testing.assert_close(output.clip_probabilities.sum(-1), torch.full((1,), 2.0))
    torch.testing.assert_close(network.probabilities(output.logits), output.probabilities)
    for heads in ([3, 3], [5, 0], [6, -1]):
        with pytest.raises(UsageError, match="sum up to 5 classes"):
            build_network("soundnet-5", 5, heads=heads, width=0.1)


def test_without_heads_any_number_of_classes_may_hold() -> None:
    network = build("soundnet-5", 5)
    output = network(make_noise(1, 110_250))
    torch.testing.assert_close(output.probabilities, torch.sigmoid(output.logits))


def test_an_unknown_layer_is_refused() -> None:
    with pytest.raises(UsageError, match="did you mean 'pool5'"):
        build_network("soundnet-8", 3, embedding_layer="pol5", width=0.1)
    with pytest.raises(UsageError, match="did you mean 'conv4'"):
        build("soundnet-5").features(make_noise(1, 60_000), "conv8")


def test_a_prior_is_set_on_a_convolution_too() -> None:
    network = build_network("soundnet-5", 3, seed=0, width=0.1).eval()
    prior = torch.tensor([0.5, 0.1, 0.01])
    network.set_prior(prior)
    torch.testing.assert_close(network(torch.zeros(1, 60_000)).clip_probabilities[0], prior, rtol=0.05, atol=0.01)


@pytest.fixture
def autoencoder() -> Autoencoder:
    network = build_network("soundnet-autoencoder", 3, seed=0, width=0.25)
    assert isinstance(network, Autoencoder)
    return network


@pytest.mark.parametrize("num_samples", [1, 1_023, 22_050, 50_001])
def test_a_reconstruction_is_as_long_as_the_sound(autoencoder: Autoencoder, num_samples: int) -> None:
    waveform = make_noise(2, num_samples)
    assert autoencoder.eval().reconstruct(waveform).shape == waveform.shape
    assert autoencoder(waveform).embeddings.shape[2] == 32


def test_the_autoencoder_learns_to_give_back_a_tone(autoencoder: Autoencoder) -> None:
    time = torch.arange(8_192) / 22_050
    waveform = torch.stack([0.3 * torch.sin(2 * torch.pi * frequency * time) for frequency in (110.0, 220.0)])
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=0.1)
    losses: list[float] = []
    for _ in range(21):
        loss = autoencoder.measure_loss(waveform)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(
        parameter.grad is not None for name, parameter in autoencoder.named_parameters() if "classifier" not in name
    )


def test_the_encoder_is_soundnet_s(autoencoder: Autoencoder) -> None:
    eight = build_network("soundnet-8", 3, seed=0, width=0.25)
    encoder = [tuple(value.shape) for name, value in autoencoder.named_parameters() if name.startswith("trunk")]
    assert encoder == [tuple(value.shape) for value in eight.parameters()][: len(encoder)]
    assert len(encoder) == 16
