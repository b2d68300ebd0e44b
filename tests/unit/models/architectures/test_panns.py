"""CNN14 of PANNs: its front end, its layers and its lengths, each against a few lines of their own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from hearsight.models.architectures.panns import Cnn14
from hearsight.models.counts import count_layers
from hearsight.models.network import Network
from hearsight.models.zoo import build_network
from hearsight.signal.filters import mel_matrix
from hearsight.signal.front_ends import PANNS
from hearsight.signal.log_mel import compute_log_mel
from tests.support.published import compute_panns_reference

RATE = 32_000


def make_noise(*lengths: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    batch = torch.zeros(len(lengths), max(lengths))
    for row, length in enumerate(lengths):
        batch[row, :length] = 0.1 * torch.randn(length, generator=generator)
    return batch


@pytest.fixture
def network() -> Network:
    """A narrow CNN14 whose normalisations have seen data."""
    built = build_network("panns-cnn14", 5, seed=0, width=0.05)
    for layer in built.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = 1.0
    built.train()(make_noise(40_000, 40_000, seed=9))
    return built.eval()


def test_the_network_is_the_reference_on_a_sound_of_any_length(network: Network) -> None:
    state = {
        name.replace("classifier", "fc_audioset").removeprefix("trunk.").removeprefix("blocks."): value
        for name, value in network.state_dict().items()
    }
    for num_samples in (9_920, 32_000, 50_001, 320_000):
        waveform = make_noise(num_samples, seed=num_samples)
        with torch.no_grad():
            output = network(waveform)
            probabilities, embedding = compute_panns_reference(state, waveform)
        torch.testing.assert_close(output.probabilities[:, 0], probabilities, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(output.embeddings[:, 0], embedding, rtol=1e-4, atol=1e-4)


def test_clips_of_unequal_lengths_are_heard_as_each_alone(network: Network) -> None:
    lengths = (32_000, 320_000, 480_000, 12_345, 320_001, 3, 32_000)
    batch = make_noise(*lengths)
    batch[0, 32_000:] = torch.nan
    with torch.no_grad():
        together = network(batch, torch.tensor(lengths))
        assert together.mask.sum(1).tolist() == [1, 1, 2, 1, 2, 1, 1]
        for row, length in enumerate(lengths):
            alone = network(batch[row : row + 1, :length])
            count = alone.mask.shape[1]
            torch.testing.assert_close(together.logits[row, :count], alone.logits[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(together.embeddings[row, :count], alone.embeddings[0], rtol=1e-4, atol=1e-5)


def test_a_sound_of_more_than_ten_seconds_ends_with_whole_ten_seconds(network: Network) -> None:
    waveform = make_noise(480_000)
    with torch.no_grad():
        output = network(waveform)
        last = network(waveform[:, 160_000:])
    torch.testing.assert_close(output.embeddings[:, 1], last.embeddings[:, 0])
    torch.testing.assert_close(output.weights, torch.tensor([[1.0, 0.5]]))


def test_a_short_sound_keeps_its_own_length(network: Network) -> None:
    waveform = make_noise(160_000)
    with torch.no_grad():
        own, padded = network(waveform), network(F.pad(waveform, (0, 160_000)))
    assert not torch.allclose(own.embeddings, padded.embeddings, rtol=1e-2)


def test_less_than_the_poolings_need_is_padded_with_silence(network: Network) -> None:
    assert network.least_samples == 9_920
    assert PANNS.count_frames(9_920) == 32
    short = make_noise(500)
    with torch.no_grad():
        torch.testing.assert_close(network(short).logits, network(F.pad(short, (0, 9_420))).logits)
        assert torch.isfinite(network(short[:, :1]).logits).all()


def test_training_hears_a_second(network: Network) -> None:
    assert network.example_samples == network.sample_rate == RATE
    assert (network.segment_samples, network.embedding_dim) == (320_000, 102)


def test_the_embedding_is_rectified(network: Network) -> None:
    assert float(network(make_noise(32_000)).embeddings.detach().min()) == 0.0


def test_the_printed_multi_adds_are_two_for_each_of_ours_and_the_front_end_s() -> None:
    """Table XII prints 42.220 x 10^9 for 10 s: see docs/paper-notes.md."""
    with torch.device("meta"):
        network = build_network("panns-cnn14", 527)
    assert isinstance(network, Cnn14)
    macs = sum(count_layers(network).values())
    transform = 2 * 513 * 1024 * 1001
    sizes = [(1001, 64), (500, 32), (250, 16), (125, 8), (62, 4), (31, 2)]
    values = [
        2 * count * frames * mels for count, (frames, mels) in zip((64, 128, 256, 512, 1024, 2048), sizes, strict=True)
    ]
    pointwise = 2 * sum(values) + 1001 * 64
    assert 2 * (macs + transform) + pointwise == pytest.approx(42.220e9, abs=0.5e6)


# the front end


def mel_like_librosa() -> np.ndarray:
    """Slaney's bands, worked out triangle by triangle."""

    def to_mel(hertz: float) -> float:
        return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * np.log(hertz / 1000) / np.log(6.4)

    def to_hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    edges = [to_hertz(mel) for mel in np.linspace(to_mel(50), to_mel(14_000), 66)]
    matrix = np.zeros((513, 64))
    for band in range(64):
        low, peak, high = edges[band : band + 3]
        for index in range(513):
            frequency = index * RATE / 1024
            if low < frequency <= peak:
                matrix[index, band] = 2 / (high - low) * (frequency - low) / (peak - low)
            elif peak < frequency < high:
                matrix[index, band] = 2 / (high - low) * (high - frequency) / (high - peak)
    return matrix


def test_the_bands_are_slaney_s() -> None:
    np.testing.assert_allclose(mel_matrix(PANNS), mel_like_librosa(), rtol=0, atol=1e-7)


def test_the_front_end_is_the_power_of_a_reflected_sound_in_decibels() -> None:
    waveform = make_noise(20_000)[0].double().numpy()
    padded = np.concatenate([waveform[512:0:-1], waveform, waveform[-2:-514:-1]])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(1024) / 1024)
    found = compute_log_mel(waveform, PANNS)
    assert found.shape == (63, 64)
    for frame in (0, 1, 30, 62):
        spectrum = np.fft.rfft(padded[320 * frame : 320 * frame + 1024] * window)
        wanted = 10 * np.log10(np.maximum(np.abs(spectrum) ** 2 @ mel_like_librosa(), 1e-10))
        np.testing.assert_allclose(found[frame], wanted, rtol=0, atol=1e-4)


def test_silence_is_minus_100_decibels() -> None:
    assert (compute_log_mel(np.zeros(RATE, dtype=np.float32), PANNS) == -100.0).all()


@pytest.mark.parametrize(("num_samples", "num_frames"), [(0, 0), (512, 0), (513, 2), (32_000, 101), (320_000, 1001)])
def test_frames_lie_around_their_time(num_samples: int, num_frames: int) -> None:
    assert PANNS.count_frames(num_samples) == num_frames
    assert compute_log_mel(np.zeros(num_samples, dtype=np.float32), PANNS).shape == (num_frames, 64)
