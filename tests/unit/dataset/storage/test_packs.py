"""Packs: finished units are read back, unfinished ones are never seen, and damage is noticed."""

from __future__ import annotations

import contextlib
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hearsight.dataset.storage.ledger import Ledger, pack_names
from hearsight.dataset.storage.packs import PackWriter
from hearsight.dataset.storage.reports import PartReport
from hearsight.dataset.storage.rows import PackReader
from hearsight.errors import DatasetError, MachineError
from hearsight.records import Rejection, RejectReason, Source
from tests.support.disk import identify, record_syncs

SCHEMA = pa.schema([("uuid", pa.string()), ("value", pa.int64())])


def name(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


def make_report(number: int, num_clips: int) -> PartReport:
    rejection = Rejection(f"{number}.mp4", 1.5, None, RejectReason.SILENT, "caf\udce9")
    return PartReport(name(number), Source(f"{number}.mp4", 0.5), num_clips, {"t": 2}, (rejection,))


def write_unit(packs: PackWriter, number: int, num_clips: int) -> None:
    with packs.write(SCHEMA) as rows:
        for row in range(num_clips):
            rows.append(pa.RecordBatch.from_pydict({"uuid": [f"{number}-{row}"], "value": [row]}, SCHEMA))
        rows.finish(make_report(number, num_clips))


def fail_unit(packs: PackWriter, num_clips: int) -> None:
    with contextlib.suppress(ZeroDivisionError), packs.write(SCHEMA) as rows:
        for row in range(num_clips):
            rows.append(pa.RecordBatch.from_pydict({"uuid": ["x"], "value": [row]}, SCHEMA))
        raise ZeroDivisionError


def read_all(folder: Path, count: int) -> dict[int, list[str]]:
    ledger, reader = Ledger(folder), PackReader(folder)
    rows = ledger.find(pack_names([name(number) for number in range(count)]))
    found = {number: reader.read(ledger.extent(int(row))) for number, row in enumerate(rows) if row >= 0}
    return {number: [batch.column(0)[0].as_py() for batch in batches] for number, batches in found.items()}


def test_finished_units_are_read_back_from_few_files(tmp_path: Path) -> None:
    with PackWriter(tmp_path, most_units=4) as packs:
        for number in range(10):
            write_unit(packs, number, number % 3)
    assert len(list(tmp_path.iterdir())) == 6
    assert read_all(tmp_path, 12) == {k: [f"{k}-{row}" for row in range(k % 3)] for k in range(10)}


def test_pack_ends_when_it_is_large(tmp_path: Path) -> None:
    packs = PackWriter(tmp_path, most_bytes=1)
    for number in range(3):
        write_unit(packs, number, 1)
    assert len(list(tmp_path.glob("*.pack"))) == 3


def test_failed_unit_leaves_nothing_behind(tmp_path: Path) -> None:
    with PackWriter(tmp_path) as packs:
        fail_unit(packs, 2)
        write_unit(packs, 0, 2)
        fail_unit(packs, 5)
        write_unit(packs, 1, 1)
    assert read_all(tmp_path, 2) == {0: ["0-0", "0-1"], 1: ["1-0"]}
    assert len(Ledger(tmp_path)) == 2


def test_reports_come_back_with_their_rejections(tmp_path: Path) -> None:
    with PackWriter(tmp_path, most_units=2) as packs:
        for number in range(3):
            write_unit(packs, number, number)
    ledger = Ledger(tmp_path)
    wanted = np.zeros(3, np.bool_)
    wanted[ledger.find(pack_names([name(2), name(0)]))] = True
    reports = {report.unit: report for _, report, _ in ledger.read_reports(wanted)}
    assert reports == {name(number): make_report(number, number) for number in (0, 2)}


def test_unit_that_was_finished_twice_counts_once(tmp_path: Path) -> None:
    for _ in range(2):
        with PackWriter(tmp_path) as packs:
            write_unit(packs, 0, 1)
            write_unit(packs, 1, 2)
    ledger = Ledger(tmp_path)
    assert len(ledger) == 2
    assert len(list(ledger.read_reports(np.ones(2, np.bool_)))) == 2


def test_rows_that_are_missing_from_a_pack_make_the_unit_unfinished(tmp_path: Path) -> None:
    with PackWriter(tmp_path) as packs:
        for number in range(2):
            write_unit(packs, number, 3)
    (path,) = tmp_path.glob("*.pack")
    path.write_bytes(path.read_bytes()[:-1])
    assert list(read_all(tmp_path, 2)) == [0]
    path.unlink()
    assert len(Ledger(tmp_path)) == 0


def test_damaged_rows_are_refused_and_made_anew_by_the_next_run(tmp_path: Path) -> None:
    with PackWriter(tmp_path) as packs:
        for number in range(2):
            write_unit(packs, number, 3)
    (path,) = tmp_path.glob("*.pack")
    ledger = Ledger(tmp_path)
    extent = ledger.extent(int(ledger.find(pack_names([name(1)]))[0]))
    content = bytearray(path.read_bytes())
    content[extent.offset + extent.num_bytes // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"damaged rows at byte .*wanted the rows as written"):
        PackReader(tmp_path).read_clip(extent, 0)
    assert list(read_all(tmp_path, 2)) == [0]
    with PackWriter(tmp_path) as packs:
        write_unit(packs, 1, 3)
    assert list(read_all(tmp_path, 2)) == [0, 1]


def test_full_disk_is_an_error_of_the_machine(tmp_path: Path) -> None:
    packs = PackWriter(tmp_path / "parts")
    (tmp_path / "parts").write_text("a file where the folder should be")
    with pytest.raises(MachineError, match="parts"):
        write_unit(packs, 0, 1)


def test_ledger_of_an_absent_folder_is_empty(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "none")
    assert len(ledger) == 0
    assert ledger.find(pack_names([name(0)])).tolist() == [-1]


def test_the_rows_of_a_unit_are_on_the_disk_before_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with PackWriter(tmp_path) as packs:
        write_unit(packs, 0, 3)
        synced = record_syncs(monkeypatch)
        write_unit(packs, 1, 3)
        (rows,), (lines,) = tmp_path.glob("*.pack"), tmp_path.glob("*.journal")
        assert synced == [identify(rows), identify(lines)]
