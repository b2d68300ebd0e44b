"""Videos of sites that yt-dlp knows: the only file that imports it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hearsight.errors import UsageError
from hearsight.extras import require
from hearsight.media.download.failures import DownloadError, classify_message

_RUNTIMES = {"deno": (2, 3), "node": (22, 0), "bun": (1, 2)}
"""JavaScript runtimes that yt-dlp runs YouTube's code in, and the oldest versions that it accepts."""

FORMAT = "w[height>={low}][height<={high}]/((wv*[height>={low}][height<={high}]/wv*),(wa[abr>=96]/ba))/w"
"""The smallest format with pictures of enough lines and sound; else pictures and sound apart; else what there is."""


class YouTubeDownloader:
    """Download through yt-dlp: native downloads of whole formats, without post-processing and without cookies.

    Parameters
    ----------
    min_height, max_height
        Lines of the pictures that are sufficient, and the most that are wanted.
    max_bytes
        The largest file that is accepted.
    module
        The package ``yt_dlp``, or what stands for it in a test.

    Raises
    ------
    MissingExtraError
        When yt-dlp is not installed.
    """

    def __init__(
        self, *, min_height: int = 144, max_height: int = 480, max_bytes: int = 2**31, module: Any = None
    ) -> None:
        self._module = module or require("yt_dlp", "fetch", "downloading from YouTube and other video sites")
        self._format = FORMAT.format(low=min_height, high=max_height)
        self._max_bytes = max_bytes

    def download(self, url: str, folder: Path) -> list[Path]:
        """Download a video into an empty folder.

        Returns
        -------
        list[Path]
            One file with pictures and sound, or one with pictures and one with sound.

        Raises
        ------
        DownloadError
            Or one of its kinds, by what yt-dlp reports.
        """
        reported = _Reports()
        try:
            with self._module.YoutubeDL(self.make_options(folder, reported)) as session:
                session.extract_info(url, download=True)
        except self._module.utils.YoutubeDLError as error:
            raise classify_message(_shorten(str(error))) from error
        except OSError as error:
            raise DownloadError(f"{type(error).__name__}: {error}") from error
        found = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix not in (".part", ".ytdl"))
        if not found:
            raise classify_message(_shorten("; ".join(reported.lines) or "yt-dlp wrote no file"))
        return found

    def make_options(self, folder: Path, reports: Any) -> dict[str, Any]:
        """Return the options of a session. None of them holds text of a list; the names of files are the formats' own."""
        place = str(folder).replace("%", "%%")
        return {
            "format": self._format,
            "outtmpl": {"default": f"{place}/%(format_id)s.%(ext)s"},
            "restrictfilenames": True,
            "windowsfilenames": True,
            "noplaylist": True,
            "playlist_items": "1",
            "allowed_extractors": ["default", "-generic"],
            "enable_file_urls": False,
            "postprocessors": [],
            "writesubtitles": False,
            "writethumbnail": False,
            "cachedir": False,
            "js_runtimes": {name: {} for name in _RUNTIMES},
            "socket_timeout": 30,
            "retries": 2,
            "fragment_retries": 2,
            "max_filesize": self._max_bytes,
            "overwrites": True,
            "updatetime": False,
            "quiet": True,
            "noprogress": True,
            "logger": reports,
        }


class _Reports:
    """Collect what yt-dlp reports instead of letting it print."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def debug(self, message: str) -> None:
        """Pass over a detail."""

    def warning(self, message: str) -> None:
        """Keep a warning."""
        self.lines.append(message)

    def error(self, message: str) -> None:
        """Keep an error."""
        self.lines.append(message)


def check_runtime() -> str:
    """Return name and version of the JavaScript runtime that YouTube needs.

    Raises
    ------
    UsageError
        When none of a sufficient version is installed.
    """
    found: list[str] = []
    for name, oldest in _RUNTIMES.items():
        version = _read_version(name)
        if version and version >= oldest:
            return f"{name} {'.'.join(map(str, version))}"
        if version:
            found.append(f"{name} {'.'.join(map(str, version))}")
    wanted = " or ".join(f"{name} {'.'.join(map(str, oldest))}" for name, oldest in _RUNTIMES.items())
    raise UsageError(
        "downloading from YouTube",
        f"{', '.join(found)} alone" if found else "no JavaScript runtime",
        f"{wanted} or later",
        "yt-dlp runs YouTube's code in it; install deno from https://deno.com",
    )


def _read_version(name: str) -> tuple[int, ...]:
    program = shutil.which(name)
    if program is None:
        return ()
    try:
        shown = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", shown)
    return tuple(int(part) for part in match.groups() if part is not None) if match else ()


def _shorten(message: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", message).removeprefix("ERROR: ")
    return " ".join(plain.split())[:500]
