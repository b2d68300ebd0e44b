"""Units as columns: what is read back is what was observed, whichever are selected."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset import unit_table
from hearsight.dataset.label_media import MediaUnit
from hearsight.dataset.storage.ledger import pack_names
from hearsight.dataset.unit_table import UnitTable, encode_paths
from hearsight.records import Source


@pytest.fixture
def sources(tmp_path: Path) -> list[Source]:
    for place in range(5):
        (tmp_path / f"{place}.mp4").write_bytes(b"x" * place)
    odd = os.fsdecode(b"caf\xe9.mp4")
    return [*(Source(str(tmp_path / f"{place}.mp4"), 0.5 * place) for place in range(5)), Source(odd)]


@pytest.mark.parametrize("batch", [1, 4, 100])
def test_units_are_those_that_were_observed(sources: list[Source], monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr(unit_table, "_BATCH", batch)
    units = UnitTable.observe(sources)
    expected = [MediaUnit.observe(source) for source in sources]
    assert list(units) == expected
    assert units[1:3] == expected[1:3]
    assert units.names.equals(pack_names([unit.name for unit in expected]))
    assert units[5].size is None  # absent
    assert encode_paths(sources).to_pylist()[5] == "caf\\xe9.mp4"


def test_selected_units_keep_source_state_and_name(sources: list[Source]) -> None:
    units = UnitTable.observe(sources)
    mask = np.array([False, True, False, True, True, False])
    chosen = units.select(mask).select(np.array([True, False, True]))
    assert list(chosen) == [units[1], units[4]]
    assert [unit.name for unit in chosen] == [units[1].name, units[4].name]
    assert chosen.names.equals(pack_names([unit.name for unit in chosen]))


def test_versions_of_objects_in_stores_are_kept_apart_from_times(
    sources: list[Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    states = [7, "7", "=7", "", None, "etag"]
    made = [MediaUnit(source, 3, state) for source, state in zip(sources, states, strict=True)]
    monkeypatch.setattr(unit_table, "observe_all", lambda _: made)
    assert [unit.modified for unit in UnitTable.observe(sources)] == states


def test_no_sources_are_no_units() -> None:
    units = UnitTable.observe([])
    assert (len(units), list(units), len(units.names), len(encode_paths([]))) == (0, [], 0, 0)
