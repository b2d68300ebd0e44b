"""The index of a build: sorted by fold, media and time; without clips that come twice; read range by range."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.clips.folds import assign_fold
from hearsight.dataset.storage import clip_index
from hearsight.dataset.storage.clip_index import (
    INDEX_SCHEMA,
    ChosenClips,
    choose_clips,
    count_kept_sources,
    read_range,
    write_index,
)
from hearsight.dataset.storage.ledger import Ledger
from hearsight.dataset.storage.packs import PackWriter
from hearsight.dataset.storage.rejections import RejectionWriter
from hearsight.dataset.storage.reports import PartReport
from hearsight.dataset.storage.rows import PackReader
from hearsight.errors import DatasetError
from hearsight.records import Source, name_clip, name_media

FRAMES = 125


def make_row(number: int, start: float, source: str | None = None, content: int | None = None) -> dict[str, Any]:
    """Return a clip of a medium, whose sound and pictures are those of ``content``."""
    draw = np.random.default_rng([number if content is None else content, round(start)])
    media = name_media(f"{number}")
    return {
        "uuid": name_clip(media, start, 4.0),
        "media_uuid": media,
        "source": source or f"{number}.mp4",
        "start": start,
        "duration": 4.0,
        "fold": assign_fold(media),
        "num_samples": 64_000,
        "num_images": 4,
        "width": 640,
        "height": 360,
        "loudness": -20.0,
        "motion": 1.0,
        "sound_fingerprint": draw.bytes(32),
        "image_fingerprint": draw.bytes(8),
        "subfingerprints": draw.integers(1, 2**32, (FRAMES, 3), np.uint32).astype("<u4").tobytes(),
        "pack": "p",
        "offset": 64 * number,
        "num_bytes": 64,
        "checksum": 1,
        "row": round(start) // 4,
    }


def choose(folder: Path, rows: list[dict[str, Any]], duplicates: str = "drop") -> tuple[ChosenClips, list[dict]]:
    """Choose among clips, and return the rejections too."""
    folder.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, schema=INDEX_SCHEMA), folder / "index.parquet")
    with RejectionWriter(folder / "rejected.parquet") as rejections:
        chosen = choose_clips(folder / "index.parquet", duplicates, folder / "clips.parquet", rejections)
    return chosen, pq.read_table(folder / "rejected.parquet").to_pylist()


def test_clips_are_sorted_by_fold_media_and_start_whatever_their_order(tmp_path: Path) -> None:
    rows = [make_row(number, start) for number in range(30) for start in (0.0, 4.0)]
    shuffled = [rows[place] for place in np.random.default_rng(0).permutation(len(rows))]
    (chosen, rejected), (other, _) = choose(tmp_path / "one", rows), choose(tmp_path / "two", shuffled)
    table = chosen.read(0, len(chosen))
    assert table.equals(other.read(0, len(other)))
    keys = list(zip(*(table.column(name).to_pylist() for name in ("fold", "media_uuid", "start")), strict=True))
    assert keys == sorted(keys)
    assert (len(chosen), chosen.seconds, rejected) == (60, 240.0, [])
    assert np.array_equal(chosen.fold_counts, np.bincount(table.column("fold").to_numpy(), minlength=4096))


def test_the_same_file_under_two_paths_is_kept_under_the_first(tmp_path: Path) -> None:
    rows = [make_row(1, 0.0, "b.mp4"), make_row(1, 0.0, "a.mp4"), make_row(2, 0.0)]
    chosen, rejected = choose(tmp_path / "one", rows, "keep")
    assert set(chosen.read(0, 2).column("source").to_pylist()) == {"a.mp4", "2.mp4"}
    assert [(row["path"], row["reason"], row["detail"]) for row in rejected] == [
        ("b.mp4", "duplicate", "the same as a.mp4 at 0.00 s")
    ]


@pytest.mark.parametrize("duplicates", ["drop", "keep"])
def test_copies_share_a_fold_and_are_dropped_if_asked(tmp_path: Path, duplicates: str) -> None:
    rows = [make_row(number, 4.0 * place) for number in range(8) for place in range(2)]
    rows += [make_row(100, 4.0 * place, content=3) for place in range(2)]
    chosen, rejected = choose(tmp_path / "one", rows, duplicates)
    assert len(chosen) == (16 if duplicates == "drop" else 18)
    assert [row["reason"] for row in rejected] == ["duplicate"] * (2 if duplicates == "drop" else 0)
    table = chosen.read(0, len(chosen)).to_pylist()
    leader = min(name_media("3"), name_media("100"))
    folds = {row["fold"] for row in table if row["media_uuid"] in (name_media("3"), name_media("100"))}
    assert folds == {assign_fold(leader)}


def test_ranges_are_read_across_row_groups(tmp_path: Path) -> None:
    path = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"value": list(range(100))}), path, row_group_size=7)
    for first, count in ((0, 100), (0, 7), (6, 2), (13, 30), (99, 1), (50, 0)):
        assert read_range(path, first, count).column("value").to_pylist() == list(range(first, first + count))
    chosen = ChosenClips(path, np.zeros(4096, np.int64), 0.0)
    assert sum(len(batch) for batch in chosen.stream()) == 100


def test_sources_with_a_clip_are_counted(tmp_path: Path) -> None:
    chosen, _ = choose(tmp_path / "one", [make_row(number, 0.0) for number in range(5)])
    assert count_kept_sources([chosen.path], pa.array(["0.mp4", "4.mp4", "9.mp4"])) == 2


def write_unit(packs: PackWriter, number: int, num_clips: int, told: int) -> None:
    names = [name for name in INDEX_SCHEMA.names if name not in ("pack", "offset", "num_bytes", "checksum", "row")]
    schema = pa.schema([INDEX_SCHEMA.field(name) for name in names])
    unit = name_media(f"unit {number}")
    with packs.write(schema) as rows:
        for place in range(num_clips):
            row = make_row(number, 4.0 * place)
            rows.append(pa.RecordBatch.from_pylist([{name: row[name] for name in names}], schema))
        rows.finish(PartReport(unit, Source(f"{number}.mp4"), told, {}, ()))


def index_units(folder: Path, units: list[tuple[int, int]]) -> pa.Table:
    with PackWriter(folder / "parts") as packs:
        for number, (num_clips, told) in enumerate(units):
            write_unit(packs, number, num_clips, told)
    ledger = Ledger(folder / "parts")
    reports = ((report, extent) for _, report, extent in ledger.read_reports(np.ones(len(ledger), np.bool_)))
    write_index(folder / "index.parquet", PackReader(folder / "parts"), reports)
    return pq.read_table(folder / "index.parquet")


def test_an_index_has_a_row_for_each_clip_and_says_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_index, "_ROW_GROUP", 4)
    table = index_units(tmp_path, [(2, 2), (0, 0), (3, 3), (1, 1)])
    assert table.column("source").to_pylist() == ["0.mp4"] * 2 + ["2.mp4"] * 3 + ["3.mp4"]
    assert table.column("row").to_pylist() == [0, 1, 0, 1, 2, 0]
    assert len(set(table.column("offset").to_pylist())) == 3
    assert table.column("subfingerprints")[4].as_py() == make_row(2, 8.0)["subfingerprints"]


def test_a_part_with_other_rows_than_reported_is_void(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="damaged rows"):
        index_units(tmp_path, [(1, 1), (2, 3)])
    assert len(Ledger(tmp_path / "parts")) == 1  # the damaged unit is made again
