"""Networks without weights: what a network is made of, where only its shapes are asked for, or its weights come from a file."""

from __future__ import annotations

from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from hearsight.models.network import Network
from hearsight.models.zoo import build_network

_DRAWS = {"normal_", "uniform_", "trunc_normal_"}


class _Undrawn(TorchFunctionMode):
    """Leaves weights undrawn.

    Drawn on the ``meta`` device they would be nothing either, but torch loads its compiler for that, which takes seconds of the
    start of every command.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        drawing = getattr(func, "__module__", "") == "torch.nn.init" or getattr(func, "__name__", "") in _DRAWS
        if drawing:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def build_on_meta_device(name: str, num_classes: int, **options: Any) -> Network:
    """Build a network without memory for its weights, on torch's ``meta`` device.

    Raises
    ------
    UsageError
        As :func:`~hearsight.models.zoo.build_network` does.
    """
    with torch.device("meta"), _Undrawn():
        return build_network(name, num_classes, **options)
