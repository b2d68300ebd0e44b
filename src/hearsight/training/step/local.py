"""Local steps: processes learn on their own for some steps, and then average what they have (local SGD).

Both papers trained asynchronously. Here nothing is exchanged between two averages, so that slow connections cost little; the price
is that the result depends on the number of processes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hearsight.models.network import Network
from hearsight.training.group import Group


class LocalSteps:
    """Averages the state of all processes after every few steps, and at the end of every epoch.

    After an average, all processes have the same weights, statistics and moments of the optimizer.

    Parameters
    ----------
    network, optimizer
        The state of this process.
    group
        The processes.
    every
        Number of steps between two averages.
    """

    def __init__(self, network: Network, optimizer: torch.optim.Optimizer, group: Group, every: int) -> None:
        self._network = network
        self._optimizer = optimizer
        self._group = group
        self._every = every

    @property
    def is_local(self) -> bool:
        """Whether processes take separate steps at all."""
        return self._every > 1 and self._group.size > 1

    def finish_step(self, step: int, *, last: bool, stop: bool) -> bool:
        """Average, where it is time; return whether a process is to stop, which all learn at the same average.

        Parameters
        ----------
        step
            Counted from one.
        last
            Whether it is the last of an epoch.
        stop
            Whether this process is to stop.
        """
        if step % self._every and not last:
            return False
        flag = torch.full((), float(stop), device=next(self._network.parameters()).device)
        tensors = self._list_state()
        counts = [value for value in self._network.state_dict().values() if not value.is_floating_point()]
        if not self._group.is_leader:
            for count in counts:
                count.zero_()  # all take over those of the first process
        self._group.add([flag, *tensors, *counts])
        for tensor in tensors:
            tensor.div_(self._group.size)
        return bool(flag > 0)

    def _list_state(self) -> list[Tensor]:
        """Return all weights, statistics and moments; counts are equal in all processes, or start again from the same number."""
        state = [value for value in self._network.state_dict().values() if value.is_floating_point()]
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                moments = self._optimizer.state.get(parameter, {})
                state += [value for value in moments.values() if isinstance(value, Tensor) and value.ndim]
        return state
