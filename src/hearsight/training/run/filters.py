"""The kernels of a network's first convolution as a picture, which shows at a glance whether it has learned anything."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32, UInt8
from torch import nn

SCALE = 8
"""Side of a weight in the picture, in pixels."""


def draw_filters(network: nn.Module) -> UInt8[np.ndarray, "height width"] | None:
    """Return the kernels of the first convolution as grey tiles, darkest and brightest at its extremes; None if it has none.

    Kernels over time and frequency have time to the right and low frequencies at the bottom; of several input channels the mean is
    drawn. Kernels over time alone are one row each.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            kernels = module.weight.detach().float().mean(1).cpu().numpy()
            return _paint(_tile(np.flip(kernels.transpose(0, 2, 1), axis=1)))
        if isinstance(module, nn.Conv1d):
            return _paint(module.weight.detach().float().mean(1).cpu().numpy())
    return None


def _tile(kernels: Float32[np.ndarray, "kernels rows columns"]) -> Float32[np.ndarray, "height width"]:
    """Return kernels side by side, about as many across as down, with a gap of one weight between them."""
    count, rows, columns = kernels.shape
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    canvas = np.full((down * (rows + 1) - 1, across * (columns + 1) - 1), kernels.min(), np.float32)
    for index, kernel in enumerate(kernels):
        top, left = index // across * (rows + 1), index % across * (columns + 1)
        canvas[top : top + rows, left : left + columns] = kernel
    return canvas


def _paint(values: Float32[np.ndarray, "rows columns"]) -> UInt8[np.ndarray, "height width"]:
    low, high = float(values.min()), float(values.max())
    grey = (255.0 * (values - low) / max(high - low, 1e-12)).round().astype(np.uint8)
    return np.kron(grey, np.ones((SCALE, SCALE), np.uint8))
