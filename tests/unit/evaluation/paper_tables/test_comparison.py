from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from hearsight.errors import TableError, UsageError
from hearsight.evaluation.paper_tables import measurements
from hearsight.evaluation.paper_tables.comparison import fill_tables, spell_csv, spell_markdown
from hearsight.evaluation.paper_tables.measurements import record_measurements
from tests.support.measurements import make_measured as make

CELL = "soundnet2016-4:soundnet:esc10"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(measurements, "OWN_FOLDER", tmp_path / "own")
    return tmp_path / "own"


@pytest.fixture
def store(tmp_path: Path, own: Path) -> Path:
    path = tmp_path / "results.jsonl"
    record_measurements(path, [make(CELL, 70.0), make(CELL, 71.25, protocol={"probe": "linear"})])
    return path


def read_cells(path: Path | None, table: str = "soundnet2016-4") -> dict[str, str]:
    (filled,) = fill_tables(table, path)
    return {cell.published.name: cell.ours for row in filled.cells for cell in row}


def test_what_was_not_measured_is_blank(own: Path) -> None:
    assert set(read_cells(None).values()) == {""}


def test_the_last_measurement_of_a_cell_is_shown_with_its_interval_and_all_others_are_blank(store: Path) -> None:
    cells = read_cells(store)
    assert cells.pop(CELL) == "71.2 (57.0 to 66.0)"
    assert set(cells.values()) == {""}


def test_ours_come_with_the_package_and_a_user_s_stand_before_them(own: Path, store: Path) -> None:
    record_measurements(
        own / "2026.jsonl", [make(CELL, 50.0), make("soundnet2016-4:piczak:esc10", 49.0, interval=None)]
    )
    assert read_cells(None)[CELL].startswith("50.0")
    assert read_cells(store)[CELL].startswith("71.2")
    assert read_cells(store)["soundnet2016-4:piczak:esc10"] == "49.0"


def test_another_protocol_has_a_footnote_and_every_measurement_a_provenance(store: Path) -> None:
    (filled,) = fill_tables("soundnet2016-4", store)
    assert filled.notes == ["ours: probe linear (paper: svm)"]
    shown = {row[0]: row for row in filled.list_rows()}
    assert shown["SoundNet"][3:] == ["92.2 ¹", "71.2 (57.0 to 66.0)"]
    assert filled.list_notes() == ["¹ ours: probe linear (paper: svm)"]
    lines = filled.list_provenance()
    assert len(lines) == 2
    assert all(line.startswith(f"{CELL} = ") and "hearsight evaluate baseline:mfcc" in line for line in lines)


def test_a_terminal_has_no_columns_without_anything_and_is_told_which(store: Path) -> None:
    (filled,) = fill_tables("soundnet2016-4", store)
    heads, rows, said = filled.leave_out_blank()
    assert heads == ["method", "ESC-50, %", "ESC-10, %", "ours"]
    assert rows[4] == ["SoundNet", "74.2", "92.2 ¹", "71.2 (57.0 to 66.0)"]
    assert said == ["Not measured yet: ESC-50."]
    (counted,) = fill_tables("jia2019-1")
    assert counted.leave_out_blank() == (counted.columns, counted.list_rows(), [])


def test_a_decimal_more_than_the_paper_prints_is_not_pretended(own: Path, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    record_measurements(path, [make("hershey2017-4:7m:d-prime", 1.23456, benchmark="youtube-100m", interval=None)])
    assert read_cells(path, "hershey2017-4")["hershey2017-4:7m:d-prime"] == "1.235"


def test_markdown_has_every_table_with_as_many_cells_in_each_line_as_heads(store: Path) -> None:
    text = spell_markdown(fill_tables(None, store))
    assert text.count("\n## ") + text.startswith("## ") == 17
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in lines}) <= 1
    assert "| SoundNet | 74.2 |  | 92.2 ¹ | 71.2 (57.0 to 66.0) |" in text
    assert "3\\*3\\*64" in text  # or a page would read emphasis


def test_csv_has_a_line_per_cell(store: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(spell_csv(fill_tables("soundnet2016", store)))))
    assert len(rows) == sum(len(t.rows) * len(t.columns) for t in (f.table for f in fill_tables("soundnet2016")))
    (row,) = [row for row in rows if row["measured"] == "71.25"]
    assert (row["table"], row["row"], row["column"], row["published"]) == (*CELL.split(":"), "92.2")
    assert (row["low"], row["high"], row["unit"]) == ("57.0", "66.0", "%")


def test_json_tells_a_machine_everything(store: Path) -> None:
    (told,) = json.loads(json.dumps([filled.as_json() for filled in fill_tables("soundnet2016-4", store)]))
    row = next(row for row in told["rows"] if row["row"] == "soundnet")
    cell = next(cell for cell in row["cells"] if cell["column"] == "esc10")
    assert (cell["published"], cell["published_value"], cell["measured_value"]) == ("92.2", 92.2, 71.25)
    assert cell["interval"] == [57.0, 66.0]
    assert [one["value"] for one in cell["provenance"]] == [70.0, 71.25]
    assert (told["paper"], told["number"], told["page"]) == ("SoundNet 2016", 4, 5)


def test_a_counted_cell_says_what_was_counted() -> None:
    (told,) = [filled.as_json() for filled in fill_tables("wu2018-1")]
    size = told["rows"][0]["cells"][1]
    assert (size["published"], size["measured"], size["measured_value"]) == ("9.48M", "8.94M", 8_936_527.0)
    assert "8,936,527" in size["provenance"][0]["counted"]


def test_mistakes_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="did you mean"):
        fill_tables("jia2019-9")
    with pytest.raises(TableError, match="absent"):
        fill_tables("jia2019-1", tmp_path / "absent.jsonl")
