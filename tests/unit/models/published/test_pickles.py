from __future__ import annotations

import io
import os
import pickle
from typing import Any

import numpy as np
import pytest

from hearsight.errors import WeightsError
from hearsight.models.published import pickles
from hearsight.models.published.pickled_arrays import PickledArray
from hearsight.models.published.pickles import read_pickle

protocols = pytest.mark.parametrize("protocol", range(6))

# {'conv1': {'weights': numpy.arange(3, dtype='f4'), 'n': 2**40, 'flag': True}} and the bytes 0..255, as Python 2.7 pickles them
STATE_2 = (
    b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x03\x85cnumpy\ndtype\nq\x04"
    b"U\x02f4K\x00K\x01\x87Rq\x05(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    b"U\x0c\x00\x00\x00\x00\x00\x00\x80?\x00\x00\x00@tb"
)
PYTHON_2 = (
    b"\x80\x02}q\x00U\x05conv1q\x06}q\x07(U\x07weights"
    + STATE_2
    + b"U\x01n\x8a\x06\x00\x00\x00\x00\x00\x01U\x04flag\x88us."
)
PYTHON_2_TEXT = (
    b"(dp0\nS'weights'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
    b"(I1\n(I2\ntp8\ncnumpy\ndtype\np9\n(S'f4'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\n"
    b"S'\\x00\\x00\\x80?\\n\\'\\\\\\t'\np15\ntp16\nbsS'long'\np17\nL12L\nsS'float'\np18\nF2.5\nsS'text'\np19\nVh\\u00e4user\np20\ns."
)


def make_arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "float32": generator.standard_normal((3, 1, 2)).astype(np.float32),
        "float64": generator.standard_normal(5),
        "big endian": np.arange(4, dtype=">f8"),
        "by column": np.asfortranarray(generator.standard_normal((3, 4))),
        "int": np.arange(-3, 3),
        "bool": np.array([True, False]),
        "half": np.ones(3, np.float16),
        "empty": np.empty((0, 2), np.float32),
        "one": np.float32([2.5]).reshape(()),
    }


@protocols
def test_arrays_come_back_as_numpy_wrote_them(protocol: int) -> None:
    arrays = make_arrays()
    found = read_pickle(pickle.dumps(arrays, protocol=protocol), "a.npy")
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].values.dtype == array.dtype
        np.testing.assert_array_equal(found[name].values, array)


@protocols
def test_plain_values_come_back(protocol: int) -> None:
    values = {
        "numbers": [0, 255, 256, 65_536, -1, 2**31, -(2**40), 2**2000, 0.5, -1e300, True, False, None],
        "text": ["", "häuser", "x" * 300, "line\nbreak\\'\""],
        "bytes": [b"", b"\x00\xff", b"y" * 300],
        "tuples": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)],
        5: {"deep": [[[{}]]]},
    }
    assert read_pickle(pickle.dumps(values, protocol=protocol), "a.npy") == values


@protocols
def test_what_occurs_twice_is_one_object(protocol: int) -> None:
    shared = [1.5]
    first, second = read_pickle(pickle.dumps([shared, shared], protocol=protocol), "a.npy")
    assert first is second


@protocols
def test_an_array_of_objects_is_their_list(protocol: int) -> None:
    array = np.empty((), dtype=object)
    array[()] = {"a": np.arange(3)}
    found = read_pickle(pickle.dumps(array, protocol=protocol), "a.npy")
    assert isinstance(found, PickledArray)
    assert (found.shape, found.values) == ((), None)
    assert found.objects is not None
    np.testing.assert_array_equal(found.objects[0]["a"].values, np.arange(3))


def test_numpy_s_own_numbers_are_plain_numbers() -> None:
    values = {"a": np.float64(0.25), "b": np.int32(-7), "c": np.bool_(True)}
    assert read_pickle(pickle.dumps(values), "a.npy") == {"a": 0.25, "b": -7, "c": True}


def test_files_of_python_2_are_read() -> None:
    found = read_pickle(PYTHON_2, "sound8.npy")["conv1"]
    np.testing.assert_array_equal(found["weights"].values, np.arange(3, dtype=np.float32))
    assert (found["n"], found["flag"]) == (2**40, True)
    found = read_pickle(PYTHON_2_TEXT, "sound8.npy")
    wanted = np.frombuffer(b"\x00\x00\x80?\n'\\\t", "<f4")
    np.testing.assert_array_equal(found["weights"].values, wanted)
    assert (found["long"], found["float"], found["text"]) == (12, 2.5, "häuser")


