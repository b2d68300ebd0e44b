"""What is minimised."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def binary_cross_entropy(logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"]) -> Tensor:
    """Mean over the classes, then over the clips, of the cross-entropy of each class's sigmoid (Jia 2019, equation 1).

    The paper's sum runs from j = 0 to m and is divided by m; we read it as the mean over the m classes. Taken from the logits in
    single precision, so that no probability rounds to zero or one.

    Parameters
    ----------
    logits
        What the network says.
    targets
        One where a class is a label, zero where it is not; values between are soft labels.
    """
    return F.binary_cross_entropy_with_logits(logits.float(), targets)


def kl_divergence(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"], heads: tuple[int, ...]
) -> Tensor:
    """Sum over the heads of the mean, over clips and classes, of the divergence of the network's softmax from the targets.

    Aytar 2016, section 3.2, with the mean over elements that the authors' code takes. A head whose targets are zero for a clip,
    since its teacher said nothing, adds nothing.

    Parameters
    ----------
    logits
        What the network says.
    targets
        A distribution over the classes of each head.
    heads
        Sizes of the heads, in the order of the classes.
    """
    parts = zip(logits.float().split(heads, dim=1), targets.split(heads, dim=1), strict=True)
    divergences = [(torch.xlogy(wanted, wanted) - wanted * said.log_softmax(1)).mean() for said, wanted in parts]
    return torch.stack(divergences).sum()


def squared_error(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"], heads: tuple[int, ...]
) -> Tensor:
    """Sum over the heads of the mean, over clips and classes, of the squared error of the network's softmax.

    Aytar 2016, Table 5, compares this loss "on the target outputs" with the divergence; we read the outputs as the
    distributions of both. Parameters are those of :func:`kl_divergence`, and such a head adds nothing here either. Targets of a
    mixture, which sum to two, count as one distribution.
    """
    parts = zip(logits.float().split(heads, dim=1), targets.split(heads, dim=1), strict=True)
    errors: list[Tensor] = []
    for said, wanted in parts:
        total = wanted.sum(1, keepdim=True)
        distribution = wanted / torch.where(total > 0, total, 1.0)
        errors.append(((said.softmax(1) - distribution).square() * (total > 0)).mean())
    return torch.stack(errors).sum()
