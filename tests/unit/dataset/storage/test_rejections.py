"""Rejections are gathered in any number, and written sorted, with text that Parquet can hold."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hearsight.dataset.storage import rejections as module
from hearsight.dataset.storage.rejections import RejectionWriter, gathered_rows, write_rejections
from hearsight.records import REJECTION_SCHEMA, Rejection, RejectReason

FOUND = [
    Rejection("b.mp4", 4.0, 4.0, RejectReason.SILENT, "-70 dB"),
    Rejection("b.mp4", 0.0, None, RejectReason.STILL, ""),
    Rejection("caf\udce9.mp4", 0.0, 1.0, RejectReason.DUPLICATE, "the same as caf\udce9.mp4"),
    Rejection("a.mp4", 0.0, None, RejectReason.UNREADABLE, "no stream"),
]


def write(folder: Path, found: list[Rejection]) -> list[dict]:
    gathered, out = folder / "gathered.parquet", folder / "rejected.parquet"
    with RejectionWriter(gathered) as writer:
        for one in found:
            writer.append(one)
    assert gathered_rows(gathered) == len(found)
    assert sum(writer.counts.values()) == len(found)
    write_rejections(gathered, out, "64MB")
    table = pq.read_table(out)
    assert table.schema.equals(REJECTION_SCHEMA)
    return table.to_pylist()


@pytest.mark.parametrize("rows", [1, 3, 8192])
def test_rejections_are_sorted_by_path_and_start_however_they_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(module, "_ROWS", rows)
    monkeypatch.setattr(module, "_ROW_GROUP", rows)
    found = write(tmp_path, FOUND)
    assert [(row["path"], row["start"], row["reason"]) for row in found] == [
        ("a.mp4", 0.0, "unreadable"),
        ("b.mp4", 0.0, "still"),
        ("b.mp4", 4.0, "silent"),
        ("caf\\xe9.mp4", 0.0, "duplicate"),
    ]
    assert found[1]["duration"] is None
    assert found[3]["detail"] == "the same as caf\\xe9.mp4"


def test_no_rejections_are_an_empty_table(tmp_path: Path) -> None:
    assert write(tmp_path, []) == []


def test_rejections_are_counted_by_reason(tmp_path: Path) -> None:
    with RejectionWriter(tmp_path / "parts" / "gathered.parquet") as writer:
        for one in [*FOUND, FOUND[0]]:
            writer.append(one)
    assert writer.counts == {"silent": 2, "still": 1, "duplicate": 1, "unreadable": 1}
