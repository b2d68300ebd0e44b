from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from hearsight.errors import InputError, MediaError
from hearsight.media.info import read_media
from hearsight.media.remote import local_copy
from hearsight.media.remote.local_copy import copy_to_local, observe_source
from hearsight.media.sources import list_sources
from hearsight.records import Source
from tests.support.videos import write_clip


@pytest.fixture
def store() -> Iterator[Any]:
    """Give an empty store in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def test_the_videos_at_an_address_are_sources_in_order(store: Any) -> None:
    for name in ("b.mp4", "a.webm", "deep/c.mkv", "notes.txt"):
        store.pipe(f"/v/{name}", b"x")
    names = [source.path for source in list_sources(["memory://v"])]
    assert names == ["memory:///v/a.webm", "memory:///v/b.mp4", "memory:///v/deep/c.mkv"]
    assert [source.path for source in list_sources(["memory://v/*.mp4"])] == ["memory:///v/b.mp4"]
    assert [source.path for source in list_sources(["memory://v/notes.txt"])] == ["memory://v/notes.txt"]


def test_an_archive_at_an_address_stands_for_its_videos(store: Any) -> None:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:") as tar:
        info = tarfile.TarInfo("a.mp4")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"bytes"))
    store.pipe("/v/x.tar", content.getvalue())
    (source,) = list_sources(["memory://v"])
    assert source.path == "tar://a.mp4::memory:///v/x.tar"


def test_the_same_bytes_are_the_same_media_wherever_they_lie(store: Any, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", 1.0)
    store.pipe("/v/a.mp4", path.read_bytes())
    with tarfile.open(tmp_path / "a.tar", "w:") as tar:
        tar.add(path, "other.mp4")
    expected = read_media(Source(str(path)))
    for name in ("memory://v/a.mp4", f"tar://other.mp4::{tmp_path / 'a.tar'}"):
        with copy_to_local(name, tmp_path / "work") as copy:
            media = read_media(Source(name), copy)
        assert (media.uuid, media.size_bytes, media.duration) == (
            expected.uuid,
            expected.size_bytes,
            expected.duration,
        )
        assert (media.path, media.readable_path) == (name, str(copy))


def test_an_object_that_changes_or_goes_is_noticed(store: Any, tmp_path: Path) -> None:
    store.pipe("/v/a.mp4", b"x")
    before = observe_source("memory://v/a.mp4")
    store.pipe("/v/a.mp4", b"xy")
    assert before is not None
    assert observe_source("memory://v/a.mp4") != before
    store.rm("/v/a.mp4")
    assert observe_source("memory://v/a.mp4") is None
    with pytest.raises(MediaError, match="no such object"), copy_to_local("memory://v/a.mp4", tmp_path):
        pass


def test_an_object_that_is_too_large_is_rejected_before_it_is_copied(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.pipe("/v/a.mp4", b"x" * 100)
    monkeypatch.setattr(local_copy, "MAX_COPY_BYTES", 99)
    with pytest.raises(MediaError, match="100 bytes, wanted at most 99"), copy_to_local("memory://v/a.mp4", tmp_path):
        pass


@pytest.mark.parametrize("address", ["memory://nothing", "memory://nothing/*.mp4", "gopher2://x/y.mp4"])
def test_an_address_with_nothing_at_it_is_an_input_error(store: Any, address: str) -> None:
    with pytest.raises(InputError):
        list_sources([address])
