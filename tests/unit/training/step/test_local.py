from __future__ import annotations

import pytest
import torch

from hearsight.errors import ConfigError, UsageError
from hearsight.models.zoo import build_network
from hearsight.training.data.batches import SamplingConfig, TrainBatches
from hearsight.training.data.targets import LabelTargets
from hearsight.training.group import Group
from hearsight.training.step.batch_norm import check_synchronised
from hearsight.training.step.local import LocalSteps
from hearsight.training.step.optimizer import make_optimizer
from tests.support.training import FakeDataset, make_config


class Pair(Group):
    """Two processes, of which the other has the same state, doubled."""

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.calls = 0

    def add(self, tensors) -> None:
        self.calls += 1
        for tensor in tensors:
            tensor.mul_(3 if tensor.is_floating_point() else 1)


def test_state_is_averaged_after_every_few_steps_and_after_the_last() -> None:
    network, config = build_network("hearsight-conv-4", 3, seed=0, width=0.05), make_config()
    group = Pair()
    local = LocalSteps(network, make_optimizer(network, config), group, 3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert [local.finish_step(step, last=False, stop=True) for step in (1, 2, 3, 4)] == [False, False, True, False]
    assert group.calls == 1
    assert not local.finish_step(5, last=True, stop=False)
    assert group.calls == 2
    weight = network.state_dict()["trunk.layers.0.weight"]
    torch.testing.assert_close(weight, before["trunk.layers.0.weight"] * 1.5**2)
    assert not LocalSteps(network, make_optimizer(network, config), Group(), 3).is_local


def test_processes_that_share_statistics_need_as_many_parts_each() -> None:
    data = FakeDataset()
    sampling = SamplingConfig(16_000, 4, global_batch_size=10, least_parts=2, size=2)
    batches = TrainBatches(data, LabelTargets(data, 0.5), data.indices("train"), sampling)
    assert batches.count_parts() == [3]
    with pytest.raises(UsageError, match="steps of 3 parts in 2 processes"):
        check_synchronised(make_config(sync_batch_norm=True), Group(0, 2), 2, batches)
    with pytest.raises(UsageError, match="sync_every: 2 processes"):
        check_synchronised(make_config(sync_every=4), Group(0, 2), 4, batches)
    check_synchronised(make_config(), Group(0, 2), 4, batches)


def test_local_steps_exclude_what_needs_every_step() -> None:
    with pytest.raises(ConfigError, match="cannot be combined with average"):
        make_config(sync_every=2, average=0.9)
    with pytest.raises(ConfigError, match="cannot be combined with sync_batch_norm"):
        make_config(sync_every=2, sync_batch_norm=True)
