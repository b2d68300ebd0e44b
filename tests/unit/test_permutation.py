"""Random orders in constant memory."""

import tracemalloc

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.permutation import Permutation


def test_order_is_pinned_because_resumed_runs_depend_on_it() -> None:
    assert Permutation(10, 1, 2).apply(np.arange(10)).tolist() == [0, 5, 4, 3, 1, 9, 6, 8, 7, 2]


def test_each_key_has_its_own_order() -> None:
    orders = {tuple(Permutation(1000, seed, epoch).apply(np.arange(1000))) for seed in range(4) for epoch in range(4)}
    assert len(orders) == 16


@pytest.mark.parametrize("size", [2, 3, 5, 8, 13])
def test_each_number_is_about_as_often_at_each_place(size: int) -> None:
    counts = np.zeros((size, size))
    for epoch in range(2000):
        counts[np.arange(size), Permutation(size, 7, epoch).apply(np.arange(size))] += 1
    expected = 2000 / size
    statistic = ((counts - expected) ** 2 / expected).sum()
    degrees = (size - 1) ** 2
    assert statistic < degrees + 6 * np.sqrt(2 * degrees) + 6


def test_neighbours_in_the_dataset_are_no_neighbours_in_the_order() -> None:
    size = 100_000
    numbers = Permutation(size, 0, 0).apply(np.arange(size))
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02
    assert abs(np.corrcoef(np.arange(size), numbers)[0, 1]) < 0.02
    assert np.mean(np.abs(np.diff(numbers)) == 1) < 1e-3


def test_order_of_millions_needs_no_memory() -> None:
    tracemalloc.start()
    order = Permutation(15_000_000, 0, 0)
    order.apply(np.arange(14_999_744, 15_000_000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 200_000


@pytest.mark.parametrize(("size", "key"), [(-1, (0,)), (2**63, (0,)), (4, (-1,))])
def test_impossible_size_or_key_is_refused(size: int, key: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="permutation"):
        Permutation(size, *key)


def test_place_outside_the_order_is_refused() -> None:
    with pytest.raises(UsageError, match="places of 4 items"):
        Permutation(4, 0).apply(np.array([0, 4]))
