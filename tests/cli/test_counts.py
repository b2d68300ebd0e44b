"""``hearsight counts``, end to end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.processes import run_command

TABLE = """path,start,duration,class,probability,sense,teacher,error
20240517_230000.wav,10,1,Owl,0.9,,,
20240517_230000.wav,3700,1,Owl,0.8,,,
20240517_230000.wav,3700,1,'=cmd(),0.8,,,
other.wav,0,1,Owl,0.4,,,
"""


@pytest.fixture
def tags(tmp_path: Path) -> Path:
    (tmp_path / "tags").mkdir()
    (tmp_path / "tags" / "a.csv").write_text(TABLE)
    return tmp_path / "tags"


def test_a_table_json_csv_and_a_heat_map(tags: Path, tmp_path: Path) -> None:
    table = run_command("counts", tags, "--figure", tmp_path / "counts.svg")
    assert table.returncode == 0, table.stderr
    assert "no time" in table.stdout
    assert '1 detection is in recordings whose names have no time: column "no time"' in table.stderr
    assert (tmp_path / "counts.svg").read_text().startswith("<?xml")
    found = json.loads(run_command("counts", tags, "--by", "day", "--json").stdout)
    assert found["times"] == ["2024-05-17", "2024-05-18"]
    assert found["classes"]["Owl"] == [1, 1]
    text = run_command("counts", tags, "--format", "csv", "--threshold", "0.5").stdout
    assert text.splitlines() == ["class,00:00,23:00,all", "Owl,1,1,2", "'=cmd(),1,0,1"]


def test_a_folder_without_tables_and_an_unknown_figure_are_refused(tags: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run_command("counts", tmp_path / "empty")
    assert done.returncode == 3
    assert "no table of detections" in done.stderr
    assert run_command("counts", tags, "--figure", tmp_path / "a.gif").returncode == 2
