from __future__ import annotations

import pytest
import torch

from hearsight.errors import UsageError
from hearsight.models.network import Network
from hearsight.models.zoo import NETWORKS, build_network


def make_sound(*lengths: int, fill: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch of noise of unequal lengths, filled up with ``fill``."""
    generator = torch.Generator().manual_seed(5)
    batch = torch.full((len(lengths), max(lengths)), fill)
    for row, length in enumerate(lengths):
        batch[row, :length] = 0.1 * torch.randn(length, generator=generator)
    return batch, torch.tensor(lengths)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("fill", [0.0, 1.0, float("nan")], ids=["zeros", "ones", "nan"])
def test_each_clip_of_a_batch_gives_what_it_gives_alone(name: str, fill: float) -> None:
    network = build_network(name, 5, seed=0, width=0.05).eval()
    lengths = (40_000, 16_000, 300, 23_999, 24_000)
    batch, lengths_tensor = make_sound(*lengths, fill=fill)
    with torch.no_grad():
        together = network(batch, lengths_tensor)
        for row, length in enumerate(lengths):
            alone = network(batch[row : row + 1, :length])
            count = network.count_segments(length)
            assert together.mask[row].tolist() == [True] * count + [False] * (together.mask.shape[1] - count)
            torch.testing.assert_close(together.logits[row, :count], alone.logits[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(together.embeddings[row, :count], alone.embeddings[0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(
                together.clip_probabilities[row], alone.clip_probabilities[0], rtol=1e-4, atol=1e-5
            )
            torch.testing.assert_close(together.clip_embeddings[row], alone.clip_embeddings[0], rtol=1e-4, atol=1e-5)
            assert not together.logits[row, count:].any()


@pytest.mark.parametrize(
    ("num_samples", "count", "last"),
    [(1, 1, 1.0), (8_000, 1, 1.0), (16_000, 1, 1.0), (16_001, 2, 1 / 16_000), (24_000, 2, 0.5), (160_000, 10, 1.0)],
)
def test_the_last_segment_ends_with_the_sound_and_counts_for_what_it_adds(
    tiny: Network, num_samples: int, count: int, last: float
) -> None:
    output = tiny(torch.zeros(1, num_samples))
    assert output.logits.shape == (1, count, 7)
    assert output.embeddings.shape == (1, count, 128)
    assert output.mask.all()
    torch.testing.assert_close(output.weights, torch.tensor([[1.0] * (count - 1) + [last]]))


def test_the_mean_over_a_sound_is_weighted(tiny: Network) -> None:
    batch, _ = make_sound(20_000)
    output = tiny(batch)
    first, last = tiny(batch[:, :16_000]), tiny(batch[:, 4_000:])
    for name in ("clip_probabilities", "clip_embeddings"):
        wanted = (getattr(first, name) + 0.25 * getattr(last, name)) / 1.25
        torch.testing.assert_close(getattr(output, name), wanted, rtol=1e-4, atol=1e-5)


def test_segments_are_heard_one_by_one(tiny: Network) -> None:
    batch, _ = make_sound(32_000)
    output = tiny(batch)
    second = tiny(batch[:, 16_000:])
    torch.testing.assert_close(output.logits[:, 1:], second.logits)


def test_a_short_sound_equals_itself_followed_by_silence(tiny: Network) -> None:
    batch, _ = make_sound(9_000)
    padded = torch.nn.functional.pad(batch, (0, 7_000))
    torch.testing.assert_close(tiny(batch).logits, tiny(padded).logits)


@pytest.mark.parametrize(
    ("waveform", "lengths", "message"),
    [
        (torch.zeros(1, 2, 16_000), None, "one channel"),
        (torch.zeros(16_000), None, "one channel"),
        (torch.zeros(1, 16_000, dtype=torch.int16), None, "divide int16 samples by 32768"),
        (torch.zeros(1, 0), None, "at least one sample"),
        (torch.zeros(0, 16_000), None, "at least one waveform"),
        (torch.full((1, 16_000), float("nan")), None, "NaN or infinite"),
        (torch.full((1, 16_000), float("inf")), None, "NaN or infinite"),
        (torch.zeros(2, 16_000), torch.tensor([16_000, 0]), "lengths from 1 to 16000"),
        (torch.zeros(2, 16_000), torch.tensor([16_000, 16_001]), "lengths from 1 to 16000"),
        (torch.zeros(2, 16_000), torch.tensor([16_000]), "2 lengths"),
    ],
    ids=[
        "stereo",
        "no batch",
        "int16",
        "empty",
        "no waveform",
        "nan",
        "inf",
        "length 0",
        "too long",
        "too few lengths",
    ],
)
def test_what_cannot_be_heard_is_a_usage_error(
    tiny: Network, waveform: torch.Tensor, lengths: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        tiny(waveform, lengths)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_hears_one_sample_and_refuses_what_none_can_hear(name: str) -> None:
    network = build_network(name, 5, seed=0, width=0.05).eval()
    with torch.no_grad():
        output = network(torch.full((1, 1), 0.1))
    assert output.logits.shape == (1, 1, 5)
    assert torch.isfinite(output.logits).all()
    refused = {
        "one channel": torch.zeros(1, 2, 16_000),
        "divide int16 samples by 32768": torch.zeros(1, 16_000, dtype=torch.int16),
        "at least one sample": torch.zeros(1, 0),
        "NaN or infinite": torch.full((1, 16_000), float("nan")),
    }
    for message, waveform in refused.items():
        with pytest.raises(UsageError, match=message):
            network(waveform)


def test_half_precision_works_throughout(tiny: Network) -> None:
    batch, _ = make_sound(16_000)
    exact = tiny(batch).logits
    rough = tiny.bfloat16()(batch.bfloat16()).logits
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().max() < 0.1 * exact.abs().max() + 0.05


def test_a_prior_makes_silence_of_fresh_weights_as_probable_as_the_classes_are(tiny: Network) -> None:
    prior = torch.tensor([0.5, 0.1, 0.01, 0.2, 0.3, 0.0, 1.0])
    tiny.set_prior(prior)
    probabilities = tiny(torch.zeros(1, 16_000)).clip_probabilities[0]
    torch.testing.assert_close(probabilities[:5], prior[:5], rtol=0.2, atol=0.02)
    assert torch.isfinite(tiny.output_layer.bias).all()
