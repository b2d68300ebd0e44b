from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import normalized_mutual_info_score

from hearsight.demo.quality import ScaleQuality, Truth, measure_information
from hearsight.world.generate import WORLD_SCHEMA, World
from hearsight.world.kinds import KINDS


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    rows = [
        {"path": "a.mp4", "kind": "star", "start": 0.0, "end": 5.0, "audible": True, "visible": True},
        {"path": "a.mp4", "kind": "ring", "start": 0.0, "end": 5.0, "audible": False, "visible": True},
        {"path": "a.mp4", "kind": "drop", "start": 5.0, "end": 9.0, "audible": True, "visible": False},
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=WORLD_SCHEMA), tmp_path / "world.parquet")
    return Truth(World(tmp_path, (tmp_path / "a.mp4",), tmp_path / "world.parquet"))


def _number(name: str) -> int:
    return [kind.name for kind in KINDS].index(name)


def test_what_is_seen_and_what_is_heard_are_told_apart(truth: Truth) -> None:
    assert truth.find_kinds("/x/a.mp4", 1.0, 2.0, "vision") == {_number("star"), _number("ring")}
    assert truth.find_kinds("/x/a.mp4", 1.0, 2.0, "audio") == {_number("star")}
    assert truth.find_kinds("/x/a.mp4", 6.0, 6.0, "vision") == set()
    assert truth.find_kinds("/x/a.mp4", 6.0, 7.0, "audio") == {_number("drop")}


def test_what_lies_across_a_cut_has_no_kind(truth: Truth) -> None:
    assert truth.find_kinds("a.mp4", 4.5, 5.5, "audio") is None
    assert truth.find_kinds("a.mp4", 4.9, 4.9, "vision") is None
    assert truth.find_kinds("a.mp4", 0.0, 0.0, "vision") is not None  # the start of a video is no cut


def test_the_share_that_is_heard_counts_only_what_sounds(truth: Truth) -> None:
    assert truth.measure_audible_share("a.mp4", 3.0, 7.0, _number("star")) == pytest.approx(0.5)
    assert truth.measure_audible_share("a.mp4", 3.0, 7.0, _number("ring")) == 0.0
    assert truth.measure_audible_share("b.mp4", 3.0, 7.0, _number("star")) == 0.0


def test_information_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    clusters, kinds = rng.integers(0, 9, 500), rng.integers(0, 5, 500)
    kinds = np.where(rng.random(500) < 0.6, clusters % 5, kinds)
    table = np.zeros((12, 5))
    np.add.at(table, (clusters, kinds), 1.0)
    assert measure_information(table) == pytest.approx(normalized_mutual_info_score(clusters, kinds))
    assert measure_information(np.diag([3.0, 4.0, 5.0])) == pytest.approx(1.0)
    assert measure_information(np.ones((4, 4))) == pytest.approx(0.0, abs=1e-12)
    assert measure_information(np.zeros((4, 4))) == 0.0


def test_a_cluster_means_its_most_frequent_kind() -> None:
    table = np.zeros((3, len(KINDS)))
    table[0, _number("moon")], table[0, _number("star")] = 3.0, 1.0
    table[2, _number("drop")] = 2.0
    quality = ScaleQuality("vision", 3, table, 0.0, 0.0)
    assert quality.meanings == {0: ("moon", 0.75), 2: ("drop", 1.0)}
