"""Files that are broken, or that would do something: each is refused by name, and none does anything."""

from __future__ import annotations

import io
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsight.errors import MissingExtraError, WeightsError
from hearsight.models.published import source as sources
from hearsight.models.published.arrays import read_npy_dictionary, read_npz, read_tensors_of
from hearsight.models.published.hdf5 import read_hdf5
from hearsight.models.published.source import NAMES, Source, read_source
from tests.support.memory import measure_peak

from .conftest import Writer

ARRAYS = {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "c": np.ones(4)}


class Bomb:
    """What an attacker would put into a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, Any]:
        return os.mkdir, (str(self.marker),)


def damage(path: Path, share: float) -> Source:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return read_source(path)


def list_writers(writer: Writer) -> dict[str, tuple[Path, Callable[[Source], Any]]]:
    tensors = {name: torch.from_numpy(value) for name, value in ARRAYS.items()}
    return {
        "npz": (writer.npz(ARRAYS), read_npz),
        "npy": (writer.npy({"conv1": ARRAYS}), read_npy_dictionary),
        "torch": (writer.pth(tensors), read_tensors_of),
        "torch, old": (writer.pth(tensors, "old.pth", old=True), read_tensors_of),
    }


@pytest.mark.parametrize("kind", ["npz", "npy", "torch", "torch, old"])
def test_a_file_is_known_by_what_it_contains(kind: str, writer: Writer, tmp_path: Path) -> None:
    path, read = list_writers(writer)[kind]
    (tmp_path / "weights.bin").write_bytes(path.read_bytes())
    source = read_source(tmp_path / "weights.bin")
    assert source.format == kind.partition(",")[0]
    assert source.format in NAMES
    found = read(source)
    np.testing.assert_array_equal(found["conv1/a/b" if kind == "npy" else "a/b"], ARRAYS["a/b"])


@pytest.mark.parametrize("kind", ["npz", "npy", "torch", "torch, old"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_a_file_cut_short_is_refused(kind: str, share: float, writer: Writer) -> None:
    path, read = list_writers(writer)[kind]
    with pytest.raises(WeightsError):
        read(damage(path, share))


def test_an_hdf5_file_is_read_by_its_paths_and_refused_when_cut_short(writer: Writer) -> None:
    h5py = pytest.importorskip("h5py")
    path = writer.folder / "weights.h5"
    with h5py.File(path, "w") as file:
        for name, value in ARRAYS.items():
            file[name] = value
        file["text"] = "kept by Keras"
        file["linked"] = h5py.ExternalLink("/etc/passwd", "/")
    source = read_source(path)
    assert source.format == "hdf5"
    found = read_hdf5(source)
    assert set(found) == set(ARRAYS)
    np.testing.assert_array_equal(found["a/b"], ARRAYS["a/b"])
    for share in (0.1, 0.5, 0.95):
        with pytest.raises(WeightsError, match="a broken HDF5 file"):
            read_hdf5(Source(path, source.content[: int(share * len(source.content))], "hdf5"))


def test_numbers_that_lie_in_another_file_are_refused(writer: Writer) -> None:
    h5py = pytest.importorskip("h5py")
    (writer.folder / "secret").write_bytes(bytes(64))
    with h5py.File(writer.folder / "weights.h5", "w") as file:
        file.create_dataset("a", (8,), "f8", external=[(str(writer.folder / "secret"), 0, 64)])
    with pytest.raises(WeightsError, match="a: numbers in another file"):
        read_hdf5(read_source(writer.folder / "weights.h5"))


def test_without_h5py_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"\[convert\]"):
        read_hdf5(Source(Path("a.h5"), b"", "hdf5"))


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_a_bomb_in_a_pytorch_file_does_not_go_off(old: bool, writer: Writer, tmp_path: Path) -> None:
    path = writer.pth({"model": {"a": torch.zeros(2)}, "sampler": Bomb(tmp_path / "pwned")}, old=old)
    with pytest.raises(WeightsError, match=r"objects other than tensors .*mkdir"):
        read_tensors_of(read_source(path), "model")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
def test_plain_arrays_beside_the_weights_are_no_hindrance(old: bool, writer: Writer) -> None:
    """PANNs' checkpoints hold the state of their sampler."""
    sampler = {"indexes_per_class": [np.arange(5), np.arange(3)], "pointers": [0, 1], "order": np.ones(2, np.float32)}
    path = writer.pth({"iteration": 1, "model": {"a": torch.ones(2)}, "sampler": sampler}, old=old)
    np.testing.assert_array_equal(read_tensors_of(read_source(path), "model")["a"], np.ones(2))
    if old:
        # as NumPy 1 called it, when the weights were published
        content = path.read_bytes()
        assert b"numpy._core.multiarray" in content
        source = read_source(writer.raw(content.replace(b"numpy._core.", b"numpy.core."), "older.pth"))
        np.testing.assert_array_equal(read_tensors_of(source, "model")["a"], np.ones(2))


