from __future__ import annotations

import numpy as np
import pytest

from hearsight.dataset.mixing.units import MixtureRange, MixtureUnits
from hearsight.dataset.storage.ledger import pack_names


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_units_cover_every_mixture_once(count: int) -> None:
    units = MixtureUnits.divide(count)
    assert [number for unit in units for number in range(unit.first, unit.last)] == list(range(count))
    assert units.count_mixtures() == count == sum(map(len, units))


def test_selected_units_keep_their_names_and_the_end_of_the_last_one() -> None:
    units = MixtureUnits.divide(200)
    some = units.select(np.array([False, True, False, True]))
    assert list(some) == [MixtureRange(64, 128), MixtureRange(192, 200)]
    assert some.count_mixtures() == 72
    assert some[1:][0] == MixtureRange(192, 200)
    assert some.pack_names() == units.pack_names().take([1, 3])
    assert units.pack_names() == pack_names([unit.name for unit in units])


def test_a_billion_mixtures_take_an_array_and_no_objects() -> None:
    units = MixtureUnits.divide(10**9)
    assert len(units) == 15_625_000
    assert units[-1] == MixtureRange(10**9 - 64, 10**9)
