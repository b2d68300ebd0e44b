"""A keyed permutation is a bijection for every size and key."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hearsight.permutation import MOST_ITEMS, Permutation

sizes = st.integers(0, 3000) | st.sampled_from([2**10, 2**10 + 1, 63**2, 63**2 + 1, 63**2 - 1])
keys = st.lists(st.integers(0, 2**64), max_size=3)


@given(sizes, keys)
def test_permutation_is_a_bijection(size: int, key: list[int]) -> None:
    places = np.arange(size)
    numbers = Permutation(size, *key).apply(places)
    np.testing.assert_array_equal(np.sort(numbers), places)


@given(st.integers(1, MOST_ITEMS), keys, st.data())
def test_inverse_returns_to_the_place(size: int, key: list[int], data: st.DataObject) -> None:
    places = np.array(data.draw(st.lists(st.integers(0, size - 1), max_size=20)), dtype=np.int64)
    order = Permutation(size, *key)
    np.testing.assert_array_equal(order.invert(order.apply(places)), places)
    np.testing.assert_array_equal(order.apply(order.invert(places)), places)


@given(st.integers(2, 3000), keys, st.data())
def test_part_of_an_order_does_not_depend_on_the_rest(size: int, key: list[int], data: st.DataObject) -> None:
    first = data.draw(st.integers(0, size - 1))
    order = Permutation(size, *key)
    whole = order.apply(np.arange(size))
    np.testing.assert_array_equal(order.apply(np.arange(first, size)), whole[first:])
