"""Steps that are left out: those whose loss is no number, or a spike far above the losses before."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float32
from torch import Tensor, nn

from hearsight.models.network import Network
from hearsight.training.step.device import Device
from hearsight.training.step.objectives import Objective

LEAST_STEPS = 10
"""Number of steps from which the mean loss of an epoch is what spikes are measured by; before, it is that of the epoch before."""
MOST_IN_A_ROW = 10
"""Number of steps in a row that may be left out: after so many the weights themselves are ruined, not a batch."""


class StepWatch:
    """Judges the loss of each step before the weights change, and restores the statistics that a bad step has changed.

    The judgement depends on the losses of the run and on nothing else, so all processes and a continued run judge alike.

    Parameters
    ----------
    network
        Its statistics change in the forward pass of a step.
    spike
        How many times the usual loss makes a spike; 0 is never.
    skip
        Whether bad steps are left out; if not, they end the run, and no statistics are kept.
    """

    def __init__(self, network: nn.Module, spike: float, *, skip: bool) -> None:
        self._network = network
        self._spike = spike
        self._skip = skip
        self._kept: dict[str, Tensor] = {}
        self._usual: float | None = None
        self._total = 0.0
        self._clips = self._steps = self._in_a_row = 0
        self.left_out = False
        """Whether the last step was left out."""

    def begin_epoch(self, before: float | None, total: float, clips: int, steps: int) -> None:
        """Take up an epoch.

        Parameters
        ----------
        before
            Mean loss of the epoch before; None in the first one.
        total, clips, steps
            Sum of the losses of the epoch's examples so far, their number, and that of their steps.
        """
        self._usual, self._total, self._clips, self._steps = before, total, clips, steps

    def keep_statistics(self) -> None:
        """Keep what the forward pass of a step will change, if bad steps are left out."""
        if self._skip:
            self._kept = {name: buffer.clone() for name, buffer in self._network.named_buffers()}

    def judge(self, loss: float, num_clips: int) -> str | None:
        """Return what is wrong with the loss of a step, as text for a message; None if nothing is."""
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        usual = self._total / self._clips if self._steps >= LEAST_STEPS else self._usual
        if self._spike and usual is not None and loss > self._spike * usual:
            return f"the loss is {loss:.4g}, a spike: it was {usual:.4g} before"
        self._total, self._clips, self._steps = self._total + loss * num_clips, self._clips + num_clips, self._steps + 1
        self.left_out, self._in_a_row = False, 0
        return None

    @torch.no_grad()
    def leave_out(self) -> bool:
        """Restore the statistics before a bad step; return False where the run is to end instead."""
        self._in_a_row += 1
        if not self._skip or self._in_a_row >= MOST_IN_A_ROW:
            return False
        for name, buffer in self._network.named_buffers():
            buffer.copy_(self._kept[name])
        self.left_out = True
        return True


def find_not_finite(
    network: Network, objective: Objective, device: Device, waveform: Float32[Tensor, "batch samples"]
) -> str | None:
    """Return what is not finite: weights of a network, or its outputs for a batch; None if all are finite."""
    for name, value in network.state_dict().items():
        if not bool(torch.isfinite(value).all()):
            return f"weights of {name} are not finite"
    network.eval()
    try:
        with torch.inference_mode(), device.autocast():
            outputs = objective.forward(waveform)
    finally:
        network.train()
    return None if bool(torch.isfinite(outputs).all()) else "the network's outputs are not finite"
