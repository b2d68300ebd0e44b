"""Statistics that a network keeps of its examples, over a step that goes through it in several parts.

Each part starts from the statistics before the step, and the step ends with those of all its parts. So they do not depend on the
order of the parts, or on the process that computes each of them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hearsight.models.front_end import NormalizedLogMel


class RunningStatistics:
    """The running statistics of a network within a step.

    Those of batch normalisation become the mean over the parts: one step moves them by the momentum once. Those of
    :class:`~hearsight.models.front_end.NormalizedLogMel` take in the frames of all parts.

    Parameters
    ----------
    network
        The network, before the first part.
    """

    def __init__(self, network: nn.Module) -> None:
        self._layers: list[_Averaged | _Counted] = []
        for module in network.modules():
            if not module.training:
                continue  # of a frozen layer, whose statistics do not change
            if isinstance(module, NormalizedLogMel):
                self._layers.append(_Counted(module))
            elif isinstance(module, nn.modules.batchnorm._BatchNorm) and module.running_mean is not None:
                self._layers.append(_Averaged(module))

    @property
    def sums(self) -> list[Tensor]:
        """The sums over the parts so far, which processes add to each other before :meth:`finish`."""
        return [total for layer in self._layers for total in layer.sums]

    @torch.no_grad()
    def take(self, share: float) -> None:
        """Add the statistics of a part, which is a share of the step, and go back to those before the step."""
        for layer in self._layers:
            layer.take(share)

    @torch.no_grad()
    def finish(self) -> None:
        """Set the statistics to those of all parts."""
        for layer in self._layers:
            layer.finish()


class _Averaged:
    """Running mean and variance of a batch normalisation; its count of batches advances by one in each step."""

    def __init__(self, layer: nn.modules.batchnorm._BatchNorm) -> None:
        found = (layer.running_mean, layer.running_var)
        self._buffers = [buffer for buffer in found if buffer is not None]
        self._count = layer.num_batches_tracked
        self._before = [buffer.clone() for buffer in self._buffers]
        self._count_before = None if self._count is None else self._count.clone()
        self.sums = [torch.zeros_like(buffer) for buffer in self._buffers]

    def take(self, share: float) -> None:
        for buffer, before, total in zip(self._buffers, self._before, self.sums, strict=True):
            total.add_(buffer, alpha=share)
            buffer.copy_(before)

    def finish(self) -> None:
        for buffer, total in zip(self._buffers, self.sums, strict=True):
            buffer.copy_(total)
        if self._count is not None and self._count_before is not None:
            self._count.copy_(self._count_before + 1)


class _Counted:
    """Mean and variance of all frames so far, whose parts are joined by the sums of values and squares, in double precision."""

    def __init__(self, layer: NormalizedLogMel) -> None:
        self._layer = layer
        self._before = [buffer.clone() for buffer in (layer.num_frames, layer.mean, layer.variance)]
        self._moments = self._sum_moments()
        self.sums = [torch.zeros_like(moment) for moment in self._moments]

    def _sum_moments(self) -> list[Tensor]:
        """Return the number of frames, and the sums of their values and of the squares."""
        count, mean, variance = (
            value.double() for value in (self._layer.num_frames, self._layer.mean, self._layer.variance)
        )
        return [count.reshape(1), count * mean, count * (variance + mean.square())]

    def take(self, share: float) -> None:  # noqa: ARG002
        for total, after, before in zip(self.sums, self._sum_moments(), self._moments, strict=True):
            total.add_(after - before)
        for buffer, before in zip(
            (self._layer.num_frames, self._layer.mean, self._layer.variance), self._before, strict=True
        ):
            buffer.copy_(before)

    def finish(self) -> None:
        count, values, squares = (before + total for before, total in zip(self._moments, self.sums, strict=True))
        if count > 0:
            mean = values / count
            self._layer.num_frames.copy_(count[0].round())
            self._layer.mean.copy_(mean)
            self._layer.variance.copy_((squares / count - mean.square()).clamp(min=0.0))
