from __future__ import annotations

import pytest

from hearsight.errors import TableError
from hearsight.search.metadata import parse_times, read_metadata


def write(tmp_path, text: str):
    path = tmp_path / "table.csv"
    path.write_text(text)
    return path


def test_a_recording_is_found_by_its_path_or_by_its_name(tmp_path):
    table = read_metadata(write(tmp_path, "site,file\nnorth,night/a.wav\nsouth,b.wav\neast,x/c.wav\nwest,y/c.wav\n"))
    sources = ["night/a.wav", "other/a.wav", "night/b.wav", "z/c.wav", "y/c.wav", "d.wav"]
    assert table.find(sources).tolist() == [0, 0, 1, -1, 3, -1]
    assert table.align(sources)["site"].to_pylist() == ["north", "north", "south", None, "west", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,site\na,b\n", "columns name, site, wanted a column file or path or source"),
        ("file,start\na,b\n", "a column 'start', wanted another name"),
        ("file,Tags\na,b\n", "a column 'Tags', wanted another name"),
        ("file,site,site\na,b,c\n", "a different name for each"),
        ("file,\na,b\n", "a different name for each"),
        ("file,site\na,b\na,c\n", "two rows for a, wanted one per file"),
        ("file,site\na,b,c\n", "cannot be read"),
        ("", "cannot be read"),
        ("file," + ",".join(f"c{n}" for n in range(201)) + "\n", "201 columns"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(tmp_path, text, message):
    with pytest.raises(TableError, match=message):
        read_metadata(write(tmp_path, text))


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(TableError, match="No such file"):
        read_metadata(tmp_path / "absent.csv")
    with pytest.raises(TableError, match="not a regular file"):
        read_metadata(tmp_path)


def test_times_are_read_from_names():
    assert [str(time) for time in parse_times(["a/20240517_043000.wav", "b.wav"]).to_pylist()] == [
        "2024-05-17 04:30:00",
        "None",
    ]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"file;site\na.wav;north\n", "cells separated by semicolons"),
        ("file,site\na.wav,north\n".encode("utf-16"), "text in UTF-16"),
    ],
)
def test_what_a_spreadsheet_writes_is_named(content, fault, tmp_path):
    (tmp_path / "sites.csv").write_bytes(content)
    with pytest.raises(TableError, match=f"{fault}, wanted a CSV table in UTF-8, separated by commas"):
        read_metadata(tmp_path / "sites.csv")
