"""How far an output of a network in single precision may be from the exact one, measured on the network itself.

A sum of n products in single precision differs from the exact one by more than ``4 sqrt(n) u S`` with a probability below one in
a thousand, in whatever order the machine adds them; S is the sum of their magnitudes, u the unit roundoff (Higham & Mary 2019).
So the network runs in double precision, which is the reference, and then twice more with an error of ``sqrt(n) u S``, of random
sign, added to every output of every layer (Monte Carlo arithmetic, Parker 1997). The network itself carries these errors to its
outputs. Their largest deviation from the reference, times four, is the bound. It depends on no machine. What is no rounding
exceeds it: a changed weight, or a sound that is ten samples late (``tests/unit/export/test_rounding.py``).
"""

from __future__ import annotations

import copy
import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hearsight.models.front_end import LogMel, NormalizedLogMel
from hearsight.models.graphs.traceable import make_kernels
from hearsight.models.network import Network, average_segments
from hearsight.signal.filters import cosine_matrix
from hearsight.signal.front_ends import FrontEnd
from hearsight.signal.log_mel import MIN_VARIANCE

UNIT = 2.0**-24
"""Unit roundoff of single precision."""
DEVIATIONS = 4.0
"""What a bound is in units of ``sqrt(n) u S``."""
DRAWS = 2
"""Passes with random errors."""


@dataclasses.dataclass(frozen=True)
class Bounded:
    """An exact output, and how far one in single precision may be from any of its numbers."""

    values: np.ndarray
    bound: float

    def measure(self, found: Tensor | np.ndarray) -> float:
        """Return the largest error of what was found, in units of the bound."""
        found = np.asarray(found.detach().cpu() if isinstance(found, Tensor) else found, dtype=np.float64)
        assert found.shape == self.values.shape, f"{found.shape} and not {self.values.shape}"
        return float(np.abs(found - self.values).max(initial=0.0)) / self.bound

    def check(self, found: Tensor | np.ndarray, *, places: object = ...) -> None:
        """Fail where a number is further from the exact one than rounding can bring it; or one of some ``places``."""
        chosen = self if places is ... else dataclasses.replace(self, values=self.values[places])  # type: ignore[index]
        error = chosen.measure(found)
        assert error <= 1.0, f"an error of {error:.3g} times the bound of rounding, {self.bound:.3g}"


@dataclasses.dataclass(frozen=True)
class BoundedOutputs:
    """The outputs of a network, as :class:`~hearsight.models.network.NetworkOutput` names them."""

    logits: Bounded
    embeddings: Bounded
    probabilities: Bounded
    clip_probabilities: Bounded
    clip_embeddings: Bounded


def bound_outputs(network: Network, waveform: Tensor, lengths: Tensor | None = None) -> BoundedOutputs:
    """Bound the rounding of what a network returns for a batch of waveforms."""

    def compute(exact: nn.Module) -> tuple[Tensor, ...]:
        output = exact(waveform.double(), lengths)
        weights = output.weights.double()
        heads = output.logits.split(output.heads, dim=-1) if output.heads else ()
        probabilities = torch.cat([head.softmax(-1) for head in heads], -1) if heads else output.logits.sigmoid()
        probabilities = probabilities * output.mask[..., None]
        clips = [average_segments(values, weights) for values in (probabilities, output.embeddings)]
        return output.logits, output.embeddings, probabilities, *clips

    return BoundedOutputs(*bound_rounding(network, compute))


@torch.no_grad()
def bound_rounding(network: nn.Module, compute: Callable[[nn.Module], Sequence[Tensor]]) -> list[Bounded]:
    """Bound the rounding of anything that is computed by a network or a layer.

    Parameters
    ----------
    network
        It is taken as it is; no layer of it is changed.
    compute
        Applied to a copy in double precision and evaluation mode.
    """
    exact = copy.deepcopy(network).cpu().double().eval()
    errors = RandomErrors()
    for module in exact.modules():
        module.register_forward_hook(errors)
    values = [each.clone() for each in compute(exact)]
    deviations = [2.0 * UNIT * float(each.abs().max()) if each.numel() else 1.0 for each in values]
    for _ in range(DRAWS):
        errors.rewind()
        for index, each in enumerate(compute(exact)):
            if each.numel():
                deviations[index] = max(deviations[index], float((each - values[index]).abs().max()))
    return [Bounded(each.numpy(), DEVIATIONS * largest) for each, largest in zip(values, deviations, strict=True)]


class RandomErrors:
    """A hook for every layer: in the first pass it measures ``sqrt(n) u S``, in later ones it adds as much, of random signs."""

    def __init__(self) -> None:
        self.scales: list[Tensor | nn.Module | None] = []
        self.calls: Iterator[Tensor | nn.Module | None] | None = None
        self.generator = torch.Generator().manual_seed(0)

    def rewind(self) -> None:
        """Begin a pass with errors."""
        self.calls = iter(self.scales)

    def __call__(self, module: nn.Module, inputs: tuple[object, ...], output: object) -> object:
        """Measure, or return the output with errors."""
        if self.calls is None:
            self.scales.append(scale_error(module, inputs[0], output))
            return None
        scale = next(self.calls)
        if isinstance(module, nn.LSTM | nn.GRU):
            return perturb_recurrent(module, inputs[0], output, self.draw)
        return None if scale is None else output + self.draw(scale)

    def draw(self, scale: Tensor) -> Tensor:
        """Return numbers of a size, with random signs."""
        return scale * (2.0 * torch.randint(2, scale.shape, generator=self.generator).double() - 1.0)


