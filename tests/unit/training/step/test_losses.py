from __future__ import annotations

import math

import pytest
import torch

from hearsight.training.step.losses import binary_cross_entropy


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
