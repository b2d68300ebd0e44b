from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.detection.formats.catalogue import open_file
from hearsight.detection.formats.reading import find_tables, list_columns, read_detections
from hearsight.detection.formats.writer import Context
from hearsight.errors import InputError, TableError
from hearsight.records import Tag

ROWS = [
    Tag("a.wav", 0.0, 1.0, "Gull", 0.83, "heard", "t"),
    Tag("-b.wav", 0.1, 2.5, "=x", 0.5),
    Tag("c", 1.0, 1.0, "n\nl", 0.1),
]


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet"])
def test_what_was_written_is_read_without_failures(tmp_path, name):
    path = tmp_path / f"x.{name}"
    with open_file(name, path, Context()) as writer:
        writer.write(ROWS)
        writer.fail("bad.wav", "not audio")
    rows = pa.concat_tables(read_detections(path)).drop_columns(["error", "note"]).to_pylist()
    assert rows == [row.as_json() for row in ROWS]


def test_further_columns_are_read_and_missing_ones_are_null(tmp_path):
    path = tmp_path / "judged.csv"
    path.write_text("path,class,probability,correct\na.wav,Gull,0.5,true\nb.wav,Gull,0.4,\n", encoding="utf-8")
    table = pa.concat_tables(read_detections(path, [pa.field("correct", pa.string())]))
    assert table["correct"].to_pylist() == ["true", None]
    assert table["start"].to_pylist() == [None, None]


def test_a_table_without_a_class_or_of_another_kind_is_refused(tmp_path):
    for name, text, words in (
        ("a.csv", "path,species\na.wav,Gull\n", "a column 'class'"),
        ("b.jsonl", "no json", "cannot be read"),
        ("c.parquet", "PAR1", "cannot be read"),
        ("d.csv", "path,class,start\na,Gull,soon\n", "cannot be read"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        with pytest.raises(TableError, match=words):
            list(read_detections(tmp_path / name))
    with pytest.raises(TableError, match="cannot be read"):
        list(read_detections(tmp_path / "absent.csv"))


def test_tables_are_found_in_folders_without_journals(tmp_path):
    for name in ("b.csv", "a.jsonl", "journal.jsonl", "x.kaleidoscope.csv", "note.txt", ".hidden.csv"):
        (tmp_path / name).touch()
    assert [path.name for path in find_tables([tmp_path])] == ["a.jsonl", "b.csv"]
    with pytest.raises(InputError, match=r"suffix '\.txt'"):
        find_tables([tmp_path / "note.txt"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no table of detections"):
        find_tables([tmp_path / "empty"])


def test_columns_of_other_programs_are_known_by_their_names(tmp_path):
    (tmp_path / "a.csv").write_text("file,start,label,score\na.wav,1,owl,0.5\n")
    (row,) = pa.concat_tables(read_detections(tmp_path / "a.csv")).to_pylist()
    assert (row["path"], row["class"], row["probability"]) == ("a.wav", "owl", 0.5)
    assert list_columns(tmp_path / "a.csv") == ["file", "start", "label", "score"]
    (tmp_path / "a.jsonl").write_text('{"path": "a.wav", "class": "owl"}\n')
    assert list_columns(tmp_path / "a.jsonl") == ["path", "class"]
    pq.write_table(pa.table({"path": ["a"], "class": ["b"]}), tmp_path / "a.parquet")
    assert list_columns(tmp_path / "a.parquet") == ["path", "class"]
    (tmp_path / "b.parquet").write_bytes(b"no table")
    with pytest.raises(TableError, match="cannot be read"):
        list_columns(tmp_path / "b.parquet")


def test_absent_tables_and_those_of_spreadsheets_are_named(tmp_path):
    with pytest.raises(InputError, match="nope: no such file or folder, wanted a table of detections"):
        find_tables([tmp_path / "nope"])
    (tmp_path / "d.csv").write_text("path;class\na.wav;dog\n")
    for read in (list_columns, lambda path: list(read_detections(path))):
        with pytest.raises(TableError, match="cells separated by semicolons"):
            read(tmp_path / "d.csv")
