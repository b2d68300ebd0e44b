from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.errors import InputError
from hearsight.media.collection.media_root import MediaRoot
from hearsight.media.lists.entry import ListEntry
from hearsight.records import Source

ID = "-0_1-x_YzA9"
ENTRY = ListEntry(ID, 1, 30.0, 40.0)


def open_root(folder: Path, *names: str) -> MediaRoot:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return MediaRoot(folder)


@pytest.mark.parametrize(
    "stem",
    [
        f"{ID}_30",
        f"{ID}_30.000",
        f"{ID}_000030",
        f"{ID}_30000",
        f"{ID}_000030000",
        f"{ID}_30_40",
        f"{ID}_30.000_40.000",
        f"{ID}_000030_000040",
        f"{ID}_30000_40000",
        f"Y{ID}_30_40",
    ],
)
def test_a_file_whose_name_repeats_the_span_is_the_excerpt(tmp_path: Path, stem: str) -> None:
    root = open_root(tmp_path, f"deep/{stem}.mp4", f"{ID}.mp4")
    assert root.find(ENTRY) == Source(str(tmp_path / f"deep/{stem}.mp4"))


@pytest.mark.parametrize("name", [f"{ID}.mp4", f"Y{ID}.webm", f"deep/{ID}.mkv"])
def test_a_file_named_after_the_id_alone_may_be_the_whole_or_the_excerpt(tmp_path: Path, name: str) -> None:
    assert open_root(tmp_path, name).find(ENTRY) == Source(str(tmp_path / name), 30.0, 40.0, may_be_excerpt=True)


def test_a_span_that_begins_with_the_video_is_the_same_in_the_whole_and_the_excerpt(tmp_path: Path) -> None:
    root = open_root(tmp_path, f"{ID}.mp4")
    assert root.find(ListEntry(ID, 1, 0.0, 10.0)) == Source(str(tmp_path / f"{ID}.mp4"), 0.0, 10.0)


@pytest.mark.parametrize(
    "name",
    [
        f"{ID}_31.mp4",
        f"{ID}_30_41.mp4",
        f"{ID}_30_40_50.mp4",
        f"{ID}_take2.mp4",
        f"{ID}x.mp4",
        f"x{ID}.mp4",
        f"{ID}.wav",
    ],
)
def test_a_file_of_another_span_or_video_is_not_taken(tmp_path: Path, name: str) -> None:
    assert open_root(tmp_path, name, "other.mp4").find(ENTRY) is None


def test_an_id_with_an_underscore_is_not_taken_for_an_id_and_a_start(tmp_path: Path) -> None:
    root = open_root(tmp_path, "abc_30.mp4")
    assert root.find(ListEntry("abc", 1)) is None
    assert root.find(ListEntry("abc_30", 1)) == Source(str(tmp_path / "abc_30.mp4"))


def test_a_start_with_a_fraction_is_found_by_its_whole_seconds_and_by_its_milliseconds(tmp_path: Path) -> None:
    entry = ListEntry(ID, 1, 90.25, 95.5)
    for name in (f"{ID}_90.mp4", f"{ID}_90250_95500.mp4"):
        folder = tmp_path / name
        assert open_root(folder, name).find(entry) == Source(str(folder / name))


def test_the_name_that_says_most_is_taken_then_the_first(tmp_path: Path) -> None:
    root = open_root(tmp_path, f"{ID}.mkv", f"{ID}.mp4", f"{ID}_30.mp4", f"{ID}_30_40.webm", f"{ID}_30_40.mp4")
    found = root.find(ENTRY)
    assert found is not None
    assert Path(found.path).name == f"{ID}_30_40.mp4"


def test_the_file_of_an_address_is_found_by_its_own_name_too(tmp_path: Path) -> None:
    entry = ListEntry("clip-0a1b2c3d", 1, other_name="clip")
    assert open_root(tmp_path, "clip.mp4").find(entry) == Source(str(tmp_path / "clip.mp4"))


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_media_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="--media-root"):
        MediaRoot(tmp_path / name)


def test_ids_of_any_length_are_told_apart(tmp_path: Path) -> None:
    ids = ["x" * 60 + str(number) for number in range(30)] + ["x" * 60, "x" * 31, "x" * 32, "x" * 33]
    root = open_root(tmp_path, *(f"{id}.mp4" for id in ids if not id.endswith("7")))
    for id in ids:
        expected = None if id.endswith("7") else Source(str(tmp_path / f"{id}.mp4"))
        assert root.find(ListEntry(id, 1)) == expected
