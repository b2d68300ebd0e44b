from __future__ import annotations

import pytest
import torch
from torch import nn

from hearsight.models.front_end import NormalizedLogMel
from hearsight.signal.front_ends import FRONT_ENDS
from hearsight.training.step.running import RunningStatistics


def test_batch_normalisation_has_the_mean_of_its_parts_in_any_order() -> None:
    parts = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = []
    for order in ((0, 1, 2), (2, 0, 1)):
        layer = nn.BatchNorm1d(5)
        statistics = RunningStatistics(layer)
        for number in order:
            layer(parts[number])
            statistics.take(1 / 3)
        statistics.finish()
        assert layer.running_mean is not None
        assert layer.num_batches_tracked == 1
        torch.testing.assert_close(layer.running_mean, 0.1 * parts.mean((0, 1)))
        assert layer.running_var is not None
        torch.testing.assert_close(layer.running_var, 0.9 + 0.1 * parts.var(1).mean(0))
        found.append(layer.running_mean.clone())
    torch.testing.assert_close(found[0], found[1])


def test_the_normalised_front_end_takes_in_the_frames_of_all_parts() -> None:
    definition = next(one for one in FRONT_ENDS.values() if getattr(one, "normalize", False))
    generator = torch.Generator().manual_seed(1)
    whole, divided = NormalizedLogMel(definition), NormalizedLogMel(definition)
    for _ in range(3):
        waveform = torch.randn(6, definition.patch_samples, generator=generator) * torch.rand(6, 1, generator=generator)
        whole(waveform)
        statistics = RunningStatistics(divided)
        for part in waveform.split([1, 3, 2]):
            divided(part)
            statistics.take(len(part) / 6)
        statistics.finish()
        assert divided.num_frames == whole.num_frames
        torch.testing.assert_close(divided.mean, whole.mean)
        torch.testing.assert_close(divided.variance, whole.variance)


@pytest.mark.parametrize("parts", [1, 2])
def test_the_sums_of_two_processes_add_up(parts: int) -> None:
    values = torch.randn(4, 8, 3, generator=torch.Generator().manual_seed(2))
    alone = nn.BatchNorm1d(3)
    statistics = RunningStatistics(alone)
    for value in values[: 2 * parts]:
        alone(value)
        statistics.take(0.5 / parts)
    statistics.finish()
    layers = [nn.BatchNorm1d(3) for _ in range(2)]
    both = [RunningStatistics(layer) for layer in layers]
    for rank, (layer, own) in enumerate(zip(layers, both, strict=True)):
        for value in values[rank * parts : (rank + 1) * parts]:
            layer(value)
            own.take(0.5 / parts)
    for one, other in zip(both[0].sums, both[1].sums, strict=True):
        one += other
    both[0].finish()
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(layers[0].state_dict()[name], value)
