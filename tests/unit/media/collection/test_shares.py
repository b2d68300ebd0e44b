from __future__ import annotations

import random
from pathlib import PurePosixPath

import pytest

from hearsight.errors import InputError, UsageError
from hearsight.media.collection.shares import merge_shares
from hearsight.media.collection.table import FoundSource, SourceTable
from hearsight.records import Source


def make_table(sizes: dict[str, int], folder: str = "/data", order: int | None = None) -> SourceTable:
    found = [
        FoundSource(Source(f"{folder}/{group}/{number}.mp4"), group, f"{number}.mp4")
        for group, size in sizes.items()
        for number in range(size)
    ]
    if order is not None:
        random.Random(order).shuffle(found)
    return SourceTable.gather(iter(found))


def count(table: SourceTable) -> dict[str, int]:
    groups = table.table["group"].to_pylist()
    return {group: groups.count(group) for group in sorted(set(groups))}


@pytest.mark.parametrize(
    ("sizes", "shares", "kept"),
    [
        ({"": 800, "own": 500}, {"own": 0.2}, {"": 800, "own": 200}),
        ({"": 800, "own": 50}, {"own": 0.2}, {"": 200, "own": 50}),
        ({"a": 100, "b": 1000}, {"a": 0.5, "b": 0.5}, {"a": 100, "b": 100}),
        ({"a": 100, "b": 1000}, {"a": 0.1, "b": 0.1}, {"a": 100, "b": 100}),
        ({"": 90, "a": 100, "b": 100}, {"a": 0.3, "b": 0.4}, {"": 75, "a": 75, "b": 100}),
    ],
)
def test_the_largest_whole_with_the_shares_is_kept(
    sizes: dict[str, int], shares: dict[str, float], kept: dict[str, int]
) -> None:
    table, left_out = merge_shares(make_table(sizes), shares)
    assert count(table) == kept
    assert left_out == {name: sizes[name] - kept[name] for name in left_out}


def test_what_is_kept_depends_neither_on_the_order_nor_on_the_folder() -> None:
    chosen = [
        [PurePosixPath(source.path).relative_to(folder) for source in merge_shares(table, {"own": 0.2}, seed=3)[0]]
        for folder in ("/data", "/mnt/other")
        for order in (1, 2)
        for table in [make_table({"": 100, "own": 100}, folder, order)]
    ]
    assert all(one == chosen[0] for one in chosen)
    assert chosen[0] != [
        PurePosixPath(source.path).relative_to("/data")
        for source in merge_shares(make_table({"": 100, "own": 100}), {"own": 0.2}, seed=4)[0]
    ]


def test_what_was_kept_stays_when_a_group_grows() -> None:
    before = {source.path for source in merge_shares(make_table({"": 100, "own": 100}), {"own": 0.2})[0]}
    after = {source.path for source in merge_shares(make_table({"": 120, "own": 100}), {"own": 0.2})[0]}
    assert before <= after


@pytest.mark.parametrize(
    ("sizes", "shares", "found"),
    [
        ({"": 1, "a": 1}, {"a": 0.7, "b": 0.7}, "sum to 1.4"),
        ({"": 1, "a": 1}, {"a": 1.5}, "1.5"),
        ({"": 1, "a": 1}, {"a": 1.0}, "1 sources without a share"),
    ],
)
def test_shares_that_make_no_whole_are_refused(sizes: dict[str, int], shares: dict[str, float], found: str) -> None:
    with pytest.raises(UsageError, match=found):
        merge_shares(make_table(sizes), shares)


def test_a_group_without_media_is_refused() -> None:
    with pytest.raises(InputError, match="source b: no media"):
        merge_shares(make_table({"": 1, "a": 1}), {"a": 0.5, "b": 0.1})