@pytest.mark.parametrize("protocol", range(2, 6))
def test_a_bare_pickle_is_no_pytorch_file(protocol: int, writer: Writer, tmp_path: Path) -> None:
    content = pickle.dumps({"a": Bomb(tmp_path / "pwned")}, protocol=protocol)
    source = read_source(writer.raw(content, "weights.pth"))
    assert source.format == "torch"
    with pytest.raises(WeightsError):
        read_tensors_of(source)
    assert not (tmp_path / "pwned").exists()


def test_a_bomb_in_a_numpy_file_does_not_go_off(writer: Writer, tmp_path: Path) -> None:
    path = writer.npy({"conv1": {"weights": Bomb(tmp_path / "pwned")}})
    with pytest.raises(WeightsError, match=r"the name posix\.mkdir, wanted plain values and NumPy arrays"):
        read_npy_dictionary(read_source(path))
    objects = np.array([Bomb(tmp_path / "pwned")], dtype=object)
    np.savez(tmp_path / "objects.npz", a=objects)
    with pytest.raises(WeightsError, match=r"an array of objects, of shape .*, wanted numbers: nothing is unpickled"):
        read_npz(read_source(tmp_path / "objects.npz"))
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([torch.zeros(2)], "a list, wanted a dictionary of tensors"),
        ({}, "a dict, wanted a dictionary of tensors"),
        ({"a": torch.zeros(2), "b": 3}, "b: a int"),
        ({"a": torch.eye(3).to_sparse()}, "a: a Tensor"),
        ({"a": torch.zeros(1).expand(10**9)}, "more numbers than the file holds"),
    ],
    ids=["list", "empty", "number", "sparse", "expanded"],
)
def test_what_is_no_state_dictionary_is_refused(value: Any, told: str, writer: Writer) -> None:
    with pytest.raises(WeightsError, match=told):
        read_tensors_of(read_source(writer.pth(value)), "model")


def test_an_array_whose_header_promises_more_than_there_is_is_refused(writer: Writer) -> None:
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    member = b"\x93NUMPY\x01\x00" + (len(header) + 1).to_bytes(2, "little") + header + b"\n" + bytes(16)
    with zipfile.ZipFile(writer.folder / "weights.npz", "w") as archive:
        archive.writestr("a.npy", member)
    with pytest.raises(WeightsError, match=r"16 bytes for an array \(1000000000000,\) of float32"):
        read_npz(read_source(writer.folder / "weights.npz"))


@pytest.mark.parametrize("name", ["a.npy", "archive/data.pkl"])
def test_an_archive_that_unpacks_to_too_much_is_refused(
    name: str, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, bytes(3_000_000))
    monkeypatch.setattr(sources, "MOST_BYTES", 1_000_000)
    source = read_source(writer.raw(content.getvalue(), "weights.zip"))
    with pytest.raises(WeightsError, match=r"3,000,000 bytes when unpacked, of [\d,]+, wanted at most 1,000,000"):
        (read_npz if name.endswith("npy") else read_tensors_of)(source)


