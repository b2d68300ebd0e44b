from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.errors import InputError, TableError
from hearsight.media.sources import MEDIA_SUFFIXES, list_sources
from hearsight.records import Source


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "b.mp4",
        "a.MKV",
        "deep/er/c.webm",
        "deep/d.3gp",
        "deep/notes.txt",
        "e.wav",
        ".hidden.mp4",
        ".git/f.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def names(sources: list[Source], folder: Path) -> list[str]:
    return [str(Path(source.path).relative_to(folder)) for source in sources]


def test_a_folder_gives_its_videos_at_any_depth_but_nothing_else(tree: Path) -> None:
    assert names(list_sources([tree]), tree) == ["a.MKV", "b.mp4", "deep/d.3gp", "deep/er/c.webm"]


def test_a_named_file_is_taken_whatever_its_suffix(tree: Path) -> None:
    assert names(list_sources([tree / "deep/notes.txt", tree / ".hidden.mp4"]), tree) == [
        ".hidden.mp4",
        "deep/notes.txt",
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.mp4", ["b.mp4"]),
        ("**/*.webm", ["deep/er/c.webm"]),
        ("deep/*.txt", ["deep/notes.txt"]),
        ("**", ["a.MKV", "b.mp4", "deep/d.3gp", "deep/er/c.webm"]),
        ("de*", ["deep/d.3gp", "deep/er/c.webm"]),
        ("[ab].*", ["a.MKV", "b.mp4"]),
    ],
)
def test_a_glob_gives_what_it_matches(tree: Path, pattern: str, found: list[str]) -> None:
    assert names(list_sources([str(tree / pattern)]), tree) == found


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "[1].mp4").touch()
    assert names(list_sources([tmp_path / "[1].mp4"]), tmp_path) == ["[1].mp4"]


def test_what_is_named_twice_is_one_source_and_all_are_sorted(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tree)
    sources = list_sources(["deep", tree, "b.mp4", "./b.mp4", "deep/../b.mp4", "*.mp4"])
    assert names(sources, tree) == ["a.MKV", "b.mp4", "deep/d.3gp", "deep/er/c.webm"]


def test_links_that_go_round_in_circles_do_not_catch_us(tree: Path) -> None:
    (tree / "deep/er/loop").symlink_to(tree)
    (tree / "linked.mp4").symlink_to(tree / "b.mp4")
    (tree / "dangling.mp4").symlink_to(tree / "nowhere")
    assert names(list_sources([tree]), tree) == [
        "a.MKV",
        "b.mp4",
        "dangling.mp4",
        "deep/d.3gp",
        "deep/er/c.webm",
        "linked.mp4",
    ]


def test_a_csv_list_has_paths_relative_to_itself_and_spans(tree: Path) -> None:
    (tree / "deep/list.csv").write_text(
        "\ufeffpath,start,end,comment\nd.3gp,,,whole\nd.3gp,1.5,4,a part\n../b.mp4, 2 ,,\n"
        f"{tree}/a.MKV,,3,\nd.3gp,1.5,4,again\n"
    )
    assert list_sources([tree / "deep/list.csv"]) == [
        Source(str(tree / "a.MKV"), 0.0, 3.0),
        Source(str(tree / "b.mp4"), 2.0, None),
        Source(str(tree / "deep/d.3gp"), 0.0, None),
        Source(str(tree / "deep/d.3gp"), 1.5, 4.0),
    ]


def test_a_parquet_list_and_a_tab_separated_one_are_read_too(tree: Path) -> None:
    pq.write_table(pa.table({"path": ["b.mp4", "a.MKV"], "start": [None, 1.0], "end": [2.5, None]}), tree / "l.parquet")
    assert list_sources([tree / "l.parquet"]) == [
        Source(str(tree / "a.MKV"), 1.0),
        Source(str(tree / "b.mp4"), 0.0, 2.5),
    ]
    pq.write_table(pa.table({"path": ["b.mp4"], "end": [float("nan")]}), tree / "m.parquet")
    assert list_sources([tree / "m.parquet"]) == [Source(str(tree / "b.mp4"))]
    (tree / "l.tsv").write_text("path\tend\nb.mp4\t7\n")
    assert list_sources([tree / "l.tsv"]) == [Source(str(tree / "b.mp4"), 0.0, 7.0)]