def scale_error(module: nn.Module, values: Any, output: Any) -> Tensor | None:
    """Return ``sqrt(n) u S`` of each output of a layer; None of what only hands on what its layers return."""
    if not isinstance(values, Tensor) or not isinstance(output, Tensor):
        return None
    if isinstance(module, LogMel):
        rows = [bound_log_mel(row, module) for row in values.numpy()]
        return torch.from_numpy(np.stack(rows)) / DEVIATIONS
    weight = getattr(module, "weight", None)
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        shape = [1, -1] + [1] * (output.ndim - 2)
        scale = (module.weight / (module.running_var + module.eps).sqrt()).abs()
        sums = (values.abs() + module.running_mean.abs().reshape(shape)) * scale.reshape(shape)
        return UNIT * 2.0 * (sums + module.bias.abs().reshape(shape))
    if isinstance(module, nn.Linear | nn.modules.conv._ConvNd) and isinstance(weight, Tensor):
        magnitudes = copy.copy(module)
        magnitudes._forward_hooks = OrderedDict()
        magnitudes._parameters = {
            name: None if each is None else nn.Parameter(each.abs()) for name, each in module._parameters.items()
        }
        # a transposed convolution has its inputs first
        count = weight[:, 0].numel() if "Transpose" in type(module).__name__ else weight[0].numel()
        return UNIT * (count + 1) ** 0.5 * magnitudes(values.abs())
    # a mean over n values, a sum of two branches, an activation
    count = max(1.0, values.numel() / max(1, output.numel()))
    return UNIT * count**0.5 * output.abs()


def perturb_recurrent(module: Any, frames: Any, output: Any, draw: Callable[[Tensor], Tensor]) -> object:
    """Return the outputs of a recurrent layer whose gates are each wrong by ``sqrt(n) u S`` in every frame."""
    wrong = copy.copy(module)
    wrong._forward_hooks = OrderedDict()
    wrong._parameters = dict(module._parameters)
    inputs = frames.abs().amax(dim=(0, 1))
    states = output[0].abs().amax(dim=(0, 1))
    for layer in range(module.num_layers):
        # outputs and states are within ±1, and those of the layers before are not known here
        below = inputs if layer == 0 else torch.ones(wrong._parameters[f"weight_ih_l{layer}"].shape[1]).double()
        for end in ("", "_reverse") if module.bidirectional else ("",):
            name = f"l{layer}{end}"
            taken, kept = (wrong._parameters[f"{kind}_{name}"].abs() for kind in ("weight_ih", "weight_hh"))
            own = states[: module.hidden_size] if layer == module.num_layers - 1 else torch.ones(module.hidden_size)
            sums = taken @ below + kept @ own.double() + wrong._parameters[f"bias_ih_{name}"].abs()
            count = taken.shape[1] + kept.shape[1] + 2
            bias = module._parameters[f"bias_ih_{name}"] + draw(UNIT * count**0.5 * sums)
            wrong._parameters[f"bias_ih_{name}"] = nn.Parameter(bias)
    wrong._flat_weights = [wrong._parameters[name] for name in module._flat_weights_names]
    return wrong(frames)


def bound_log_mel(waveform: np.ndarray, layer: LogMel) -> np.ndarray:
    """Bound the error of a layer's log-mel matrix, as :func:`bound_front_end` does, and of its normalisation."""
    definition = layer.definition
    plain = dataclasses.replace(definition, normalize=False)
    wanted = LogMel(plain).double()(torch.from_numpy(waveform)[None])[0].numpy()
    error = bound_front_end(waveform, plain, wanted)
    if not isinstance(layer, NormalizedLogMel):
        return error
    scale = layer.variance.clamp(min=MIN_VARIANCE).rsqrt().double().numpy()
    mean = layer.mean.double().numpy()
    return (error + DEVIATIONS * UNIT * (np.abs(wanted) + np.abs(mean))) * scale


def bound_front_end(waveform: np.ndarray, definition: FrontEnd, wanted: np.ndarray) -> np.ndarray:
    """Bound the error of a log-mel matrix that is computed in single precision, in any order of summation.

    The logarithm divides the bound of the sums by its argument: a tone leaves bands nearly empty in which the sum of magnitudes
    is a thousand times the sum.
    """
    if definition.kind == "cqt" or definition.decibels:
        return 4.0 * UNIT * (np.abs(wanted) + 1.0)  # in double precision up to the result
    kernels, bands = make_kernels(definition)
    padded = np.pad(waveform, (0, definition.pad_samples))
    frames = np.lib.stride_tricks.sliding_window_view(padded, definition.win_length)[:: definition.hop_length]
    real, imaginary = np.split(frames @ kernels, 2, axis=1)
    magnitudes = np.hypot(real, imaginary) @ bands
    sums = np.hypot(*np.split(np.abs(frames) @ np.abs(kernels), 2, axis=1)) @ bands
    steps = DEVIATIONS * np.sqrt(definition.win_length + len(bands))
    log_mel = np.log(magnitudes + definition.log_offset)
    error = steps * UNIT * sums / (magnitudes + definition.log_offset) + 4.0 * UNIT * (np.abs(log_mel) + 1.0)
    if definition.kind == "mfcc":
        cosines = np.abs(cosine_matrix(definition))
        error = error @ cosines + 4.0 * np.sqrt(definition.n_mels) * UNIT * (np.abs(log_mel) @ cosines)
    return error
