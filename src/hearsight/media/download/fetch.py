"""Download the videos of a list into a folder: the whole of ``hearsight fetch``."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

from hearsight.config import FetchConfig
from hearsight.console import print_message, track
from hearsight.errors import InputError, UsageError, WorkerError
from hearsight.files import lock, make_folder
from hearsight.media.download import http
from hearsight.media.download.cutting import store_span
from hearsight.media.download.failures import (
    BLOCKED,
    FAILED,
    GONE,
    BlockedDownloadError,
    DownloadError,
    GoneError,
    StopError,
)
from hearsight.media.download.ledger import DONE, Attempt, Ledger, name_span
from hearsight.media.download.pace import Pace, describe_duration
from hearsight.media.download.youtube import YouTubeDownloader, check_runtime
from hearsight.media.lists.entry import ListEntry
from hearsight.media.lists.formats import VideoList, describe_formats, recognise_list
from hearsight.media.paths import MEDIA_SUFFIXES


@runtime_checkable
class SiteDownloader(Protocol):
    """Downloads from video sites; :class:`~hearsight.media.download.youtube.YouTubeDownloader` does so by yt-dlp."""

    def download(self, url: str, folder: Path) -> list[Path]:
        """Download a video into an empty folder, and return its files; errors are :class:`DownloadError`."""
        ...


@dataclasses.dataclass(frozen=True)
class FetchSummary:
    """What has become of the entries of a list.

    Attributes
    ----------
    folder
        Where the files are.
    num_entries
        Different entries of the list.
    outcomes
        How many of them are ``done``, ``gone``, ``blocked``, ``failed``, or have no address (``no_url``).
    """

    folder: str
    num_entries: int
    outcomes: dict[str, int]

    @property
    def num_failed(self) -> int:
        """Entries that the next run tries again."""
        return self.outcomes.get(FAILED, 0)

    def describe(self) -> list[str]:
        """Return the summary as lines of text."""
        counts = ", ".join(f"{count:,} {outcome}" for outcome, count in self.outcomes.items()) or "nothing in the list"
        return [f"{self.folder}: {self.num_entries:,} entries: {counts}"]


def fetch_list(
    path: str | Path,
    out: str | Path,
    config: FetchConfig | None = None,
    *,
    site: SiteDownloader | None = None,
    pace: Pace | None = None,
) -> FetchSummary:
    """Download the videos that a list names, one after the other.

    Each becomes a file that :func:`~hearsight.media.sources.collect_sources` finds in ``media_root``: ``ID_STARTms_ENDms.mkv`` for
    a span, ``ID.*`` for a whole video. What became of each entry is in ``fetch.jsonl``. The same call continues where it stopped:
    what is done or gone is not tried again, what was blocked only if the configuration asks for it, and what failed always.

    Parameters
    ----------
    path
        A list of a known format (:data:`~hearsight.media.lists.formats.FORMATS`), such as ``missing.csv`` of a dataset.
    out
        The folder.
    config
        Rate, attempts and limits.
    site, pace
        What downloads from video sites, and the clock; by default yt-dlp, and the machine's.

    Raises
    ------
    TableError
        When the list cannot be understood; nothing has been downloaded then.
    UsageError
        When it is no list of videos, or what the sites need is not installed.
    WorkerError
        When the server wants no more requests, also after waiting; the same call continues later.
    """
    config = config or FetchConfig()
    videos = recognise_list(Path(path)) if Path(path).is_file() else None
    if videos is None:
        if not Path(path).is_file():
            raise InputError(path, "no such file", "a list of videos")
        raise UsageError(path, "no list of videos of a known shape", describe_formats())
    folder = Path(out)
    make_folder(folder)
    try:
        with lock(folder / ".fetch.lock"), Ledger(folder / "fetch.jsonl") as ledger:
            return _Fetch(videos, folder, config, ledger, site, pace or Pace(config.per_hour)).run()
    except BlockingIOError as error:
        raise UsageError(folder, "another hearsight fetch is writing here", "one at a time") from error


class _Fetch:
    def __init__(
        self,
        videos: VideoList,
        folder: Path,
        config: FetchConfig,
        ledger: Ledger,
        site: SiteDownloader | None,
        pace: Pace,
    ) -> None:
        self._videos = videos
        self._folder = folder
        self._work = folder / ".fetching"
        self._config = config
        self._ledger = ledger
        self._site = site
        self._pace = pace
        self._last_url = ""
        self._last_files: list[Path] = []

    def run(self) -> FetchSummary:
        num_left, needs_site = self._survey()
        if needs_site and self._site is None:
            self._site = YouTubeDownloader(
                min_height=self._config.min_height,
                max_height=self._config.max_height,
                max_bytes=self._config.max_bytes,
            )
            print_message(f"JavaScript runtime for YouTube: {check_runtime()}")
        if num_left:
            rate = f"{self._config.per_hour:g} an hour"
            lasting = describe_duration(num_left, self._config.per_hour)
            print_message(f"{num_left:,} videos to download; at {rate} that takes {lasting} or more")
        with track("downloading", num_left, "videos") as bar:
            for entry in itertools.islice(self._list_open(), self._config.limit):
                self._ledger.record(entry, self._attempt(entry))
                bar.advance()
        self._forget_last()
        with contextlib.suppress(OSError):  # what an attempt that failed has left is gone on with by the next run
            self._work.rmdir()
        return self._summarise()

    def _list_open(self) -> Iterator[ListEntry]:
        """List the entries that are to be downloaded, in the order of the list; one that is there twice is not open any more."""
        closed = {DONE, GONE} | (set() if self._config.retry_blocked else {BLOCKED})
        tried: set[str] = set()
        for entry in self._videos.read():
            outcome = self._ledger.find(entry)
            again = outcome in (FAILED, BLOCKED)
            name = name_span(entry)
            if not entry.url or outcome in closed or (again and name in tried):
                continue
            if again:
                tried.add(name)
            yield entry

    def _survey(self) -> tuple[int, bool]:
        """Count the entries that are to be downloaded, and find out whether one of them is on a video site."""
        count, needs_site = 0, False
        for entry in self._list_open():
            count += 1
            needs_site = needs_site or not _is_direct(entry.url)
            if self._config.limit is not None and count >= self._config.limit:
                break
        return count, needs_site

    def _attempt(self, entry: ListEntry) -> Attempt:
        """Download an entry, with as many attempts as are configured."""
        last = Attempt(FAILED)
        for attempt in range(self._config.attempts):
            if attempt:
                self._pace.sleep(self._config.wait * 2.0 ** (attempt - 1))
            try:
                return Attempt(DONE, file=self._download_patiently(entry).name)
            except (GoneError, BlockedDownloadError) as error:
                return Attempt(error.outcome, str(error))
            except DownloadError as error:
                last = Attempt(FAILED, str(error))
        return last

    def _download_patiently(self, entry: ListEntry) -> Path:
        """Download an entry; where the server wants no more requests, wait longer and longer.

        Raises
        ------
        WorkerError
            When it still wants none after the last wait.
        """
        waits = iter(self._config.stop_waits)
        while True:
            try:
                return self._store(entry)
            except StopError as error:
                wait = next(waits, None)
                if wait is None:
                    raise WorkerError(
                        entry.url,
                        f"the server wants no more requests ({error})",
                        "an answer",
                        "run the same command again in some hours; a lower --per-hour avoids it",
                    ) from error
                print_message(f"{entry.url}: the server wants no more requests ({error}); waiting for {wait:g} s")
                self._pace.sleep(wait)

    def _store(self, entry: ListEntry) -> Path:
        """Store the span of an entry. Spans of one video that follow each other in the list need one download."""
        if self._last_url != entry.url or not all(path.exists() for path in self._last_files):
            self._forget_last()
            self._pace.wait_for_turn()
            self._last_files = self._download(entry.url, self._work / entry.id)
            self._last_url = entry.url
        try:
            return store_span(self._last_files, self._folder, (name_span(entry), entry.id), entry.start, entry.end)
        except DownloadError:
            self._forget_last()
            raise

    def _download(self, url: str, work: Path) -> list[Path]:
        if _is_direct(url):
            work.mkdir(parents=True, exist_ok=True)
            path = work / f"media{_find_suffix(url)}"
            most, longest = self._config.max_bytes, self._config.max_seconds
            # what an interrupted attempt has left of the file is gone on with
            http.download(url, path, max_bytes=most, max_seconds=longest, clock=self._pace.clock)
            return [path]
        if self._site is None:
            raise DownloadError(f"{url} is no address of a file, and there is no downloader of sites")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        return self._site.download(url, work)

    def _forget_last(self) -> None:
        """Remove the video that was downloaded last."""
        for path in self._last_files:
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                path.parent.rmdir()
        self._last_files, self._last_url = [], ""

    def _summarise(self) -> FetchSummary:
        counts: Counter[str] = Counter()
        seen: set[bytes] = set()
        for entry in self._videos.read():
            name = name_span(entry).encode("utf-8", "backslashreplace")
            if name not in seen:
                seen.add(name)
                counts[(self._ledger.find(entry) or "open") if entry.url else "no_url"] += 1
        order = (DONE, GONE, BLOCKED, FAILED, "open", "no_url")
        return FetchSummary(str(self._folder), len(seen), {name: counts[name] for name in order if counts[name]})


def _is_direct(url: str) -> bool:
    """Whether an address is that of a file, by the suffix of its path."""
    return _find_suffix(url) in MEDIA_SUFFIXES


def _find_suffix(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).suffix.lower()
