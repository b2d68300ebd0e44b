"""Rows with the same key are in one partition, in their order, however many there are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hearsight.clips import partitions
from hearsight.clips.partitions import MOST, ROWS, Partitions, argsort, count_partitions

ROW = np.dtype([("key", "<u4"), ("value", "<i4")])


def make_rows(count: int) -> np.ndarray:
    rows = np.empty(count, ROW)
    rows["key"] = np.random.default_rng(1).integers(0, 50, count)
    rows["value"] = np.arange(count)
    return rows


@pytest.mark.parametrize("held_bytes", [1, 2**22])
def test_rows_come_back_from_the_partition_of_their_key_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_bytes: int
) -> None:
    monkeypatch.setattr(partitions, "_HELD_BYTES", held_bytes)
    rows, parts = make_rows(2000), Partitions(tmp_path / "parts", ROW, 7)
    for some in np.array_split(rows, 9):
        parts.append(some["key"].astype(np.uint64), some)
    found = [parts.read(place) for place in range(len(parts))]
    assert sum(len(one) for one in found) == len(rows)
    keys = [set(one["key"].tolist()) for one in found]
    assert sum(len(one) for one in keys) == 50  # no key is in two partitions
    assert all(np.all(np.diff(one["value"]) > 0) for one in found)
    assert sum(len(one) > 0 for one in found) > 3


def test_partitions_can_be_replaced_and_removed(tmp_path: Path) -> None:
    rows, parts = make_rows(10), Partitions(tmp_path / "parts", ROW, 2)
    parts.append_to(np.ones(10, np.int64), rows)
    assert len(parts.read(0)) == 0
    parts.write(1, rows[:3])
    assert np.array_equal(parts.read(1), rows[:3])
    parts.remove()
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize(("rows", "count"), [(0, 1), (1, 1), (ROWS, 1), (ROWS + 1, 2), (10**15, MOST)])
def test_partitions_are_as_many_as_rows_need(rows: int, count: int) -> None:
    assert count_partitions(rows) == count


def test_the_order_of_keys_is_stable() -> None:
    keys = np.random.default_rng(0).integers(0, 9, 500).astype(np.uint32)
    assert np.array_equal(argsort(keys), np.argsort(keys, kind="stable"))
