from __future__ import annotations

import json
import multiprocessing
import os
import re
from pathlib import Path

import pytest

from hearsight.errors import MachineError, TableError
from hearsight.evaluation.paper_tables import measurements
from hearsight.evaluation.paper_tables.measurements import (
    Measurement,
    read_measurements,
    record_measurements,
)
from hearsight.evaluation.paper_tables.published import find_cell
from tests.support.measurements import make_measured as make


def test_what_was_recorded_is_read_back_in_its_order(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "results.jsonl"
    first, second, third = make(), make(value=62.0), make("jia2019-3:vggish-fcn:map", interval=None)
    record_measurements(path, [first])
    record_measurements(path, [second, third])
    assert read_measurements(path) == [first, second, third]
    assert all(set(json.loads(line)) == set(Measurement.model_fields) for line in path.read_text().splitlines())
    assert [entry.name for entry in path.parent.iterdir()] == ["results.jsonl"]


def test_measurements_of_earlier_versions_go_on_loading(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    record_measurements(path, [make()])
    path.write_text(path.read_text(encoding="utf-8").replace('"probe"', '"head"'), encoding="utf-8")
    (old,) = read_measurements(path)
    assert old.protocol["probe"] == "svm"
    assert "head" not in old.protocol


def test_a_measurement_says_where_it_was_made_otherwise_than_the_paper_s() -> None:
    cell = find_cell("soundnet2016-4:soundnet:esc10")
    paper_s = {"probe": "svm", "folds": 5, "num_clips": 400, "num_classes": 10, "model": "soundnet-8"}
    assert make(cell.name, protocol=paper_s).list_differences(cell) == []
    assert make(cell.name, protocol=paper_s | {"model": "soundnet-8/pool5"}).list_differences(cell) == []
    other = make(cell.name, protocol=paper_s | {"probe": "linear", "model": "soundnet-5", "untrained": True})
    assert other.list_differences(cell) == [
        "probe linear (paper: svm)",
        "network soundnet-5 (paper: soundnet-8)",
        "untrained",
    ]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 2: not JSON"),
        ('{"value": 1.0}', "table: Field required; row: Field required"),
        (make().model_dump_json().replace("svm-mfcc", "svn-mfcc"), "did you mean 'svm-mfcc'"),
        (make().model_dump_json().replace('"seed"', '"sead"'), "sead"),
    ],
)
def test_a_file_that_holds_something_else_is_refused_and_left_as_it_is(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "results.jsonl"
    record_measurements(path, [make()])
    path.write_text(path.read_text() + line + "\n")
    before = path.read_bytes()
    with pytest.raises(TableError, match=re.escape(told)):
        read_measurements(path)
    with pytest.raises(TableError):
        record_measurements(path, [make()])
    assert path.read_bytes() == before


def test_an_absent_file_and_an_unwritable_place_are_named(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"absent\.jsonl: no such file"):
        read_measurements(tmp_path / "absent.jsonl")
    (tmp_path / "file").write_text("")
    with pytest.raises(MachineError, match="cannot be written"):
        record_measurements(tmp_path / "file" / "results.jsonl", [make()])


def _record_many(path: Path, number: int) -> None:
    for step in range(10):
        record_measurements(path, [make(value=float(100 * number + step))])


def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(TableError, match="named pipe"):
        measurements.read_measurements(tmp_path / "pipe")


def test_two_processes_that_record_at_once_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_record_many, args=(path, number)) for number in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = sorted(one.value for one in read_measurements(path))
    assert found == [float(100 * number + step) for number in range(3) for step in range(10)]


def test_a_crash_while_writing_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "results.jsonl"
    record_measurements(path, [make()])
    before = path.read_bytes()
    monkeypatch.setattr(measurements, "format_json", lambda *_, **__: "half a li")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        record_measurements(path, [make()])
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.jsonl"]
