"""Tensors in safetensors files, the only file that imports the library: nothing is read before it is known to fit."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from hearsight.errors import CheckpointError
from hearsight.files import hash_file, hash_open_file, open_regular, write_atomically

MOST_BYTES = 16 * 2**30
"""The largest file of tensors that is read: the largest network of the zoo has 0.3 GB, its optimizer's state 0.6 GB."""
MOST_HEADER_BYTES = 16 * 2**20
"""The longest header, which names every tensor; safetensors itself allows 100 MB."""
MOST_MISTAKES = 3
"""Mistakes of one kind that an error names."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors to a safetensors file, atomically.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    OSError
        When the file cannot be written, as on a full disk.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with write_atomically(path) as temporary:
        try:
            safetensors.torch.save_file(whole, temporary, metadata={"format": "pt"})
        except safetensors.SafetensorError as error:
            # the library turns errors of the operating system into text
            number = re.search(r"\(os error (\d+)\)", str(error))
            if number is None:
                raise
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        return hash_file(temporary)


def read_tensors(
    path: Path, wanted: Mapping[str, Tensor] | None = None, *, sha256: str | None = None
) -> dict[str, Tensor]:
    """Read a safetensors file.

    Parameters
    ----------
    path
        The file.
    wanted
        Tensors of the wanted names, shapes and types, which may be on torch's ``meta`` device. They are compared with the file's
        header before any tensor is read.
    sha256
        The digest that the file should have; None where it is not known.

    Raises
    ------
    CheckpointError
        When the file is absent, not a regular file, too large, cut short or something else; when its tensors are not the wanted
        ones; or when it has another digest.
    """
    try:
        with open_regular(path, MOST_BYTES) as file:
            length = int.from_bytes(file.read(8), "little")
            header = file.read(length) if length <= MOST_HEADER_BYTES else b""
            shapes, num_bytes = _read_header(header, path)
            size = os.fstat(file.fileno()).st_size
            if size != 8 + length + num_bytes:
                raise CheckpointError(path, f"{size:,} bytes", f"a whole safetensors file, {8 + length + num_bytes:,}")
            if wanted is not None:
                _check_shapes(shapes, wanted, path)
            file.seek(0)
            found = None if sha256 is None else hash_open_file(file)
        if found != sha256:
            hint = "the file was damaged or exchanged: copy the checkpoint again, or train again"
            raise CheckpointError(path, f"SHA-256 {found}", f"{sha256}, as config.json says", hint)
        # copies are aligned as torch aligns its own tensors, so that the same weights give the same sums, bit for bit
        return {name: tensor.clone() for name, tensor in safetensors.torch.load_file(path).items()}
    except FileNotFoundError as error:
        raise CheckpointError(path, "no such file", "the weights of the checkpoint") from error
    except (safetensors.SafetensorError, OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise CheckpointError(path, f"cannot be read ({error})", "a whole safetensors file") from error


def _read_header(header: bytes, path: Path) -> tuple[dict[str, tuple[tuple[int, ...], torch.dtype | None]], int]:
    """Return the shape and type of each tensor by the header of a file, and the bytes that follow the header."""
    try:
        entries = json.loads(header)
        entries.pop("__metadata__", None)
        shapes = {
            str(name): (tuple(int(size) for size in entry["shape"]), _DTYPES.get(entry["dtype"]))
            for name, entry in entries.items()
        }
        return shapes, max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, OverflowError) as error:
        found = f"no header of safetensors ({type(error).__name__})"
        raise CheckpointError(path, found, "a whole safetensors file") from error


_DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}


def _check_shapes(
    found: Mapping[str, tuple[tuple[int, ...], torch.dtype | None]], wanted: Mapping[str, Tensor], where: Path
) -> None:
    different = [
        f"{name} is {found[name][0]} {found[name][1]} and not {tuple(tensor.shape)} {tensor.dtype}"
        for name, tensor in wanted.items()
        if name in found and found[name] != (tuple(tensor.shape), tensor.dtype)
    ]
    mistakes = [
        *[f"{name} is missing" for name in wanted if name not in found][:MOST_MISTAKES],
        *[f"{name:.100} is unknown" for name in found if name not in wanted][:MOST_MISTAKES],
        *different[:MOST_MISTAKES],
    ]
    if mistakes:
        raise CheckpointError(where, "; ".join(mistakes), "the tensors that config.json describes")
