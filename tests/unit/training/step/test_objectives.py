from __future__ import annotations

import pytest
import torch

from hearsight.models.zoo import build_network
from hearsight.training.step.losses import binary_cross_entropy, kl_divergence, squared_error
from hearsight.training.step.objectives import make_objective
from tests.support.training import make_config

OUTPUTS = torch.tensor([[0.5, -1.0, 2.0], [1.5, 0.0, -0.5]])
TARGETS = torch.tensor([[1.0, 0.0, 0.25], [0.0, 1.0, 0.75]])


def test_the_weight_is_a_factor_on_the_loss() -> None:
    network = build_network("jia-vggish-fcn", 3, seed=0, width=0.02)
    once, thrice = (make_objective(make_config(loss_weight=weight), network) for weight in (1.0, 3.0))
    assert float(once(OUTPUTS, TARGETS)) == pytest.approx(float(binary_cross_entropy(OUTPUTS, TARGETS)))
    assert float(thrice(OUTPUTS, TARGETS)) == pytest.approx(3.0 * float(once(OUTPUTS, TARGETS)))


@pytest.mark.parametrize(("name", "loss"), [("kl", kl_divergence), ("l2", squared_error)])
def test_losses_of_distributions_take_the_heads_of_the_network(name: str, loss: object) -> None:
    network = build_network("soundnet-5", 3, seed=0, width=0.05, heads=[1, 2])
    objective = make_objective(make_config(model="soundnet-5", loss=name, loss_weight=250.0), network)
    assert callable(loss)
    assert float(objective(OUTPUTS, TARGETS)) == pytest.approx(250.0 * float(loss(OUTPUTS, TARGETS, (1, 2))))
    assert objective.scores_classes


def test_the_outputs_are_the_logits_of_one_segment() -> None:
    network = build_network("jia-vggish-fcn", 3, seed=0, width=0.02).eval()
    waveform = 0.1 * torch.randn(2, network.example_samples, generator=torch.Generator().manual_seed(0))
    outputs = make_objective(make_config(), network).forward(waveform)
    torch.testing.assert_close(outputs, network(waveform).logits[:, 0], rtol=0, atol=0)


def test_a_reconstruction_is_computed_in_single_precision_and_scores_no_classes() -> None:
    network = build_network("soundnet-autoencoder", 3, seed=0, width=0.05).eval()
    objective = make_objective(make_config(model="soundnet-autoencoder", loss="reconstruction"), network)
    waveform = 0.1 * torch.randn(2, network.example_samples, generator=torch.Generator().manual_seed(0))
    plain = objective.forward(waveform)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(objective.forward(waveform), plain)
    assert torch.equal(objective(plain, TARGETS), plain)
    assert not objective.scores_classes
