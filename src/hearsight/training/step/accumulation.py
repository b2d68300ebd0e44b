"""The gradient of a step: the sum over its parts, and over the processes that compute them."""

from __future__ import annotations

import torch
from torch import Tensor

from hearsight.config import TrainConfig
from hearsight.models.network import Network
from hearsight.training.data.batches import Batch
from hearsight.training.group import Group
from hearsight.training.step.device import Device
from hearsight.training.step.losses import smooth_targets
from hearsight.training.step.objectives import Objective
from hearsight.training.step.running import RunningStatistics


class Accumulator:
    """Computes the gradients of steps.

    Parameters
    ----------
    network, device, config
        As those of :class:`~hearsight.training.step.student.Student`.
    group
        The processes that compute a step.
    """

    def __init__(self, network: Network, device: Device, config: TrainConfig, group: Group) -> None:
        self._network = network
        self._device = device
        self._config = config
        self._group = group
        self._reached: list[bool] | None = None
        self._local = config.sync_every > 1 and group.size > 1
        self.stop = False
        """Whether a process is to stop: set before a step in one process, and after the step in all."""

    def compute(self, batch: Batch, objective: Objective, epoch: int, step: int) -> float:
        """Set the gradients of all weights to those of a step, and return its loss.

        Each part's loss is weighted by its share of the step's clips, so that the sum is the mean over the step. In a local step
        the mean is over the clips of this process.
        """
        whole = sum(part.share for part in batch.parts) if self._local else 1.0
        for parameter in self._network.parameters():
            parameter.grad = None
        statistics = RunningStatistics(self._network) if batch.num_parts > 1 else None
        total = torch.zeros((), device=self._device.name)
        for part in batch.parts:
            self._device.seed(self._config.seed, epoch, step, *([part.number] if part.number else []))
            waveform, targets = self._device.send(batch, part.rows)
            with self._device.autocast():
                outputs = objective.forward(waveform)
            targets = smooth_targets(targets, self._config.label_smoothing, self._network.heads)
            loss = objective(outputs, targets) * (part.share / whole)
            loss.backward()
            total += loss.detach()
            if statistics is not None:
                statistics.take(part.share / whole)
        if self._group.size > 1 and not self._local:
            self._join(total, statistics)
        if statistics is not None:
            statistics.finish()
        return float(total)

    def _join(self, loss: Tensor, statistics: RunningStatistics | None) -> None:
        """Add the gradients, statistics and losses of all processes; agree whether to stop."""
        gradients = self._list_gradients()
        stop = torch.full((), float(self.stop), device=loss.device)
        self._group.add([*gradients, loss, stop, *(statistics.sums if statistics is not None else [])])
        self.stop = bool(stop > 0)

    def _list_gradients(self) -> list[Tensor]:
        """Return the gradients of the weights that any process has one for, zero where this one has none."""
        parameters = [parameter for parameter in self._network.parameters() if parameter.requires_grad]
        if self._reached is None:
            flags = torch.tensor([float(parameter.grad is not None) for parameter in parameters])
            flags = flags.to(self._device.name)
            self._group.add([flags])
            self._reached = (flags > 0).tolist()
        gradients: list[Tensor] = []
        for parameter, reached in zip(parameters, self._reached, strict=True):
            if reached:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                gradients.append(parameter.grad)
        return gradients
