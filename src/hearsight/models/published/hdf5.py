"""Arrays of an HDF5 file. The only file that imports h5py, which the extra ``convert`` installs."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np

from hearsight.errors import WeightsError
from hearsight.extras import require
from hearsight.models.published.source import Source, check_unpacked


def read_hdf5(source: Source) -> dict[str, np.ndarray]:
    """Read every array of an HDF5 file by its path in it; links out of the file are never followed.

    Raises
    ------
    WeightsError
        When it is broken, or holds an array whose numbers lie in another file.
    MissingExtraError
        When h5py is not installed.
    """
    h5py: Any = require("h5py", "convert", "weights in HDF5 files")
    arrays: dict[str, np.ndarray] = {}
    unpacked = 0

    def add(name: str, node: Any) -> None:
        nonlocal unpacked
        if not isinstance(node, h5py.Dataset):
            return
        if node.external or node.is_virtual:
            raise WeightsError(f"{source.path} {name}", "numbers in another file", "all in one file")
        if node.shape is None or node.dtype.kind not in "biuf":
            return  # text and the like, which Keras stores next to the weights
        unpacked += math.prod(node.shape) * node.dtype.itemsize
        check_unpacked(source, unpacked)
        arrays[name] = np.asarray(node[()])

    try:
        with h5py.File(io.BytesIO(source.content), "r") as file:
            file.visititems(add)
    except (OSError, RuntimeError, ValueError, LookupError, TypeError, ArithmeticError, MemoryError) as error:
        raise WeightsError(
            source.path, f"a broken HDF5 file ({error!s:.200})", "a whole one", "download it again"
        ) from error
    return arrays
