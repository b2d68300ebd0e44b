"""What a step minimises, chosen by the name of the loss: what is computed from a waveform, and how it is compared with targets."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from hearsight.config import TrainConfig
from hearsight.errors import UsageError
from hearsight.models.architectures.soundnet import SoundNet
from hearsight.models.architectures.soundnet_autoencoder import Autoencoder
from hearsight.models.network import Network
from hearsight.models.zoo import NETWORKS, list_options
from hearsight.training.data.sparse import SentTargets
from hearsight.training.data.targets import DISTRIBUTION_LOSSES
from hearsight.training.step.losses import binary_cross_entropy, kl_divergence, softmax_cross_entropy, squared_error


@dataclasses.dataclass(frozen=True)
class Objective:
    """The loss of a run.

    Attributes
    ----------
    forward
        Computes the outputs that the loss takes from waveforms ``[batch, samples]``: ``[batch, classes]``, or
        ``[batch, steps, classes]`` for several outputs over time.
    loss
        Computes the mean loss of a batch from outputs and targets.
    weight
        Factor on the loss.
    scores_classes
        Whether the outputs are logits of classes, so that validation can score them.
    """

    forward: Callable[[Tensor], Tensor]
    loss: Callable[[Tensor, Any], Tensor]
    weight: float = 1.0
    scores_classes: bool = True

    def __call__(self, outputs: Tensor, targets: Tensor | SentTargets) -> Tensor:
        """Return the weighted loss of a batch."""
        return self.weight * self.loss(outputs.flatten(0, 1) if outputs.ndim == 3 else outputs, targets)


def make_objective(config: TrainConfig, network: Network) -> Objective:
    """Return the objective that a configuration names.

    Raises
    ------
    UsageError
        When the network does not have the outputs that the loss needs.
    """
    if config.loss == "reconstruction":
        if not isinstance(network, Autoencoder):
            raise UsageError(
                "loss reconstruction", network.name, "a network that reconstructs its input: soundnet-autoencoder"
            )
        forward = functools.partial(_compute_reconstruction_error, network)
        return Objective(forward, _ignore_targets, config.loss_weight, scores_classes=False)
    forward = functools.partial(compute_outputs_over_time if config.excerpt else _compute_logits, network)
    if config.loss == "softmax":
        return Objective(forward, softmax_cross_entropy, config.loss_weight)
    if config.loss in DISTRIBUTION_LOSSES:
        if not network.heads:
            found = f"{network.name}, which has no heads"
            raise UsageError(f"loss {config.loss}", found, "a network with some, such as soundnet-8")
        loss = kl_divergence if config.loss == "kl" else squared_error
        return Objective(forward, functools.partial(loss, heads=network.heads), config.loss_weight)
    return Objective(forward, binary_cross_entropy, config.loss_weight)


def choose_options(config: TrainConfig, heads: tuple[int, ...]) -> dict[str, Any]:
    """Return the options of a run's network, with the heads of its targets where the network can have heads."""
    options: dict[str, Any] = dict(config.options)
    if heads and config.model in NETWORKS and "heads" in list_options(config.model):
        options["heads"] = list(heads)
    return options


def _compute_logits(network: Network, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch classes"]:
    """Return the logits of waveforms of one segment: ``[batch, classes]``."""
    return network(waveform).logits[:, 0]


def compute_outputs_over_time(
    network: Network, waveform: Float[Tensor, "batch samples"]
) -> Float[Tensor, "batch steps classes"]:
    """Return the logits of each output of whole waveforms; a SoundNet is run fully convolutionally, others segment by segment."""
    return network.forward_whole(waveform)[0] if isinstance(network, SoundNet) else network(waveform).logits


def count_outputs(network: Network, num_samples: int) -> int:
    """Return how many outputs :func:`compute_outputs_over_time` has for a waveform."""
    return network.count_outputs(num_samples) if isinstance(network, SoundNet) else network.count_segments(num_samples)


def _compute_reconstruction_error(network: Autoencoder, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, ""]:
    """Return the mean squared error of the reconstruction, in single precision: its amplitudes reach 256."""
    with torch.autocast(waveform.device.type, enabled=False):
        return network.measure_loss(waveform)


def _ignore_targets(outputs: Float[Tensor, ""], targets: Float[Tensor, "batch classes"]) -> Float[Tensor, ""]:  # noqa: ARG001
    """Return the reconstruction error, which needs no targets."""
    return outputs
