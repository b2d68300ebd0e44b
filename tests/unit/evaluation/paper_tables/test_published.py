from __future__ import annotations

import itertools
import math
import re

import pytest

from hearsight.errors import UsageError
from hearsight.evaluation.paper_tables.counts import COUNTS
from hearsight.evaluation.paper_tables.published import (
    PublishedCell,
    PublishedTable,
    find_cell,
    find_tables,
    read_tables,
)
from hearsight.metrics.averages import d_prime
from hearsight.models.zoo import NETWORKS, PAPERS

NETWORK_OF_THE_TABLES = {row.network for table in read_tables().values() for row in table.rows if row.network}


def list_cells() -> list[PublishedCell]:
    return [
        PublishedCell(table, row, column)
        for table in read_tables().values()
        for row in table.rows
        for column in table.columns
    ]


def test_all_seventeen_tables_are_there_with_the_papers_shapes() -> None:
    shapes = {name: (len(table.rows), len(table.columns)) for name, table in read_tables().items()}
    assert shapes == {
        "jia2019-1": (12, 1),
        "jia2019-2": (7, 4),
        "jia2019-3": (8, 2),
        "jia2019-4": (7, 2),
        "hershey2017-1": (4, 1),
        "hershey2017-2": (6, 5),
        "hershey2017-3": (6, 5),
        "hershey2017-4": (5, 3),
        "soundnet2016-1": (11, 5),
        "soundnet2016-2": (8, 5),
        "soundnet2016-3": (5, 1),
        "soundnet2016-4": (6, 2),
        "soundnet2016-5": (9, 3),
        "soundnet2016-6": (4, 6),
        "soundnet2016-7": (2, 3),
        "wu2018-1": (6, 3),
        "wu2018-2": (11, 2),
    }
    # the fifth paper of the zoo is there for its published weights and our own networks for themselves;
    # no table of theirs is ours to fill
    assert {table.paper for table in read_tables().values()} == set(PAPERS) - {"PANNs 2020", "hearsight"}


def test_networks_and_counted_things_are_ours() -> None:
    assert set(NETWORKS) >= NETWORK_OF_THE_TABLES
    assert {cell.column.counted for cell in list_cells()} - {""} == set(COUNTS)


def test_every_result_says_what_it_was_measured_on() -> None:
    for cell in list_cells():
        if not cell.column.setting:
            assert bool(cell.column.counted) != bool(cell.column.metric), cell.name
            assert cell.column.counted or cell.benchmark, cell.name


def test_every_result_is_a_number_or_a_dash_within_its_range() -> None:
    for cell in list_cells():
        if cell.column.setting or cell.column.counted == "jia-kernels":
            continue
        assert (cell.value is None) == (cell.printed == "-"), cell.name
        if cell.value is not None and cell.column.unit == "%":
            assert 20.0 < cell.value < 100.0, cell.name
        if cell.value is not None and "area" in cell.column.metric and not cell.column.unit:
            assert 0.5 < cell.value < 1.0, cell.name


def test_hershey_s_d_primes_follow_from_the_areas_beside_them() -> None:
    """The paper's own arithmetic, which a slip of ours in either column would break."""
    pairs = 0
    for table in find_tables("hershey2017"):
        keys = [column.key for column in table.columns]
        if "d-prime" not in keys:
            continue
        for row in table.rows:
            area, prime = (row.cells[keys.index(key)] for key in ("auc", "d-prime"))
            if area == "-":
                continue
            pairs += 1
            # an area printed with three digits lies half a digit either way
            low, high = (d_prime(float(area) + step) for step in (-0.0005, 0.0005))
            assert low - 0.0005 <= float(prime) <= high + 0.0005, (table.name, row.key)
    assert pairs == 16


def test_sums_and_differences_that_the_texts_speak_of_hold() -> None:
    value = {cell.name: cell.value for cell in list_cells()}
    gain = {"top1": 0.8, "map": 1.6}  # Jia 2019, section 4: batch normalisation on AudioSet
    for key, points in gain.items():
        steps = [value[f"jia2019-2:{row}:{key}"] for row in ("vggish-mm", "vggish-bn", "vggish-fcn")]
        assert min(b - a for a, b in itertools.pairwise(steps)) == pytest.approx(points)  # type: ignore[operator]
    assert value["jia2019-2:resnet-50:map"] - value["jia2019-2:hershey-resnet-50:map"] == pytest.approx(0.9)  # type: ignore[operator]
    for cell in ("soundnet2016-5:kl:esc50", "soundnet2016-5:both:esc50", "soundnet2016-5:video-8:esc50"):
        assert value[cell] == value["soundnet2016-6:esc50-vgg:pool5"] == 72.9
    assert value["soundnet2016-4:soundnet:esc50"] == value["soundnet2016-6:esc50-alexnet:pool5"] == 74.2
    assert value["soundnet2016-3:soundnet:accuracy"] == value["soundnet2016-6:dcase-vgg:pool5"] == 88
    assert value["wu2018-1:alexnet-bn:auc"] == value["wu2018-2:none:auc"] == 0.927
    assert math.isclose(value["jia2019-3:human:top1"] or 0, value["soundnet2016-4:human:esc50"] or 1)


def test_printed_sizes_are_those_that_the_zoo_was_checked_against() -> None:
    for cell in list_cells():
        if cell.column.counted == "parameters":
            figure = NETWORKS[cell.row.network].published_parameters
            assert figure is not None
            assert cell.printed == figure.printed, cell.name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("jia2019-3:vggish-fcn", "TABLE:ROW:COLUMN"),
        ("jia2019-33:vggish-fcn:top1", "did you mean 'jia2019-3'"),
        ("jia2019-3:vggish-fc:top1", "did you mean 'vggish-fcn'"),
        ("jia2019-3:vggish-fcn:top2", "did you mean 'top1'"),
        ("hershey2017-2:fc:steps", "column"),
    ],
)
def test_a_cell_that_is_not_there_is_guessed(name: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        find_cell(name)


def test_a_table_is_found_by_its_name_or_its_paper() -> None:
    assert [table.name for table in find_tables("wu2018")] == ["wu2018-1", "wu2018-2"]
    assert [table.name for table in find_tables("jia2019-4")] == ["jia2019-4"]
    assert len(find_tables(None)) == 17
    with pytest.raises(UsageError, match="did you mean 'soundnet2016-5'"):
        find_tables("soundnet-5")


def test_a_table_with_a_cell_missing_is_refused() -> None:
    values = read_tables()["wu2018-2"].model_dump()
    values["rows"][3]["cells"] = ("58.63M",)
    with pytest.raises(ValueError, match="final-1024"):
        PublishedTable.model_validate(values)
