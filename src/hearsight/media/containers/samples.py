"""From the memory of a decoded stretch of sound to an array."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Shaped

_SAMPLE_TYPES = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
    "flt": np.float32,
    "dbl": np.float64,
}


def unpack_samples(
    frame: Any, list_planes: Callable[[Any, int], Sequence[Any]]
) -> Shaped[np.ndarray, "channels samples"]:
    """Return the samples of a decoded stretch of sound, without a copy where they lie in one plane.

    Parameters
    ----------
    frame
        PyAV's frame.
    list_planes
        Returns the first so many planes of a frame, each as a buffer. PyAV's own ``planes`` reads beyond the last one where there
        are more than eight.

    Raises
    ------
    ValueError
        When their number format is none that NumPy has.
    """
    kind = frame.format
    number = _SAMPLE_TYPES.get(kind.name.removesuffix("p"))
    if number is None:
        raise ValueError(f"samples of format {kind.name}, wanted one of {', '.join(_SAMPLE_TYPES)}")
    count, channels = frame.samples, frame.layout.nb_channels
    if not kind.is_planar:
        return np.frombuffer(list_planes(frame, 1)[0], number, count * channels).reshape(-1, channels).T
    planes = list_planes(frame, channels)
    if channels == 1:
        return np.frombuffer(planes[0], number, count)[np.newaxis]
    samples = np.empty((channels, count), number)
    for index, plane in enumerate(planes):
        samples[index] = np.frombuffer(plane, number, count)
    return samples