def test_a_listed_file_that_is_not_there_is_still_a_source(tree: Path) -> None:
    (tree / "list.csv").write_text("path\nabsent.mp4\n")
    assert names(list_sources([tree / "list.csv"]), tree) == ["absent.mp4"]


@pytest.mark.parametrize(
    ("content", "where", "found"),
    [
        ("path,start,end\na.mp4,1,2\nb.mp4,x,\n", "row 3", "start is 'x'"),
        ("path,start,end\na.mp4,-1,\n", "row 2", "start is '-1'"),
        ("path,start,end\na.mp4,nan,\n", "row 2", "start is 'nan'"),
        ("path,start,end\na.mp4,5,5\n", "row 2", "from 5 to 5 s"),
        ("path,start\n ,1\n", "row 2", "path is"),
        ("path\na,b.mp4\n", "row 2", "more fields than columns"),
        ("file,start\na.mp4,1\n", "list.csv", "columns file, start"),
        ("", "list.csv", "columns none"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, content: str, where: str, found: str) -> None:
    (tmp_path / "list.csv").write_text(content)
    with pytest.raises(TableError) as caught:
        list_sources([tmp_path / "list.csv"])
    assert where in caught.value.where
    assert found in caught.value.found


def test_lists_that_are_none_are_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no parquet")
    (tmp_path / "b.csv").write_bytes(b"path\n\xff\xfe.mp4\n")
    pq.write_table(pa.table({"path": [1, 2]}), tmp_path / "c.parquet")
    for name in ("a.parquet", "b.csv", "c.parquet"):
        with pytest.raises(TableError) as caught:
            list_sources([tmp_path / name])
        assert name in caught.value.where


def test_an_empty_folder_an_empty_list_and_no_source_are_errors_with_a_way_out(tree: Path) -> None:
    (tree / "empty").mkdir()
    (tree / "empty.csv").write_text("path\n")
    for specs in ([tree / "empty"], [tree, tree / "empty"], [tree / "empty.csv"], [tree / "*.xyz"], []):
        with pytest.raises(InputError, match="no video found") as caught:
            list_sources(specs)
        assert ".mp4" in caught.value.hint


def test_a_name_that_is_nearly_right_is_guessed(tree: Path) -> None:
    (tree / "holiday.mp4").touch()
    with pytest.raises(InputError, match=r"did you mean 'holiday\.mp4'"):
        list_sources([tree / "holidays.mp4"])
    with pytest.raises(InputError, match="does not exist either"):
        list_sources([tree / "nowhere" / "a.mp4"])


def test_the_usual_suffixes_are_known() -> None:
    assert {
        ".mp4",
        ".webm",
        ".mkv",
        ".avi",
        ".mov",
        ".flv",
        ".wmv",
        ".mpg",
        ".ogv",
        ".3gp",
        ".ts",
        ".m4v",
    } <= MEDIA_SUFFIXES
    assert not {".mp3", ".wav", ".txt", ".jpg", ".csv", ".m3u8"} & MEDIA_SUFFIXES


def test_what_macos_adds_to_archives_is_passed_over(tmp_path: Path) -> None:
    for name in ("videos/a.mp4", "__MACOSX/videos/._a.mp4", "videos/__MACOSX/b.mp4"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    want = [Source(str(tmp_path / "videos" / "a.mp4"))]
    assert list_sources([tmp_path]) == want
    assert list_sources([tmp_path / "**" / "*.mp4"]) == want


def test_blanks_after_commas_belong_to_no_field(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path, start, end\na.mp4, 1.5, 4\n b c.mp4 ,, \n")
    assert list_sources([tmp_path / "list.csv"]) == [
        Source(str(tmp_path / "a.mp4"), 1.5, 4.0),
        Source(str(tmp_path / "b c.mp4")),
    ]
