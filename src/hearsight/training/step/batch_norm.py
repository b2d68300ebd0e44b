"""Batch normalisation with the statistics of all processes.

Torch's own needs CUDA; this one works with Gloo too. Mean and variance are two sums over the processes, in two passes, so that
nothing is lost by subtracting large squares. The gradient passes through the sums.
"""

from __future__ import annotations

import functools

import torch
import torch.distributed.nn.functional as collective
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.config import TrainConfig
from hearsight.errors import UsageError
from hearsight.models.network import Network
from hearsight.training.data.batches import TrainBatches
from hearsight.training.group import Group


def synchronise_batch_norm(network: Network, group: Group) -> None:
    """Let all batch normalisations of a network use the statistics of the parts that all processes compute at the same time.

    In evaluation mode they are as before, and so are the names of their tensors.
    """
    if group.size == 1:
        return
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.__dict__["forward"] = functools.partial(_forward, module)


def check_synchronised(config: TrainConfig, group: Group, least_parts: int, batches: TrainBatches) -> None:
    """Check that a run whose processes wait for each other, or average their weights, can be trained by these processes.

    Raises
    ------
    UsageError
        When the run began with another number of processes; or for ``sync_batch_norm``, when the processes have unequal numbers of
        parts.
    """
    if config.sync_every == 1 and not config.sync_batch_norm:
        return
    key = "sync_batch_norm" if config.sync_batch_norm else "sync_every"
    if group.size != least_parts:
        hint = f"continue with --devices {least_parts}"
        raise UsageError(key, f"{group.size} processes", f"{least_parts}, with which the run began", hint)
    parts = batches.count_parts()
    if config.sync_batch_norm and any(count % group.size for count in parts):
        found = f"steps of {' or '.join(map(str, parts))} parts in {group.size} processes"
        hint = "set global_batch_size to batch_size times the number of processes"
        raise UsageError(key, found, "as many parts in each process", hint)


def _forward(
    module: nn.modules.batchnorm._BatchNorm, values: Float[Tensor, "batch channels *rest"]
) -> Float[Tensor, "batch channels *rest"]:
    if not module.training:
        return F.batch_norm(
            values, module.running_mean, module.running_var, module.weight, module.bias, False, 0.0, module.eps
        )
    axes = [axis for axis in range(values.ndim) if axis != 1]
    shape = [1, -1, *[1] * (values.ndim - 2)]
    exact = values.float()
    sums = torch.cat([exact.sum(axes), exact.new_full((1,), exact.numel() / exact.shape[1])])
    total = collective.all_reduce(sums)
    mean = total[:-1] / total[-1]
    centred = exact - mean.view(shape)
    variance = collective.all_reduce(centred.square().sum(axes)) / total[-1]
    _keep_statistics(module, mean.detach(), variance.detach(), float(total[-1].detach()))
    scaled = centred * torch.rsqrt(variance + module.eps).view(shape)
    if module.affine:
        scaled = scaled * module.weight.view(shape) + module.bias.view(shape)
    return scaled.to(values.dtype)


@torch.no_grad()
def _keep_statistics(
    module: nn.modules.batchnorm._BatchNorm,
    mean: Float[Tensor, " channels"],
    variance: Float[Tensor, " channels"],
    count: float,
) -> None:
    """Move the running statistics, as torch does: the variance is that of a sample."""
    if module.running_mean is None or module.running_var is None:
        return
    if module.num_batches_tracked is not None:
        module.num_batches_tracked.add_(1)
    share = module.momentum
    if share is None:
        share = 1.0 / float(module.num_batches_tracked or 1)
    module.running_mean.lerp_(mean, share)
    module.running_var.lerp_(variance * (count / max(1.0, count - 1.0)), share)
