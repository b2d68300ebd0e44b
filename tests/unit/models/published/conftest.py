from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch


class Writer:
    """Writes files of weights into a folder, in the formats that they are published in."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def npz(self, arrays: Mapping[str, np.ndarray], name: str = "weights.npz") -> Path:
        np.savez(self.folder / name, **arrays)
        return self.folder / name

    def npy(self, value: Any, name: str = "sound8.npy") -> Path:
        array = np.empty((), dtype=object)
        array[()] = value
        np.save(self.folder / name, array, allow_pickle=True)
        return self.folder / name

    def python_2(self, value: Any, name: str = "sound8.npy") -> Path:
        """As NumPy under Python 2 wrote it: protocol 2, with a header of its time."""
        array = np.empty((), dtype=object)
        array[()] = value
        header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
        header += b" " * (69 - len(header)) + b"\n"
        content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickle.dumps(array, protocol=2)
        return self.raw(content, name)

    def pth(self, value: Any, name: str = "weights.pth", *, old: bool = False) -> Path:
        torch.save(value, self.folder / name, _use_new_zipfile_serialization=not old)
        return self.folder / name

    def raw(self, content: bytes, name: str) -> Path:
        (self.folder / name).write_bytes(content)
        return self.folder / name


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    (tmp_path / "files").mkdir()
    return Writer(tmp_path / "files")
