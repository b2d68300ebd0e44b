from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest

from hearsight.errors import WeightsError
from hearsight.models.published import torch7
from hearsight.models.published.torch7 import MOST_DEPTH, NUMBERS, Table, TorchObject, read_torch7
from tests.support.published import Torch7Writer


def write(value: Any) -> bytes:
    return Torch7Writer().write(value)


def pack_string(text: str) -> bytes:
    return struct.pack("<i", len(text)) + text.encode()


def pack_tensor(sizes: list[int], strides: list[int], offset: int = 1, count: int = 6, name: str = "Float") -> bytes:
    """A tensor of the numbers 0 to count in a storage, in so many words."""
    numbers = np.arange(max(count, 0), dtype=NUMBERS[name]).tobytes()
    head = struct.pack("<ii", 4, 1) + pack_string("V 1") + pack_string(f"torch.{name}Tensor")
    shape = struct.pack(f"<i{2 * len(sizes) + 1}q", len(sizes), *sizes, *strides, offset)
    storage = struct.pack("<ii", 4, 2) + pack_string("V 1") + pack_string(f"torch.{name}Storage")
    return head + shape + storage + struct.pack("<q", count) + numbers


def test_plain_values_are_read() -> None:
    assert read_torch7(write(None), "a.t7") is None
    assert read_torch7(write(2.5), "a.t7") == 2.5
    assert read_torch7(write("häuser"), "a.t7") == "häuser"
    assert read_torch7(write(True), "a.t7") is True


def test_tables_are_read_by_their_keys() -> None:
    table = read_torch7(write({1: "one", 2: "two", 4: "four", "name": {"deep": False}}), "a.t7")
    assert isinstance(table, Table)
    assert table.entries[4] == "four"
    assert table.list_values() == ["one", "two"]
    assert table.entries["name"].entries == {"deep": False}


@pytest.mark.parametrize("name", NUMBERS)
def test_tensors_of_every_kind_of_number_are_read(name: str) -> None:
    found = read_torch7(pack_tensor([2, 3], [3, 1], name=name), "a.t7")
    assert found.dtype == NUMBERS[name]
    np.testing.assert_array_equal(found, np.arange(6).reshape(2, 3))


def test_tensors_are_views_of_their_storage() -> None:
    np.testing.assert_array_equal(read_torch7(pack_tensor([3, 2], [1, 3]), "a.t7"), np.arange(6).reshape(2, 3).T)
    np.testing.assert_array_equal(read_torch7(pack_tensor([2], [2], offset=2), "a.t7"), [1, 3])
    np.testing.assert_array_equal(read_torch7(pack_tensor([1, 2], [2**62, 1]), "a.t7"), [[0, 1]])
    assert read_torch7(pack_tensor([0, 2], [2, 1]), "a.t7").size == 0
    assert read_torch7(pack_tensor([], []), "a.t7").size == 0


def test_what_occurs_twice_is_one_object() -> None:
    weights, module = np.arange(3, dtype=np.float32), ("nn.Linear", {"bias": 1})
    table = read_torch7(write({1: weights, 2: weights, 3: module, 4: module}), "a.t7")
    first, second, third, fourth = table.list_values()
    assert first is second
    assert third is fourth
    np.testing.assert_array_equal(first, weights)


def test_tensors_may_share_one_storage() -> None:
    """As the weights of a network do after ``getParameters``."""
    first = pack_tensor([2], [1])
    again = struct.pack("<ii", 4, 2)
    shape = struct.pack("<iqqq", 1, 3, 1, 4)
    second = struct.pack("<ii", 4, 3) + pack_string("V 1") + pack_string("torch.FloatTensor") + shape + again
    table = read_torch7(struct.pack("<iii", 3, 9, 2) + write(1) + first + write(2) + second, "a.t7")
    one, other = table.list_values()
    np.testing.assert_array_equal(one, [0, 1])
    np.testing.assert_array_equal(other, [3, 4, 5])


