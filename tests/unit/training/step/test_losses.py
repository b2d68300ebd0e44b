from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from hearsight.training.step.losses import binary_cross_entropy, kl_divergence, smooth_targets, squared_error


def test_the_loss_is_equation_1_of_jia() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 5, generator=generator)
    targets = (torch.rand(3, 5, generator=generator) < 0.4).float()
    wanted = 0.0
    for row in range(3):
        terms = []
        for column in range(5):
            p = 1.0 / (1.0 + math.exp(-float(logits[row, column])))
            y = float(targets[row, column])
            terms.append(-y * math.log(p) - (1.0 - y) * math.log(1.0 - p))
        wanted += sum(terms) / 5 / 3
    assert float(binary_cross_entropy(logits, targets)) == pytest.approx(wanted, rel=1e-6)


def test_a_sure_network_has_a_finite_loss() -> None:
    logits = torch.tensor([[200.0, -200.0]])
    assert float(binary_cross_entropy(logits, torch.tensor([[1.0, 0.0]]))) == pytest.approx(0.0, abs=1e-6)
    assert float(binary_cross_entropy(logits, torch.tensor([[0.0, 1.0]]))) == pytest.approx(200.0)


def test_half_precision_logits_are_summed_in_single_precision() -> None:
    logits = torch.full((4, 10_000), -6.0, dtype=torch.bfloat16)
    loss = binary_cross_entropy(logits, torch.zeros(4, 10_000))
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(math.log1p(math.exp(-6.0)), rel=1e-4)


def test_the_divergence_is_the_mean_over_clips_and_classes_of_each_head() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(3, 5), torch.cat([torch.rand(3, 2).softmax(1), torch.rand(3, 3).softmax(1)], dim=1)
    expected = 0.0
    for first, last in ((0, 2), (2, 5)):
        said = logits[:, first:last].softmax(1)
        wanted = targets[:, first:last]
        expected += float((wanted * (wanted / said).log()).sum()) / wanted.numel()
    assert float(kl_divergence(logits, targets, (2, 3))) == pytest.approx(expected, rel=1e-5)
    assert float(kl_divergence(targets.log(), targets, (2, 3))) == pytest.approx(0.0, abs=1e-6)


def test_the_squared_error_is_the_mean_over_clips_and_classes_of_each_head() -> None:
    torch.manual_seed(0)
    logits, targets = torch.randn(3, 5), torch.cat([torch.rand(3, 2).softmax(1), torch.rand(3, 3).softmax(1)], dim=1)
    expected = sum(
        torch.nn.functional.mse_loss(logits[:, first:last].softmax(1), targets[:, first:last])
        for first, last in ((0, 2), (2, 5))
    )
    assert float(squared_error(logits, targets, (2, 3))) == pytest.approx(float(expected), rel=1e-5)
    assert float(squared_error(targets.log(), targets, (2, 3))) == pytest.approx(0.0, abs=1e-6)
    assert float(squared_error(logits, 2 * targets, (2, 3))) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("measure", [kl_divergence, squared_error])
def test_a_teacher_that_said_nothing_adds_nothing(measure: Callable[..., torch.Tensor]) -> None:
    targets = torch.tensor([[0.5, 0.5, 0.0, 0.0]])
    logits = torch.randn(1, 4, requires_grad=True)
    loss = measure(logits, targets, (2, 2))
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[:, :2] != 0).all()
    assert (logits.grad[:, 2:] == 0).all()
    assert float(loss.detach()) == pytest.approx(float(measure(logits.detach()[:, :2], targets[:, :2], (2,))))


def test_smoothed_targets_move_towards_a_half_or_equal_probabilities() -> None:
    targets = torch.tensor([[1.0, 0.0, 0.2, 0.0, 0.0]])
    assert smooth_targets(targets, 0.0, ()) is targets
    torch.testing.assert_close(smooth_targets(targets, 0.1, ()), torch.tensor([[0.95, 0.05, 0.23, 0.05, 0.05]]))
    distribution = torch.tensor([[1.0, 0.0, 0.0, 0.0, 0.0]])
    torch.testing.assert_close(smooth_targets(distribution, 0.3, (2, 3)), torch.tensor([[0.85, 0.15, 0.0, 0.0, 0.0]]))