def test_python_itself_reads_the_files_of_python_2_alike() -> None:
    theirs = pickle.loads(PYTHON_2, encoding="latin1")["conv1"]["weights"]
    np.testing.assert_array_equal(theirs, read_pickle(PYTHON_2, "a")["conv1"]["weights"].values)
    theirs = pickle.loads(PYTHON_2_TEXT, encoding="latin1")["weights"]
    np.testing.assert_array_equal(theirs, read_pickle(PYTHON_2_TEXT, "a")["weights"].values)


class Bomb:
    """What an attacker would pickle."""

    def __init__(self, *call: Any) -> None:
        self.call = call

    def __reduce__(self) -> tuple[Any, Any]:
        return self.call[0], self.call[1:]


class Plain:
    pass


@protocols
@pytest.mark.parametrize(
    ("value", "told"),
    [
        (Bomb(os.system, "touch pwned"), "system"),
        (Bomb(eval, "open('pwned', 'w')"), "eval"),
        (Bomb(io.BytesIO, b"x"), "BytesIO"),
        (Plain(), "name|instruction"),
        ({1, 2}, "name|instruction"),
        (np.dtype("S5"), "an array of S5"),
        (np.array(["a"]), "an array of U1"),
        (np.arange(3).view(np.recarray), "name|another class"),
        (np.ma.masked_array([1.0]), "name"),
    ],
    ids=["system", "eval", "class", "object", "set", "text", "texts", "subclass", "masked"],
)
def test_nothing_else_is_ever_built(
    protocol: int, value: Any, told: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=told) as caught:
        read_pickle(pickle.dumps({"weights": value}, protocol=protocol), "sound8.npy")
    assert "sound8.npy byte" in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "breaks off"),
        (b".", "breaks off"),
        (b"\x80\x06N.", "protocol 6"),
        (b"(lp0\n0\xff.", "instruction"),
        (b"cos\nsystem\n(S'ls'\ntR.", "os.system"),
        (b"(S'ls'\nios\nsystem\n.", "INST"),
        (b"cnumpy\nndarray\n)\x81.", "NEWOBJ"),
        (b"cnumpy\nndarray\n)R.", "a call of something"),
        (b"Vpid\nP.", "instruction"),
        (b"\x97.", "NEXT_BUFFER"),
        (b"K\x01K\x02}s.", "no dict|breaks off"),
        (b"](K\x01e", "breaks off"),
        (b"}]K\x01s.", "a key that is neither"),
        (b"S'\\q'\n.", "unknown escape"),
        (b"S'open\n.", "without quotes"),
        (b"T\xff\xff\xff\xff.", "breaks off"),
        (b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", "breaks off"),
        (b"\x8b\xff\xff\xff\x7f.", "breaks off"),
        (b"I" + b"9" * 5000 + b"\n.", "broken"),
        (b"h\x05.", "breaks off"),
        (b"X\x01\x00\x00\x00\xff.", "broken"),
        (b"]K\x01b.", "the state of an object"),
    ],
)
def test_broken_or_foreign_instructions_are_named(content: bytes, told: str) -> None:
    with pytest.raises(WeightsError, match=told):
        read_pickle(content, "a.npy")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(share: float) -> None:
    content = pickle.dumps(make_arrays(), protocol=2)
    with pytest.raises(WeightsError, match="byte"):
        read_pickle(content[: int(share * len(content))], "a.npy")


def test_an_array_of_another_size_than_its_bytes_is_refused() -> None:
    array = np.arange(6, dtype=np.float32)
    content = pickle.dumps(array, protocol=2)
    assert content.count(b"K\x06\x85") == 1
    for shape in (
        b"K\x07\x85",
        b"K\x00\x85",
        b"J\xff\xff\xff\xff\x85",
        b"\x8a\x08" + b"\xff" * 7 + b"\x7f\x85",
        b"U\x01a\x85",
    ):
        with pytest.raises(WeightsError, match="shape"):
            read_pickle(content.replace(b"K\x06\x85", shape), "a.npy")


def test_few_bytes_cannot_ask_for_many_copies() -> None:
    text = b"X" + (100_000).to_bytes(4, "little") + b"a" * 100_000 + b"q\x00"
    copy = b"c_codecs\nencode\nh\x00X\x06\x00\x00\x00latin1\x86R"
    assert read_pickle(b"\x80\x02" + text + 3 * copy + b".", "a.npy") == b"a" * 100_000
    with pytest.raises(WeightsError, match="copies of more than the file holds"):
        read_pickle(b"\x80\x02" + text + 500 * copy + b".", "a.npy")


def test_a_file_of_too_many_instructions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MOST_STEPS", 1_000)
    assert read_pickle(b"N" * 999 + b".", "a.npy") is None
    with pytest.raises(WeightsError, match="more than 1,000 instructions"):
        read_pickle(b"N" * 1_000 + b".", "a.npy")
