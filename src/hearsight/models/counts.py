"""How large a network is: parameters, kernels and multiply-accumulates, counted as the papers count."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from hearsight.models.network import Network
from hearsight.signal.front_ends import FrontEnd, WaveformFrontEnd


@dataclasses.dataclass(frozen=True)
class Counts:
    """The size of a network: all parameters, kernels only ("weights"), multiply-accumulates of one segment."""

    parameters: int
    weights: int
    macs: int


def count_network(network: Network) -> Counts:
    """Count parameters and multiply-accumulates, the front end left out, as the papers count.

    The sizes of the maps are followed on torch's ``meta`` device, which computes nothing: a network of a hundred million weights
    is counted in milliseconds, and one that was built on that device needs no memory.
    """
    weights = sum(parameter.numel() for parameter in network.parameters() if parameter.ndim > 1)
    return Counts(count_parameters(network), weights, sum(count_layers(network).values()))


def count_parameters(network: Network) -> int:
    """Count all parameters."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_layers(network: Network) -> dict[str, int]:
    """Count the multiply-accumulates that each layer spends on one segment, by the layer's name, in the order of their use."""
    skeleton = _copy_to_meta(network).eval()
    macs: dict[str, int] = {}
    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, module in skeleton.named_modules():
            for kind, count in _COUNTERS.items():
                if isinstance(module, kind):
                    stack.enter_context(contextlib.closing(_Hook(module, name, count, macs)))
            if isinstance(module, nn.LSTM | nn.GRU):
                setattr(module, "forward", functools.partial(_pass_over, module))  # noqa: B010  (stands in for a method)
        skeleton.forward_segments(torch.zeros(1, network.front_end.definition.patch_samples, device="meta"))
    return macs


class _SizeOnly(nn.Module):
    """Stands in for a front end where only the size of what it gives matters."""

    def __init__(self, definition: FrontEnd | WaveformFrontEnd) -> None:
        super().__init__()
        self.definition = definition

    def forward(self, waveform: Float[Tensor, "batch samples"]) -> Float[Tensor, "batch ..."]:
        """Return an empty log-mel matrix, or the waveform."""
        if isinstance(self.definition, WaveformFrontEnd):
            return waveform
        frames = self.definition.count_frames(waveform.shape[1])
        return waveform.new_zeros(waveform.shape[0], frames, self.definition.n_mels)


def _copy_to_meta(network: Network) -> Network:
    """Copy a network without its numbers."""
    memo: dict[int, Any] = {}
    for tensor in [*network.parameters(), *network.buffers()]:
        skeleton = torch.empty_like(tensor, device="meta")
        memo[id(tensor)] = (
            nn.Parameter(skeleton, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else skeleton
        )
    skeleton = copy.deepcopy(network, memo)
    setattr(skeleton, "front_end", _SizeOnly(network.front_end.definition))  # noqa: B010  (stands in for its type)
    return skeleton


def _pass_over(
    module: nn.LSTM | nn.GRU, inputs: Float[Tensor, "batch frames dim"]
) -> tuple[Float[Tensor, "batch frames outputs"], Any]:
    """Return empty tensors of the shapes of a recurrent layer's outputs: on ``meta`` torch would unroll it for seconds."""
    directions = 2 if module.bidirectional else 1
    output = inputs.new_empty(*inputs.shape[:2], directions * module.hidden_size)
    state = inputs.new_empty(directions * module.num_layers, inputs.shape[0], module.hidden_size)
    return output, (state, state) if isinstance(module, nn.LSTM) else state


class _Hook:
    """Adds up what a module computes, until it is closed."""

    def __init__(
        self, module: nn.Module, name: str, count: Callable[[Any, Tensor, Tensor], int], macs: dict[str, int]
    ) -> None:
        def add(_module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            first = output[0] if isinstance(output, tuple) else output
            macs[name] = macs.get(name, 0) + count(module, inputs[0], first)

        self.close = module.register_forward_hook(add).remove


def _count_convolution(
    module: nn.Conv1d | nn.Conv2d,
    _: Float[Tensor, "batch channels *places"],
    output: Float[Tensor, "batch outputs *others"],
) -> int:
    return output.numel() * module.in_channels // module.groups * math.prod(module.kernel_size)


def _count_transposed_convolution(
    module: nn.ConvTranspose1d, inputs: Float[Tensor, "batch channels places"], _: Float[Tensor, "batch outputs others"]
) -> int:
    return inputs.numel() * module.out_channels // module.groups * math.prod(module.kernel_size)


def _count_linear(module: nn.Linear, _: Float[Tensor, "*batch dim"], output: Float[Tensor, "*batch outputs"]) -> int:
    return output.numel() * module.in_features


def _count_recurrent(
    module: nn.LSTM | nn.GRU, inputs: Float[Tensor, "batch frames dim"], _: Float[Tensor, "batch frames outputs"]
) -> int:
    kernels = sum(parameter.numel() for parameter in module.parameters() if parameter.ndim > 1)
    return inputs.shape[1] * kernels


_COUNTERS: dict[type[nn.Module], Callable[[Any, Tensor, Tensor], int]] = {
    nn.Conv1d: _count_convolution,
    nn.Conv2d: _count_convolution,
    nn.ConvTranspose1d: _count_transposed_convolution,
    nn.Linear: _count_linear,
    nn.LSTM: _count_recurrent,
    nn.GRU: _count_recurrent,
}
