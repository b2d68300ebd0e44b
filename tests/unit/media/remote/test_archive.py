from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from hearsight.errors import MediaError
from hearsight.media.remote.archive import list_members, name_member, split_member
from hearsight.media.remote.local_copy import copy_to_local, observe_source

HOSTILE = ["/etc/evil.mp4", "../../evil.mp4", "a/../../evil.mp4", "plain.mp4", "deep/er/b.webm"]


def pack(path: Path, members: dict[str, bytes], mode: str = "w:") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def test_the_videos_of_an_archive_are_sources_and_nothing_else_in_it_is(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a.mp4": b"a", "a.json": b"{}", ".hidden.mp4": b"h", "b/c.MKV": b"c"})
    with tarfile.open(path, "a:") as tar:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            info = tarfile.TarInfo(f"link{ord(kind)}.mp4")
            info.type, info.linkname = kind, "/etc/passwd"
            tar.addfile(info)
    assert list(list_members(str(path))) == [f"tar://a.mp4::{path}", f"tar://b/c.MKV::{path}"]


def test_a_member_is_copied_to_a_name_of_our_own_whatever_it_is_called(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {name: name.encode() for name in HOSTILE})
    work = tmp_path / "work"
    for source in list_members(str(path)):
        with copy_to_local(source, work) as copy:
            assert work in copy.parents
            assert copy.name in ("media.mp4", "media.webm")
            split = split_member(source)
            assert split is not None
            assert copy.read_bytes() == split[1].encode()
    assert not any(work.iterdir())
    assert not list(tmp_path.rglob("evil*"))


def test_of_a_name_that_is_there_twice_the_last_one_counts(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w:") as tar:
        for content in (b"old", b"new"):
            info = tarfile.TarInfo("a.mp4")
            info.size = 3
            tar.addfile(info, io.BytesIO(content))
    (source,) = list_members(str(path))
    with copy_to_local(source, tmp_path) as copy:
        assert copy.read_bytes() == b"new"


@pytest.mark.parametrize("keep", [700, 1200, 1536, 1600])
def test_what_is_lost_of_an_archive_that_was_cut_short_is_a_rejection(tmp_path: Path, keep: int) -> None:
    path = pack(tmp_path / "a.tar", {"a.mp4": b"a" * 600, "b.mp4": b"b" * 600})
    path.write_bytes(path.read_bytes()[:keep])
    sources = list(list_members(str(path)))
    assert sources
    with pytest.raises(MediaError) as caught, copy_to_local(sources[-1], tmp_path / "work"):
        pass
    assert caught.value.reason == "unreadable"


def test_a_compressed_archive_is_a_rejection_with_a_hint(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a.mp4": b"a"}, "w:gz")
    (source,) = list_members(str(path))
    with pytest.raises(MediaError, match="a compressed archive"), copy_to_local(source, tmp_path):
        pass


def test_a_member_of_a_changed_archive_is_found_at_its_new_place(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.tar", {"a.mp4": b"first"})
    source = name_member(str(path), "a.mp4")
    before = observe_source(source)
    pack(path, {"0.mp4": b"0" * 2000, "a.mp4": b"second"})
    assert observe_source(source) != before
    with copy_to_local(source, tmp_path) as copy:
        assert copy.read_bytes() == b"second"
    pack(path, {"0.mp4": b"0" * 3000})
    assert observe_source(source) is None
    with pytest.raises(MediaError, match="no such member"), copy_to_local(source, tmp_path):
        pass
