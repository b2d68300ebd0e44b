"""The optimizer, its learning rate as a function of the step, and its state as tensors on disk."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hearsight.config import TrainConfig

WARMUP = 0.2
"""Share of all steps during which the learning rate of the one-cycle schedule rises."""
LEAST_SUM_OF_RATES = 0.05
"""Sum of the learning rates of all steps below which a run is too short: fresh kernels have about this size, and Adam moves a
weight by at most its learning rate per step."""


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """Return Adam or AdamW for a network.

    Only kernels have an L2 penalty or weight decay; biases and normalisations have none. The penalty is added as its gradient,
    ``l2_penalty * l2_scale * kernel``, by Adam's ``weight_decay``.
    """
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    kernels = [parameter for parameter in trained if parameter.ndim > 1]
    others = [parameter for parameter in trained if parameter.ndim <= 1]
    weight_decay = config.l2_penalty * config.l2_scale if config.optimizer == "adam" else config.weight_decay
    groups = [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(groups, lr=config.learning_rate, fused=config.fast, foreach=False)


def schedule_rate(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    """Return the learning rate of a step, counted from zero over the whole run."""
    rate = _follow_schedule(config, step, steps_per_epoch)
    if step < config.warmup_steps:
        rate *= (step + 1) / (config.warmup_steps + 1)
    if config.drop_at and step >= config.drop_at * config.count_steps(steps_per_epoch):
        rate *= 0.1
    return rate


def _follow_schedule(config: TrainConfig, step: int, steps_per_epoch: int) -> float:
    if config.schedule == "exponential":
        return config.learning_rate * config.decay ** (step // steps_per_epoch)
    num_steps = config.count_steps(steps_per_epoch)
    rising = max(1.0, WARMUP * num_steps) if config.schedule == "one-cycle" else 0.0
    if step < rising:
        return config.learning_rate * (step + 1) / (rising + 1)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * (step - rising) / max(1.0, num_steps - rising)))


def sum_rates(config: TrainConfig, steps_per_epoch: int) -> float:
    """Return about the sum of the learning rates of all steps, without warm-up: the farthest that Adam can move a weight."""
    num_steps = config.count_steps(steps_per_epoch)
    late = 1.0 - 0.9 * (1.0 - config.drop_at) if config.drop_at else 1.0
    if config.schedule != "exponential":
        return 0.5 * config.learning_rate * num_steps * late
    starts = range(0, num_steps, steps_per_epoch)
    steps = (min(steps_per_epoch, num_steps - start) for start in starts)
    return late * sum(config.learning_rate * config.decay**epoch * count for epoch, count in enumerate(steps))


def advise_too_short(config: TrainConfig, steps_per_epoch: int) -> str | None:
    """Return what to do about a run whose steps are too few, at their learning rates, to learn anything; None for any other."""
    if sum_rates(config, steps_per_epoch) >= LEAST_SUM_OF_RATES:
        return None
    if config.recipe in ("jia2019", "soundnet2016"):
        return "for a small dataset use recipe=quick"
    return "set more epochs or a higher learning_rate"


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all parameters."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def export_state(network: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return Adam's moments and step counts as tensors named ``<what>/<parameter>``; before the first step there are none."""
    state = optimizer.state
    return {
        f"{key}/{name}": value
        for name, parameter in network.named_parameters()
        for key, value in state.get(parameter, {}).items()
    }


def import_state(network: nn.Module, optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Restore the state that :func:`export_state` returned.

    Moments take the device and memory format of their parameter, as the fused steps require. Step counts lie on the CPU, or on the
    parameter's device where the optimizer is fused.
    """
    parameters = dict(network.named_parameters())
    fused = {id(parameter) for group in optimizer.param_groups if group["fused"] for parameter in group["params"]}
    for key_and_name, value in tensors.items():
        key, _, name = key_and_name.partition("/")
        parameter = parameters[name]
        if value.ndim:
            restored = torch.zeros_like(parameter, requires_grad=False).copy_(value)
        else:
            restored = value.clone().to(parameter.device if id(parameter) in fused else "cpu")
        optimizer.state[parameter][key] = restored