def ask_for_bytearrays(count: int, length: int) -> bytes:
    """A pickle of protocol 2 that builds and drops byte arrays."""
    one = b"cbuiltins\nbytearray\nJ" + length.to_bytes(4, "little") + b"\x85R"
    return b"\x80\x02]" + one.join([b""] * (count + 1)).replace(b"R", b"Ra") + b"."


@pytest.mark.parametrize("packed", [True, False], ids=["archive", "old"])
def test_a_pickle_that_asks_for_memory_by_a_number_is_refused_unread(packed: bool, writer: Writer) -> None:
    content = ask_for_bytearrays(3, 1_500_000_000)
    if packed:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("archive/data.pkl", content)
            archive.writestr("archive/version", "3")
        content = buffer.getvalue()
    source = read_source(writer.raw(content, "bomb.pth"))

    def refuse() -> None:
        with pytest.raises(WeightsError, match=r"builtins\.bytearray"):
            read_tensors_of(source)

    assert measure_peak(refuse) < 2**24


def test_a_compressed_file_holds_no_thousandfold_of_its_length(writer: Writer) -> None:
    zeros = np.zeros(8 * 2**20, np.float32)
    np.savez_compressed(writer.folder / "zeros.npz", a=zeros)
    with pytest.raises(WeightsError, match=r"bytes when unpacked, of [\d,]+, wanted at most 16,777,216"):
        read_npz(read_source(writer.folder / "zeros.npz"))
    np.savez(writer.folder / "zeros.npz", a=zeros)
    assert read_npz(read_source(writer.folder / "zeros.npz"))["a"].nbytes == zeros.nbytes


def test_an_hdf5_file_of_a_kilobyte_holds_no_gigabytes(writer: Writer) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(writer.folder / "bomb.h5", "w") as file:
        file.create_dataset("a", shape=(10**9,), dtype="f4", chunks=(10**6,), compression="gzip")
    source = read_source(writer.folder / "bomb.h5")
    assert len(source.content) < 10_000
    with pytest.raises(WeightsError, match="4,000,000,000 bytes when unpacked"):
        read_hdf5(source)


def test_a_named_pipe_is_refused_without_being_opened(writer: Writer) -> None:
    os.mkfifo(writer.folder / "a.pth")
    with pytest.raises(WeightsError, match="a named pipe"):
        read_source(writer.folder / "a.pth")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (np.arange(3), r"an array \(3,\) of int64, wanted a dictionary of layers"),
        (np.array([{}], dtype=object), r"an array \(1,\) of object"),
    ],
)
def test_a_numpy_file_of_something_else_is_refused(value: Any, told: str, writer: Writer) -> None:
    np.save(writer.folder / "a.npy", value, allow_pickle=True)
    with pytest.raises(WeightsError, match=told):
        read_npy_dictionary(read_source(writer.folder / "a.npy"))


def test_a_dictionary_that_is_a_list_is_refused(writer: Writer) -> None:
    with pytest.raises(WeightsError, match="an object of another kind"):
        read_npy_dictionary(read_source(writer.npy([1, 2])))


def test_what_is_no_file_of_weights_is_named(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    for content, told in ((b"", "an empty file"), (b"<html>not found", "no file of weights that is known")):
        with pytest.raises(WeightsError, match=told):
            read_source(writer.raw(content, "a.pth")).require_format(("torch",), "look")
    with pytest.raises(WeightsError, match="a folder, not a regular file"):
        read_source(writer.folder)
    with pytest.raises(WeightsError, match="No such file"):
        read_source(writer.folder / "absent.pth")
    monkeypatch.setattr(sources, "MOST_BYTES", 5)
    with pytest.raises(WeightsError, match="15 bytes, more than the 5 that are allowed"):
        read_source(writer.folder / "a.pth")
