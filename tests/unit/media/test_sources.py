from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.config import CollectConfig
from hearsight.errors import InputError, TableError, UsageError
from hearsight.media.sources import MEDIA_SUFFIXES, collect_sources, list_sources
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


AUDIOSET = """\
# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=3, num_segs=3, num_unique_labels=3, num_positive_labels=3
# YTID, start_seconds, end_seconds, positive_labels
--PJHxphWEs, 30.000, 40.000, "/m/09x0r,/t/dd00088"
-0RWZT-miFs, 420.000, 430.000, "/m/03v3yw"
-1nilez17Dg, 0.000, 10.000, "/m/03v3yw"
"""


@pytest.fixture
def listed(tmp_path: Path) -> tuple[Path, Path]:
    """Give a list of three videos, and a folder with the media of two."""
    path, root = tmp_path / "train.csv", tmp_path / "media"
    path.write_text(AUDIOSET)
    root.mkdir()
    (root / "--PJHxphWEs_30.mp4").touch()
    (root / "-1nilez17Dg.webm").touch()
    return path, root


def test_a_published_list_is_found_in_the_media_folder_and_what_is_missing_is_listed(
    listed: tuple[Path, Path],
) -> None:
    path, root = listed
    found = collect_sources([path], CollectConfig(media_root=str(root)))
    assert list(found.sources) == [
        Source(str(root / "--PJHxphWEs_30.mp4")),
        Source(str(root / "-1nilez17Dg.webm"), 0.0, 10.0),
    ]
    assert found.missing.to_pylist() == [
        {
            "list": str(path),
            "line": 5,
            "id": "-0RWZT-miFs",
            "url": "https://www.youtube.com/watch?v=-0RWZT-miFs",
            "start": 420.0,
            "end": 430.0,
            "labels": "/m/03v3yw",
        }
    ]
    assert "1 listed videos" in found.describe()[0]
    provenance = found.sources.list_provenance()
    assert provenance is not None
    assert provenance["listed_start"].to_pylist() == [30.0, 0.0]
    assert provenance["labels"].to_pylist() == ["/m/09x0r,/t/dd00088", "/m/03v3yw"]


def test_a_published_list_needs_a_media_folder_with_something_in_it(listed: tuple[Path, Path], tmp_path: Path) -> None:
    path, _ = listed
    with pytest.raises(UsageError, match="--media-root FOLDER"):
        list_sources([path])
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "x.mp4").touch()
    with pytest.raises(InputError, match="none of the 3 listed videos"):
        collect_sources([path], CollectConfig(media_root=str(tmp_path / "other")))


def test_the_evaluation_list_is_refused_unless_it_is_allowed(listed: tuple[Path, Path]) -> None:
    path, root = listed
    path.write_text(AUDIOSET.replace("num_ytids=3", "num_ytids=20371"))
    with pytest.raises(TableError, match="--allow-evaluation"):
        collect_sources([path], CollectConfig(media_root=str(root)))
    allowed = collect_sources([path], CollectConfig(media_root=str(root), allow_evaluation=True))
    assert len(allowed.sources) == 2


def test_the_folder_of_moments_in_time_has_its_classes_as_provenance(tmp_path: Path) -> None:
    video = tmp_path / "training" / "clapping" / "a.mp4"
    video.parent.mkdir(parents=True)
    video.touch()
    assert collect_sources([tmp_path]).sources.list_provenance() is None
    (tmp_path / "moments_categories.txt").write_text("clapping,1\n")
    for spec in (tmp_path, tmp_path / "training"):
        provenance = collect_sources([spec]).sources.list_provenance()
        assert provenance is not None
        assert provenance.select(["format", "id", "labels"]).to_pylist() == [
            {"format": "moments", "id": "a", "labels": "clapping"}
        ]


def test_groups_are_named_before_their_source_and_merged_by_share(tmp_path: Path) -> None:
    for folder, number in (("open", 80), ("own", 80), ("a=b", 1)):
        (tmp_path / folder).mkdir()
        for index in range(number):
            (tmp_path / folder / f"{index}.mp4").touch()
    config = CollectConfig(shares={"mine": 0.2})
    found = collect_sources([tmp_path / "open", f"mine={tmp_path / 'own'}"], config)
    assert len(found.sources) == 100
    assert found.describe() == ["left out for the shares: 60 of source mine"]
    assert len(list_sources([tmp_path / "a=b"])) == 1
    with pytest.raises(UsageError, match="no source of that name"):
        collect_sources([tmp_path / "open"], config)
