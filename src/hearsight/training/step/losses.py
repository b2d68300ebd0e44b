"""The loss functions."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from jaxtyping import Float, Float32
from torch import Tensor

from hearsight.training.data.sparse import SentTargets


def binary_cross_entropy(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"] | SentTargets
) -> Float32[Tensor, ""]:
    """Return the cross-entropy of each class's sigmoid, the mean over classes and clips (Jia 2019, equation 1).

    The paper's sum runs from j = 0 to m and is divided by m; we read it as the mean over the m classes. It is computed from the
    logits in single precision, so that no probability rounds to zero or one.

    Parameters
    ----------
    logits
        Outputs of the network.
    targets
        One where a class is a label, zero where it is not; values in between are soft labels. Of sparse targets y the cross-entropy
        is that of zeros, the sum of softplus(z), less the sum of y z over what is not zero: equal up to rounding.
    """
    if isinstance(targets, SentTargets):
        logits = logits.float()
        gained = (logits[targets.rows, targets.ids] * targets.values).sum() * (1.0 - targets.smoothing)
        if targets.smoothing:
            gained = gained + 0.5 * targets.smoothing * logits.sum()
        return F.softplus(logits).mean() - gained / logits.numel()
    return F.binary_cross_entropy_with_logits(logits.float(), targets)


def softmax_cross_entropy(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"]
) -> Float32[Tensor, ""]:
    """Return the cross-entropy of the softmax over all classes, the mean over clips.

    Parameters
    ----------
    logits
        Outputs of the network.
    targets
        A distribution over the classes: a one for the class of the clip, or equal shares where it has several.
    """
    return F.cross_entropy(logits.float(), targets)


def kl_divergence(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"], heads: tuple[int, ...]
) -> Float32[Tensor, ""]:
    """Return the divergence of each head's softmax from the targets: the mean over clips and classes, summed over the heads.

    Aytar 2016, section 3.2, with the mean over elements as in the authors' code. A head whose targets are zero for a clip, because
    its teacher has no output there, adds nothing.

    Parameters
    ----------
    logits
        Outputs of the network.
    targets
        A distribution over the classes of each head.
    heads
        Sizes of the heads, in the order of the classes.
    """
    parts = zip(logits.float().split(heads, dim=1), targets.split(heads, dim=1), strict=True)
    divergences = [(torch.xlogy(wanted, wanted) - wanted * head.log_softmax(1)).mean() for head, wanted in parts]
    return torch.stack(divergences).sum()


def squared_error(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"], heads: tuple[int, ...]
) -> Float32[Tensor, ""]:
    """Return the squared error of each head's softmax: the mean over clips and classes, summed over the heads.

    Aytar 2016, Table 5, compares this loss "on the target outputs" with the divergence; we read the outputs as the distributions of
    both. Parameters are those of :func:`kl_divergence`. Targets are scaled to sum to one; a head whose targets are zero for a clip
    adds nothing.
    """
    parts = zip(logits.float().split(heads, dim=1), targets.split(heads, dim=1), strict=True)
    errors: list[Tensor] = []
    for head, wanted in parts:
        total = wanted.sum(1, keepdim=True)
        distribution = wanted / torch.where(total > 0, total, 1.0)
        errors.append(((head.softmax(1) - distribution).square() * (total > 0)).mean())
    return torch.stack(errors).sum()


def smooth_targets(
    targets: Float[Tensor, "batch classes"] | SentTargets, share: float, heads: tuple[int, ...]
) -> Float[Tensor, "batch classes"] | SentTargets:
    """Return targets that are moved by a share towards 0.5, or within each head towards equal probabilities.

    A head whose targets are zero for a clip, because its teacher has no output there, stays zero.
    """
    if not share:
        return targets
    if isinstance(targets, SentTargets):
        return dataclasses.replace(targets, smoothing=share)
    if not heads:
        return targets * (1.0 - share) + 0.5 * share
    parts = targets.split(heads, dim=1)
    return torch.cat([part * (1.0 - share) + share * part.mean(1, keepdim=True) for part in parts], dim=1)
