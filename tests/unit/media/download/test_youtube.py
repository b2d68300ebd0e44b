from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hearsight.errors import UsageError
from hearsight.media.download.failures import BlockedDownloadError, DownloadError
from hearsight.media.download.youtube import YouTubeDownloader, check_runtime


class FakeModule:
    """What stands for the package yt_dlp: writes files, or raises its error."""

    class utils:  # noqa: N801
        class YoutubeDLError(Exception):
            pass

    def __init__(self, files: dict[str, bytes] | None = None, error: str = "") -> None:
        self.files, self.error = files or {}, error
        self.options: dict[str, Any] = {}
        self.asked: list[str] = []

    def YoutubeDL(self, options: dict[str, Any]) -> FakeModule:  # noqa: N802
        self.options = options
        return self

    def __enter__(self) -> FakeModule:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def extract_info(self, url: str, download: bool) -> None:
        self.asked.append(url)
        if self.error:
            raise self.utils.YoutubeDLError(self.error)
        folder = Path(self.options["outtmpl"]["default"].replace("%%", "%")).parent
        for name, content in self.files.items():
            (folder / name).write_bytes(content)


def test_the_files_of_a_video_come_back_without_leftovers(tmp_path: Path) -> None:
    fake = FakeModule({"160.mp4": b"v", "251.webm": b"a", "18.mp4.part": b"x"})
    found = YouTubeDownloader(module=fake).download("https://www.youtube.com/watch?v=x", tmp_path)
    assert [path.name for path in found] == ["160.mp4", "251.webm"]


def test_nothing_of_the_address_is_in_the_options_and_no_command_is_run(tmp_path: Path) -> None:
    fake = FakeModule({"18.mp4": b"v"})
    folder = tmp_path / "100%(title)s"
    folder.mkdir()
    YouTubeDownloader(module=fake).download("https://www.youtube.com/watch?v=%(exec)s;rm", folder)
    assert "exec" not in str(fake.options)
    assert fake.options["outtmpl"] == {"default": f"{str(folder).replace('%', '%%')}/%(format_id)s.%(ext)s"}
    assert fake.options["postprocessors"] == []
    assert "-generic" in fake.options["allowed_extractors"]
    assert not {"cookiefile", "cookiesfrombrowser", "external_downloader"} & set(fake.options)


def test_an_error_of_yt_dlp_is_one_of_ours_without_its_colours(tmp_path: Path) -> None:
    fake = FakeModule(error="\x1b[0;31mERROR:\x1b[0m [youtube] x: Private video. Sign in")
    with pytest.raises(BlockedDownloadError, match=r"^\[youtube\] x: Private video"):
        YouTubeDownloader(module=fake).download("https://youtu.be/x", tmp_path)


def test_a_session_that_writes_nothing_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="wrote no file"):
        YouTubeDownloader(module=FakeModule()).download("https://youtu.be/x", tmp_path)


@pytest.mark.parametrize(
    ("program", "shown", "found"),
    [
        ("node", "v22.3.0", "node 22.3.0"),
        ("deno", "deno 2.5.1 (stable, release, x86_64-unknown-linux-gnu)", "deno 2.5.1"),
        ("node", "v20.20.2", ""),
        ("deno", "no version", ""),
        ("", "", ""),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="programs are shell scripts here")
def test_the_runtime_that_youtube_needs_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, shown: str, found: str
) -> None:
    if program:
        (tmp_path / program).write_text(f"#!/bin/sh\necho '{shown}'\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    if found:
        assert check_runtime() == found
    else:
        with pytest.raises(UsageError, match=r"deno 2\.3 or node 22\.0 or bun 1\.2 or later"):
            check_runtime()