def test_a_table_may_refer_to_itself_and_be_a_key() -> None:
    itself = struct.pack("<iii", 3, 1, 1) + 2 * struct.pack("<ii", 3, 1)
    table = read_torch7(itself, "a.t7")
    assert table.entries == {table: table}


def test_objects_of_unknown_classes_are_read_as_their_fields() -> None:
    found = read_torch7(write(("my.Own", {"size": 3, "inner": ("nn.ReLU", {})})), "a.t7")
    assert isinstance(found, TorchObject)
    assert (found.class_name, found.field("size"), found.field("absent")) == ("my.Own", 3, None)
    assert found.field("inner").class_name == "nn.ReLU"
    assert TorchObject("my.Own", 5).field("size") is None


def test_an_object_from_before_classes_had_versions_is_read() -> None:
    content = struct.pack("<ii", 4, 1) + pack_string("nn.ReLU") + write({})
    assert read_torch7(content, "a.t7").class_name == "nn.ReLU"


@pytest.mark.parametrize("kind", [6, 7, 8])
def test_functions_are_refused(kind: int) -> None:
    content = struct.pack("<iii", 3, 1, 1) + write("run") + struct.pack("<iii", kind, 2, 4) + b"\x1bLua"
    with pytest.raises(WeightsError, match="a function, which is never read"):
        read_torch7(content, "a.t7")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "4 bytes where 0 are left"),
        (struct.pack("<i", 99), "kind 99"),
        (struct.pack("<ii", 2, -1), "-1 bytes"),
        (struct.pack("<ii", 2, 2**31 - 1) + b"short", "2,147,483,647 bytes where 5 are left"),
        (struct.pack("<iii", 3, 1, 2**31 - 1), "4 bytes where 0 are left"),
        (struct.pack("<iii", 3, 1, 1) + write(None) + write(1), "a table with nothing"),
        (struct.pack("<iii", 3, 1, 1) + pack_tensor([1], [1]) + write(1), "kind|key"),
        (pack_tensor([2, 3], [3, 1])[:-1], "24 bytes where 23 are left"),
        (pack_tensor([2, 4], [4, 1]), "a tensor of sizes"),
        (pack_tensor([7], [1]), "a storage of 6 numbers"),
        (pack_tensor([2**40], [0]), "a tensor of sizes"),
        (pack_tensor([-1], [1]), "sizes"),
        (pack_tensor([2], [-1], offset=4), "strides"),
        (pack_tensor([2], [1], offset=0), "offset"),
        (pack_tensor([2], [1], offset=2**62), "a storage of 6 numbers"),
        (pack_tensor([1] * 17, [1] * 17), "17 axes"),
        (pack_tensor([1], [1]).replace(b"FloatStorage", b"ShortStorage"), "without a storage of its numbers"),
        (pack_tensor([1], [1], count=0).replace(struct.pack("<q", 0), struct.pack("<q", 2**60)), "bytes where"),
        (pack_tensor([1], [1], count=0).replace(struct.pack("<q", 0), struct.pack("<q", -4)), "-16 bytes"),
    ],
)
def test_what_does_not_fit_into_the_file_is_named(content: bytes, told: str) -> None:
    with pytest.raises(WeightsError, match=told) as caught:
        read_torch7(content, "a.t7")
    assert "a.t7 byte" in str(caught.value)


def test_nesting_is_bounded() -> None:
    value: Any = 1.0
    for _ in range(MOST_DEPTH - 1):
        value = {1: value}
    assert isinstance(read_torch7(write(value), "a.t7"), Table)
    with pytest.raises(WeightsError, match="nested deeper"):
        read_torch7(write({1: value}), "a.t7")


def test_a_file_of_too_many_objects_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch7, "MOST_OBJECTS", 20)
    with pytest.raises(WeightsError, match="more than 20 objects"):
        read_torch7(write(dict.fromkeys(range(1, 12))), "a.t7")
