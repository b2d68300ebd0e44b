"""What is minimised."""

from __future__ import annotations

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
