"""The exponential moving average of the weights, which is validated and delivered in their place."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

RAW = "weights/"
"""Prefix of the weights in training, in the optimizer's file of a checkpoint: its network is the average."""


class WeightAverage:
    """The moving average of a network's parameters; running statistics of normalisations are averages already.

    Parameters
    ----------
    network
        The network in training; its fresh weights are the first average.
    decay
        Share of the average that a step keeps.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self._parameters = dict(network.named_parameters())
        self._decay = decay
        self._averages = {name: value.detach().clone() for name, value in self._parameters.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step, counted from one."""
        decay = min(self._decay, (1 + step) / (10 + step))
        for name, average in self._averages.items():
            average.lerp_(self._parameters[name].detach(), 1.0 - decay)

    @contextmanager
    def in_place(self) -> Generator[None]:
        """Let the network have the average in place of its weights, within the block."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def _exchange(self) -> None:
        for name, parameter in self._parameters.items():
            parameter.data, self._averages[name] = self._averages[name], parameter.data

    def export_weights(self) -> dict[str, Tensor]:
        """Return the weights in training; to be called while the network has the average."""
        return {f"{RAW}{name}": value for name, value in self._averages.items()}

    @torch.no_grad()
    def import_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Take the network's weights, as a checkpoint has them, for the average, and the exported ones for its weights."""
        for name, parameter in self._parameters.items():
            self._averages[name].copy_(parameter)
            parameter.copy_(tensors[f"{RAW}{name}"])
