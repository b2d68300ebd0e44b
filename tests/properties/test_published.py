"""The parsers of foreign files: what is written comes back, and nothing else than the named error comes of any bytes."""

from __future__ import annotations

import contextlib
import io
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hearsight.errors import WeightsError
from hearsight.models.published.arrays import read_npy_dictionary, read_npz, read_tensors_of
from hearsight.models.published.pickled_arrays import PickledArray
from hearsight.models.published.pickles import read_pickle
from hearsight.models.published.source import Source
from hearsight.models.published.torch7 import Table, TorchObject, read_torch7
from tests.support.memory import measure_peak
from tests.support.published import TORCH7_NAMES, Torch7Writer

numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.booleans(), st.none())
kinds = st.sampled_from(["<f4", "<f8", "<i8", "<i4", "<i2", "|i1", "|u1"])
tensors = arrays.arrays(kinds, arrays.array_shapes(min_dims=1, max_dims=4, max_side=4))
plain = st.recursive(
    st.one_of(numbers, st.text(max_size=20), st.binary(max_size=20), tensors),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=5), inner, max_size=4),
    ),
    max_leaves=12,
)
lua = st.recursive(
    st.one_of(st.none(), st.floats(allow_nan=False), st.booleans(), st.text(st.characters(max_codepoint=255)), tensors),
    lambda inner: st.one_of(
        st.dictionaries(st.one_of(st.integers(1, 9), st.text(st.characters(max_codepoint=255))), inner, max_size=4),
        st.tuples(st.sampled_from(["nn.Linear", "my.Own"]), st.dictionaries(st.sampled_from("abc"), inner, max_size=3)),
    ),
    max_leaves=12,
)


def same(found: Any, wanted: Any) -> bool:
    """Say whether what was read is what was written."""
    if isinstance(wanted, np.ndarray):
        values = found.values if isinstance(found, PickledArray) else found
        return values.dtype == wanted.dtype and np.array_equal(values, wanted, equal_nan=wanted.dtype.kind == "f")
    if isinstance(found, TorchObject):
        return found.class_name == wanted[0] and same(found.content, wanted[1])
    if isinstance(found, Table):
        found = found.entries
    if isinstance(wanted, dict):
        return found.keys() == wanted.keys() and all(same(found[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list | tuple):
        same_kind = type(found) is type(wanted) and len(found) == len(wanted)
        return same_kind and all(same(*pair) for pair in zip(found, wanted, strict=True))
    return type(found) is type(wanted) and found == wanted


def refuse_or_read(read: Any, content: bytes) -> None:
    """Read some bytes; anything but a value or the named error fails, and so does much memory for few bytes."""
    messages = []

    def read_once() -> None:
        try:
            read(content, "a file")
        except WeightsError as error:
            messages.append(str(error))

    peak = measure_peak(read_once, runs=1)
    assert all("a file byte" in message for message in messages)
    assert peak < 2**20 + 200 * len(content)


@given(plain, st.integers(0, 5))
def test_a_pickle_of_values_and_arrays_comes_back(value: Any, protocol: int) -> None:
    assert same(read_pickle(pickle.dumps(value, protocol=protocol), "a file"), value)


@given(lua)
def test_a_torch7_file_comes_back(value: Any) -> None:
    assert same(read_torch7(Torch7Writer().write(value), "a file"), value)


@given(plain, st.integers(0, 5), st.data())
def test_a_damaged_pickle_is_read_or_refused(value: Any, protocol: int, data: st.DataObject) -> None:
    content = bytearray(pickle.dumps(value, protocol=protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    refuse_or_read(read_pickle, bytes(content[: data.draw(st.integers(0, len(content)))]))


@given(lua, st.data())
def test_a_damaged_torch7_file_is_read_or_refused(value: Any, data: st.DataObject) -> None:
    content = bytearray(Torch7Writer().write(value))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    refuse_or_read(read_torch7, bytes(content[: data.draw(st.integers(0, len(content)))]))


ARRAYS = {"a/b": np.arange(60, dtype=np.float32).reshape(3, 20), "c": np.ones(4)}


def write_files() -> dict[str, tuple[bytes, Callable[[Source], dict[str, np.ndarray]]]]:
    """Write the same arrays in every format, each with what reads it."""
    files: dict[str, tuple[bytes, Callable[[Source], dict[str, np.ndarray]]]] = {}
    np.savez(archive := io.BytesIO(), **ARRAYS)
    np.savez_compressed(compressed := io.BytesIO(), **ARRAYS)
    dictionary = np.empty((), dtype=object)
    dictionary[()] = {"conv1": ARRAYS}
    np.save(array := io.BytesIO(), dictionary, allow_pickle=True)
    files["npz"], files["compressed"] = (archive.getvalue(), read_npz), (compressed.getvalue(), read_npz)
    files["npy"] = array.getvalue(), read_npy_dictionary
    for name in ("torch", "old torch"):
        state = {"model": {key: torch.from_numpy(value) for key, value in ARRAYS.items()}, "sampler": [np.arange(3)]}
        torch.save(state, content := io.BytesIO(), _use_new_zipfile_serialization=name == "torch")
        files[name] = content.getvalue(), lambda source: read_tensors_of(source, "model")
    return files


FILES = write_files()


@given(st.sampled_from(sorted(FILES)), st.data())
def test_a_damaged_file_is_read_or_refused(name: str, data: st.DataObject) -> None:
    whole, read = FILES[name]
    content = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(WeightsError):
        read(Source(Path("weights"), bytes(content[: data.draw(st.integers(1, len(content)))]), name))


instructions = st.lists(
    st.one_of(
        st.binary(min_size=1, max_size=3),
        st.sampled_from(b"().012NRbacdeghijlopqrstu]}\x81\x85\x86\x87\x88\x89\x93\x94\x97").map(
            lambda code: bytes([code])
        ),
        st.sampled_from([b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"c_codecs\nencode\n", b"cos\nsystem\n"]),
        st.text(max_size=4).map(lambda text: b"\x8c" + bytes([len(text.encode())]) + text.encode()),
    ),
    max_size=40,
)


@given(instructions)
def test_any_instructions_are_run_or_refused(parts: list[bytes]) -> None:
    refuse_or_read(read_pickle, b"".join(parts) + b".")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_torch7_file_or_refused(content: bytes) -> None:
    refuse_or_read(read_torch7, content)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
    st.data(),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(sorted(TORCH7_NAMES.values())),
)
def test_a_tensor_of_any_sizes_lies_within_its_storage(
    sizes: list[int], data: st.DataObject, offset: int, name: str
) -> None:
    strides = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=len(sizes), max_size=len(sizes)))
    head = Torch7Writer().string("V 1") + Torch7Writer().string(f"torch.{name}Tensor")
    storage = struct.pack("<ii", 4, 2) + Torch7Writer().string("V 1") + Torch7Writer().string(f"torch.{name}Storage")
    shape = struct.pack(f"<i{2 * len(sizes) + 1}q", len(sizes), *sizes, *strides, offset)
    content = struct.pack("<ii", 4, 1) + head + shape + storage + struct.pack("<q", 8) + bytes(64)
    refuse_or_read(read_torch7, content)
