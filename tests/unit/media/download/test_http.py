from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsight.media.download.failures import (
    BlockedDownloadError,
    DownloadError,
    GoneError,
    StopError,
    classify_message,
)
from hearsight.media.download.http import download
from tests.support.web import Page, Web, serve

CONTENT = bytes(range(256)) * 1000


@pytest.fixture(scope="module")
def web() -> Iterator[Web]:
    with serve() as server:
        yield server


def get(web: Web, path: Path, name: str = "/a.mp4", *, max_bytes: int = 10**9, max_seconds: float = 1e9) -> bytes:
    download(web.address + name, path, max_bytes=max_bytes, max_seconds=max_seconds)
    return path.read_bytes()


def test_a_lost_connection_is_gone_on_with_where_it_was(web: Web, tmp_path: Path) -> None:
    web.pages["/a.mp4"] = Page(CONTENT, drop_after=100_000)
    with pytest.raises(DownloadError, match="100,000 of 256,000 bytes"):
        get(web, tmp_path / "a")
    assert get(web, tmp_path / "a") == CONTENT
    assert web.requests[-1] == ("/a.mp4", "bytes=100000-")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_file_that_has_changed_meanwhile_begins_anew(web: Web, tmp_path: Path) -> None:
    web.pages["/a.mp4"] = Page(CONTENT, drop_after=100_000)
    with pytest.raises(DownloadError):
        get(web, tmp_path / "a")
    web.pages["/a.mp4"] = Page(CONTENT[::-1], tag='"version-2"')
    assert get(web, tmp_path / "a") == CONTENT[::-1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (404, GoneError),
        (410, GoneError),
        (401, BlockedDownloadError),
        (403, BlockedDownloadError),
        (451, BlockedDownloadError),
        (429, StopError),
        (500, DownloadError),
        (503, DownloadError),
    ],
)
def test_a_status_says_whether_there_is_any_hope(
    web: Web, tmp_path: Path, status: int, kind: type[DownloadError]
) -> None:
    web.pages["/a.mp4"] = Page(status=status)
    with pytest.raises(DownloadError, match=str(status)) as caught:
        get(web, tmp_path / "a")
    assert type(caught.value) is kind


def test_a_file_that_is_too_large_is_refused_by_what_it_announces(web: Web, tmp_path: Path) -> None:
    web.pages["/a.mp4"] = Page(CONTENT)
    with pytest.raises(DownloadError, match="256,000 bytes, more than the 1,000"):
        get(web, tmp_path / "a", max_bytes=1000)
    assert not (tmp_path / "a").exists()


def test_a_server_that_sends_a_little_at_a_time_runs_out_of_time(web: Web, tmp_path: Path) -> None:
    web.pages["/a.mp4"] = Page(CONTENT, chunk=1000)
    minutes = itertools.count(0.0, 60.0)
    with pytest.raises(DownloadError, match="not finished in time"):
        download(web.address + "/a.mp4", tmp_path / "a", max_bytes=10**9, max_seconds=30.0, clock=lambda: next(minutes))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/a.mp4"])
def test_a_redirection_to_something_else_than_the_web_is_not_followed(web: Web, tmp_path: Path, location: str) -> None:
    web.pages["/a.mp4"] = Page(location=location)
    with pytest.raises(DownloadError, match=r"redirect|HTTP status 302"):
        get(web, tmp_path / "a")


def test_a_redirection_within_the_web_is_followed(web: Web, tmp_path: Path) -> None:
    web.pages["/a.mp4"] = Page(location=f"{web.address}/b.mp4")
    web.pages["/b.mp4"] = Page(CONTENT)
    assert get(web, tmp_path / "a") == CONTENT


def test_a_server_that_is_not_there_may_be_there_later(tmp_path: Path) -> None:
    with serve() as gone:
        address = gone.address
    with pytest.raises(DownloadError) as caught:
        download(f"{address}/a.mp4", tmp_path / "a", max_bytes=1, max_seconds=1.0)
    assert type(caught.value) is DownloadError


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("[youtube] x: Video unavailable", GoneError),
        ("[youtube] x: Video unavailable. This video has been removed by the uploader", GoneError),
        ("[youtube] x: This video is no longer available because the account has been terminated.", GoneError),
        ("[youtube] x: Private video. Sign in if you've been granted access", BlockedDownloadError),
        ("[youtube] x: Sign in to confirm your age. This video may be inappropriate", BlockedDownloadError),
        ("[youtube] x: The uploader has not made this video available in your country", BlockedDownloadError),
        ("[youtube] x: Video unavailable. This video is not available in your country", BlockedDownloadError),
        ("[youtube] x: Join this channel to get access to members-only content", BlockedDownloadError),
        ("[youtube] x: Sign in to confirm you\u2019re not a bot. Use --cookies", StopError),
        ("[youtube] x: Unable to download API page: HTTP Error 429: Too Many Requests", StopError),
        ("[youtube] x: This content isn't available, try again later. Your account has been rate-limited", StopError),
        ("[youtube] x: Unable to download webpage: timed out", DownloadError),
        ("[youtube] x: Requested format is not available. Use --list-formats", DownloadError),
    ],
)
def test_a_message_of_yt_dlp_says_whether_there_is_any_hope(message: str, kind: type[DownloadError]) -> None:
    assert type(classify_message(message)) is kind
