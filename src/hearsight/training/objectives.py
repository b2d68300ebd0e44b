"""What a step minimises, by the name of the loss: what it hears of a batch, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from hearsight.config import TrainConfig
from hearsight.errors import UsageError
from hearsight.models.architectures.soundnet_autoencoder import Autoencoder
from hearsight.models.network import Network
from hearsight.training.batches import Batch
from hearsight.training.device import Device
from hearsight.training.losses import binary_cross_entropy, kl_divergence, squared_error

DISTRIBUTION_LOSSES: Mapping[str, Callable[[Tensor, Tensor, tuple[int, ...]], Tensor]] = {
    "kl": kl_divergence,
    "l2": squared_error,
}
"""The losses that are taken from the vision teachers' distributions, a softmax for each."""


class Objective:
    """The loss of a run.

    Parameters
    ----------
    config
        ``loss`` and ``loss_weight``.
    network
        What is trained.

    Raises
    ------
    UsageError
        When the network does not have what the loss is measured on.
    """

    def __init__(self, config: TrainConfig, network: Network) -> None:
        if config.loss in DISTRIBUTION_LOSSES and not network.heads:
            raise UsageError(
                f"loss {config.loss}", f"{network.name}, which has no heads", "a network with some, such as soundnet-8"
            )
        if config.loss == "reconstruction" and not isinstance(network, Autoencoder):
            raise UsageError(
                "loss reconstruction", f"{network.name}", "a network that gives sound back: soundnet-autoencoder"
            )
        self.name, self.weight = config.loss, config.loss_weight

    @property
    def tags(self) -> bool:
        """Whether the network learns to name classes, so that naming them can be scored."""
        return self.name != "reconstruction"

    def measure(self, network: Network, machine: Device, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Give the loss of a batch, and its logits; None where there is nothing to name."""
        if isinstance(network, Autoencoder) and self.name == "reconstruction":
            waveform = torch.from_numpy(batch.waveform).to(machine.device)
            return self.weight * network.measure_loss(waveform), None
        logits, targets = machine.forward(network, batch)
        if self.name in DISTRIBUTION_LOSSES:
            return self.weight * DISTRIBUTION_LOSSES[self.name](logits, targets, network.heads), logits
        return self.weight * binary_cross_entropy(logits, targets), logits
