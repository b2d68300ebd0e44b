from __future__ import annotations

import pytest
import torch
from torch import nn

from hearsight.training.step.averaging import WeightAverage


def test_the_average_follows_its_recursion_with_a_smaller_decay_at_first() -> None:
    layer = nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    average = WeightAverage(layer, 0.5)
    wanted = 1.0
    for step in range(1, 20):
        layer.weight.data.fill_(float(step))
        average.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * step
        with average.in_place():
            assert layer.weight.item() == pytest.approx(wanted, rel=1e-5)
        assert layer.weight.item() == step


def test_exported_weights_are_restored_beside_the_average() -> None:
    layer, other = nn.Linear(3, 2), nn.Linear(3, 2)
    average = WeightAverage(layer, 0.9)
    layer.weight.data.add_(1.0)
    average.update(1)
    with average.in_place():
        saved = {name: value.clone() for name, value in layer.state_dict().items()}
        exported = {name: value.clone() for name, value in average.export_weights().items()}
    other.load_state_dict(saved)
    again = WeightAverage(other, 0.9)
    again.import_weights(exported)
    assert torch.equal(other.weight, layer.weight)
    with again.in_place(), average.in_place():
        assert torch.equal(other.weight, layer.weight)
