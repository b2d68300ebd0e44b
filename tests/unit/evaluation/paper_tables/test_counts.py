from __future__ import annotations

import pytest

from hearsight.evaluation.paper_tables.comparison import fill_tables
from hearsight.evaluation.paper_tables.counts import count_cell
from hearsight.evaluation.paper_tables.published import find_cell, find_tables


def shown(name: str) -> str:
    count = count_cell(find_cell(name))
    assert count is not None
    return count.shown


def test_all_of_wu_s_sizes_but_the_perceptron_s_are_the_printed_ones() -> None:
    for table in fill_tables("wu2018"):
        for row in table.cells:
            size = next(cell for cell in row if cell.published.column.key == "size")
            if row[0].published.row.key == "mlp":
                assert (size.published.printed, size.ours) == ("9.48M", "8.94M")
                assert size.notes
            else:
                assert size.ours == size.published.printed


def test_jia_s_table_of_layers_is_the_network_that_we_build() -> None:
    (table,) = fill_tables("jia2019-1")
    assert [row[0].ours for row in table.cells] == [row[0].published.printed for row in table.cells]


@pytest.mark.parametrize("name", ["soundnet2016-1", "soundnet2016-2"])
def test_soundnet_s_layers_differ_from_the_printed_ones_only_where_a_footnote_says_so(name: str) -> None:
    (table,) = fill_tables(name)
    for row in table.cells:
        for cell in row:
            assert (cell.ours != cell.published.printed) == bool(cell.notes), cell.published.name


def test_soundnet_s_slips_come_out_right() -> None:
    assert shown("soundnet2016-1:conv1:dim") == "220,501"
    assert shown("soundnet2016-1:pool1:dim") == "27,562"
    assert shown("soundnet2016-1:pool5:stride") == "4"
    assert [shown(f"soundnet2016-2:{layer}:dim") for layer in ("pool3", "conv4", "conv5")] == ["107", "54", "4"]


def test_nothing_is_counted_where_a_score_belongs() -> None:
    assert count_cell(find_cell("jia2019-3:vggish-fcn:top1")) is None
    (table,) = fill_tables("wu2018-1")
    assert all(row[2].ours == "" for row in table.cells)


def test_a_count_says_what_was_counted() -> None:
    count = count_cell(find_cell("wu2018-1:mlp:size"))
    assert count is not None
    assert count.value == 8_936_527
    assert "wu-mlp" in count.source
    assert "8,936,527" in count.source
    assert len(find_tables("wu2018-1")) == 1
