"""Arrays by name out of NumPy's and PyTorch's files, without unpickling anything but tensors."""

from __future__ import annotations

import io
import lzma
import math
import pickle
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from hearsight.errors import WeightsError
from hearsight.models.published.pickled_arrays import PickledArray
from hearsight.models.published.pickles import read_pickle
from hearsight.models.published.source import Source, open_archive

_TENSORS = "tensors and plain numbers: no other object is ever unpickled"
_BROKEN_ARCHIVE = (zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError)
_RECONSTRUCT = np._core.multiarray._reconstruct  # pyright: ignore  (NumPy has no public name for it)
_NUMPY: list[Any] = [
    *((_RECONSTRUCT, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *(np.ndarray, np.dtype, np.dtypes.Int64DType, np.dtypes.Int32DType, np.dtypes.Float64DType, np.dtypes.Float32DType),
]
"""What PyTorch may build in addition to tensors: plain arrays, which the authors of PANNs left in their files next to the
weights."""


def read_npz(source: Source) -> dict[str, np.ndarray]:
    """Read the arrays of a NumPy archive; one of objects is refused.

    Raises
    ------
    WeightsError
        When it is broken, or holds pickles.
    """
    arrays: dict[str, np.ndarray] = {}
    with open_archive(source) as archive:
        for entry in archive.infolist():
            where = f"{source.path} {entry.filename}"
            try:
                content = archive.read(entry)
            except (*_BROKEN_ARCHIVE, RuntimeError, NotImplementedError, ValueError, OSError) as error:
                raise WeightsError(where, f"broken ({error})", "a whole array", "download it again") from error
            shape, kind, by_column, start = _read_header(content, where)
            if kind.hasobject:
                raise WeightsError(where, f"an array of objects, of shape {shape}", "numbers: nothing is unpickled")
            _check_length(len(content) - start, shape, kind, where)
            flat = np.frombuffer(content, kind, offset=start) if len(content) > start else np.empty(0, kind)
            arrays[entry.filename.removesuffix(".npy")] = flat.reshape(shape, order="F" if by_column else "C")
    return arrays


def read_npy_dictionary(source: Source) -> dict[str, np.ndarray]:
    """Read the arrays of a dictionary of dictionaries that was saved as a NumPy array of one object.

    Returns
    -------
    dict[str, np.ndarray]
        By the names of the outer and the inner dictionary, ``conv1/weights``.

    Raises
    ------
    WeightsError
        When it is broken, or holds anything but plain values and arrays.
    """
    path, wanted = source.path, "a dictionary of layers, saved as one object"
    shape, kind, _, start = _read_header(source.content, path)
    if not kind.hasobject or shape != ():
        raise WeightsError(path, f"an array {shape} of {kind}", wanted)
    saved = read_pickle(source.content[start:], path)
    content = saved.objects[0] if isinstance(saved, PickledArray) and saved.objects and saved.shape == () else None
    if not isinstance(content, dict):
        raise WeightsError(path, f"an object of another kind ({type(content).__name__})", wanted)
    arrays: dict[str, np.ndarray] = {}
    for layer, values in cast(Mapping[Any, Any], content).items():
        if not isinstance(values, dict):
            raise WeightsError(
                f"{path} {layer!s:.60}",
                f"no dictionary but a {type(values).__name__}",
                "the arrays of a layer, by name",
            )
        for name, value in cast(Mapping[Any, Any], values).items():
            if not isinstance(value, PickledArray) or value.values is None:
                raise WeightsError(
                    f"{path} {layer!s:.60}/{name!s:.60}", f"no array of numbers but a {type(value).__name__}", "one"
                )
            arrays[f"{layer}/{name}"] = value.values
    return arrays


def _read_header(content: bytes, where: object) -> tuple[tuple[int, ...], np.dtype[Any], bool, int]:
    """Read how a NumPy array begins: its shape, its numbers, whether by column, and where they start."""
    file = io.BytesIO(content)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header of Python 2 is read all the same
            shape, by_column, kind = readers[np.lib.format.read_magic(file)](file)
    except (
        *(ValueError, KeyError, TypeError, EOFError, OverflowError, RecursionError, MemoryError, AttributeError),
        *(SyntaxError, tokenize.TokenError),
    ) as error:
        raise WeightsError(where, f"no header of a NumPy array ({error!s:.100})", "a whole array") from error
    return shape, kind, by_column, file.tell()


def _check_length(size_bytes: int, shape: tuple[int, ...], kind: np.dtype[Any], where: object) -> None:
    wanted = kind.itemsize * math.prod(shape)
    if min(shape, default=0) < 0 or not kind.itemsize or size_bytes != wanted:
        raise WeightsError(where, f"{size_bytes:,} bytes for an array {shape} of {kind}", f"{wanted:,}")


def read_tensors_of(source: Source, *keys: str) -> dict[str, np.ndarray]:
    """Read the tensors of a PyTorch file: a state dictionary, or one under a key of a dictionary.

    Parameters
    ----------
    source
        The file.
    keys
        Under which names a state dictionary may stand.

    Raises
    ------
    WeightsError
        When it is broken, holds anything but tensors and plain values, or has no tensors.
    """
    _check_pickles(source)
    try:
        with warnings.catch_warnings(), torch.serialization.safe_globals(_NUMPY):
            warnings.simplefilter("ignore")  # of how old a file is; what matters is an error
            loaded = torch.load(io.BytesIO(source.content), map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = "objects other than tensors" if "nsupported" in str(error) else "a broken file"
        raise WeightsError(source.path, f"{found} ({_shorten(error)})", _TENSORS) from error
    except (
        *(RuntimeError, OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError),
        *(struct.error, MemoryError, *_BROKEN_ARCHIVE),
    ) as error:
        found = f"a broken PyTorch file ({_shorten(error)})"
        raise WeightsError(source.path, found, "a whole one", "download it again") from error
    return _list_tensors(loaded, keys, source)


def _check_pickles(source: Source) -> None:
    """Refuse a file that asks for a ``bytearray``: PyTorch's reader of tensors builds one of any length, by a number in the file.

    Raises
    ------
    WeightsError
        When an archive is broken or unpacks to too much, or a pickle names that type.
    """
    pickles = [source.content]
    if source.content.startswith(b"PK"):
        with open_archive(source) as archive:
            try:
                pickles = [archive.read(entry) for entry in archive.infolist() if entry.filename.endswith(".pkl")]
            except (*_BROKEN_ARCHIVE, RuntimeError, NotImplementedError, ValueError, OSError) as error:
                raise WeightsError(source.path, f"a broken PyTorch file ({error})", "a whole one") from error
    # its reader takes a type by the one opcode that ends the name with a line
    if any(b"bytearray\n" in one for one in pickles):
        raise WeightsError(source.path, "objects other than tensors (builtins.bytearray)", _TENSORS)


def _list_tensors(loaded: Any, keys: tuple[str, ...], source: Source) -> dict[str, np.ndarray]:
    wanted = "a dictionary of tensors"
    if isinstance(loaded, dict):
        table = cast(Mapping[Any, Any], loaded)
        loaded = next((table[key] for key in keys if isinstance(table.get(key), Mapping)), table)
    if not isinstance(loaded, Mapping) or not loaded:
        raise WeightsError(source.path, f"a {type(loaded).__name__}", wanted)
    arrays: dict[str, np.ndarray] = {}
    for name, value in cast(Mapping[Any, Any], loaded).items():
        if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized:
            raise WeightsError(f"{source.path} {name!s:.60}", f"a {type(value).__name__}", f"{wanted} only")
        if value.numel() * value.element_size() > max(len(source.content), value.untyped_storage().nbytes()):
            raise WeightsError(
                f"{source.path} {name!s:.60}", f"more numbers than the file holds ({value.numel():,})", wanted
            )
        plain = value.detach()
        arrays[str(name)] = (plain.float() if plain.dtype in (torch.bfloat16, torch.float16) else plain).numpy()
    return arrays


def _shorten(error: Exception) -> str:
    """Return the first sentence of an error; PyTorch's go on with advice to switch the protection off."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    named = next((line for line in lines if "GLOBAL" in line or "nsupported" in line), lines[0] if lines else "")
    return f"{(named or type(error).__name__):.160}"
