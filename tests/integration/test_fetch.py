"""Downloading the videos of lists from a server that misbehaves."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsight.config import CollectConfig, FetchConfig
from hearsight.errors import InputError, TableError, UsageError, WorkerError
from hearsight.media.download.failures import BlockedDownloadError, DownloadError, StopError
from hearsight.media.download.fetch import fetch_list
from hearsight.media.download.pace import Pace, describe_duration
from hearsight.media.info import read_media
from hearsight.media.sources import collect_sources
from hearsight.records import Source
from tests.support.processes import run_command
from tests.support.videos import write_clip
from tests.support.web import Page, Web, serve


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def pace(self, per_hour: float) -> Pace:
        return Pace(per_hour, lambda: self.now, self.sleep)


class Site:
    """A video site whose videos are files of this machine, or errors."""

    def __init__(self, **videos: Path | list[Path] | DownloadError) -> None:
        self.videos = videos
        self.asked: list[str] = []

    def download(self, url: str, folder: Path) -> list[Path]:
        id = url.partition("v=")[2]
        self.asked.append(id)
        video = self.videos[id.replace("-", "_")]
        if isinstance(video, DownloadError):
            raise video
        sources = video if isinstance(video, list) else [video]
        return [Path(shutil.copy(path, folder / f"{number}{path.suffix}")) for number, path in enumerate(sources)]


FAST = FetchConfig(per_hour=100_000, wait=0.0, stop_waits=(60.0, 600.0))


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("video") / "a.mp4", 8.0, seed=1)


@pytest.fixture
def web(video: Path) -> Iterator[Web]:
    with serve() as server:
        server.pages["/good.mp4"] = Page(video.read_bytes())
        yield server


def write_list(folder: Path, *rows: str, head: str = "id,url,start,end") -> Path:
    path = folder / "list.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def outcomes(out: Path) -> dict[str, str]:
    lines = [json.loads(line) for line in (out / "fetch.jsonl").read_text().splitlines()]
    return {line["id"]: line["outcome"] for line in lines}


def test_each_kind_of_answer_has_its_outcome_and_the_good_ones_are_files(web: Web, video: Path, tmp_path: Path) -> None:
    web.pages["/drops.mp4"] = Page(video.read_bytes(), drop_after=5_000)
    web.pages["/hiccup.mp4"] = Page(video.read_bytes(), status=503, failures=2)
    web.pages["/garbage.mp4"] = Page(b"<html>log in here</html>" * 100)
    web.pages["/secret.mp4"] = Page(status=403)
    names = ("good", "drops", "hiccup", "garbage", "secret", "absent")
    path = write_list(tmp_path, *(f"{name},{web.address}/{name}.mp4,2,6" for name in names), "nowhere,,,")
    summary = fetch_list(path, tmp_path / "out", FAST, pace=Clock().pace(100_000))
    assert summary.outcomes == {"done": 3, "gone": 1, "blocked": 1, "failed": 1, "no_url": 1}
    assert outcomes(tmp_path / "out") == {
        "good": "done",
        "drops": "done",
        "hiccup": "done",
        "garbage": "failed",
        "secret": "blocked",
        "absent": "gone",
    }
    found = collect_sources([path], CollectConfig(media_root=str(tmp_path / "out")))
    assert [Path(source.path).name for source in found.sources] == [
        f"{name}_2000_6000.mkv" for name in ("drops", "good", "hiccup")
    ]
    media = read_media(found.sources[0])
    assert media.duration == pytest.approx(4.0, abs=0.1)
    assert media.audio_codec is not None
    assert media.video_codec is not None


def test_the_next_run_tries_again_only_what_has_a_chance(web: Web, video: Path, tmp_path: Path) -> None:
    web.pages["/garbage.mp4"] = Page(b"nothing" * 100)
    web.pages["/secret.mp4"] = Page(status=403)
    path = write_list(
        tmp_path, *(f"{name},{web.address}/{name}.mp4,," for name in ("good", "garbage", "secret", "absent"))
    )
    fetch_list(path, tmp_path / "out", FAST, pace=Clock().pace(100_000))
    web.requests.clear()
    web.pages["/garbage.mp4"] = web.pages["/secret.mp4"] = web.pages["/absent.mp4"] = Page(video.read_bytes())
    summary = fetch_list(path, tmp_path / "out", FAST, pace=Clock().pace(100_000))
    assert [name for name, _ in web.requests] == ["/garbage.mp4"]
    assert summary.outcomes == {"done": 2, "gone": 1, "blocked": 1}
    again = FAST.model_copy(update={"retry_blocked": True})
    summary = fetch_list(path, tmp_path / "out", again, pace=Clock().pace(100_000))
    assert summary.outcomes == {"done": 3, "gone": 1}
    assert (tmp_path / "out" / "good.mp4").read_bytes() == video.read_bytes()


def test_a_run_that_was_killed_goes_on_after_half_a_line_and_half_a_file(web: Web, video: Path, tmp_path: Path) -> None:
    path = write_list(tmp_path, *(f"{name},{web.address}/{name}.mp4,," for name in ("good", "other")))
    web.pages["/other.mp4"] = Page(video.read_bytes(), drop_after=4_000)
    once = FetchConfig(per_hour=100_000, attempts=1)
    fetch_list(path, tmp_path / "out", once, pace=Clock().pace(100_000))
    with (tmp_path / "out" / "fetch.jsonl").open("a") as file:
        file.write('{"name": "oth')
    web.requests.clear()
    summary = fetch_list(path, tmp_path / "out", once, pace=Clock().pace(100_000))
    assert web.requests == [("/other.mp4", "bytes=4000-")]
    assert summary.outcomes == {"done": 2}
    assert sorted(item.name for item in (tmp_path / "out").iterdir()) == ["fetch.jsonl", "good.mp4", "other.mp4"]


def test_a_server_that_wants_no_more_requests_is_waited_for_and_then_left_alone(
    web: Web, video: Path, tmp_path: Path
) -> None:
    clock = Clock()
    web.pages["/busy.mp4"] = Page(video.read_bytes(), status=429, failures=1)
    path = write_list(
        tmp_path, f"busy,{web.address}/busy.mp4,,", f"full,{web.address}/full.mp4,,", f"good,{web.address}/good.mp4,,"
    )
    web.pages["/full.mp4"] = Page(status=429)
    with pytest.raises(WorkerError, match="wants no more requests"):
        fetch_list(path, tmp_path / "out", FAST, pace=clock.pace(100_000))
    assert [seconds for seconds in clock.slept if seconds > 1.0] == [60.0, 60.0, 600.0]
    assert outcomes(tmp_path / "out") == {"busy": "done"}
    assert ("/good.mp4", "") not in web.requests


def test_downloads_keep_their_hourly_rate(web: Web, tmp_path: Path) -> None:
    clock = Clock()
    for name in ("a", "b", "c"):
        web.pages[f"/{name}.mp4"] = web.pages["/good.mp4"]
    path = write_list(tmp_path, *(f"{name},{web.address}/{name}.mp4,," for name in ("a", "b", "c")))
    fetch_list(path, tmp_path / "out", FetchConfig(per_hour=60.0), pace=clock.pace(60.0))
    assert clock.slept == [60.0, 60.0]


def test_spans_of_one_video_that_follow_each_other_need_one_download(video: Path, tmp_path: Path) -> None:
    site = Site(_0_1_x_YzA9_=video)
    path = tmp_path / "speech.csv"
    path.write_text("-0_1-x_YzA9,0.5,2.5,0.5,0.5\n-0_1-x_YzA9,3,6.25,0.5,0.5\n".replace("YzA9", "YzA9"))
    site = Site(**{"_0_1_x_YzA9": video})
    summary = fetch_list(path, tmp_path / "out", FAST, site=site, pace=Clock().pace(100_000))
    assert summary.outcomes == {"done": 2}
    assert site.asked == ["-0_1-x_YzA9"]
    found = collect_sources([path], CollectConfig(media_root=str(tmp_path / "out")))
    assert [read_media(source).duration for source in found.sources] == pytest.approx([3.25, 2.0], abs=0.1)


def test_pictures_and_sound_that_come_apart_are_joined(video: Path, tmp_path: Path) -> None:
    from hearsight.media.audio import read_audio
    from hearsight.media.containers.writer import write_video
    from tests.support.videos import FRAME_RATE, SAMPLE_RATE, make_images, make_waveform

    write_video(tmp_path / "v.mp4", make_images(8.0, 1), FRAME_RATE, None, SAMPLE_RATE)
    write_video(tmp_path / "a.mp4", None, FRAME_RATE, make_waveform(8.0, 1), SAMPLE_RATE)
    site = Site(**{"_0_1_x_YzA9": [tmp_path / "v.mp4", tmp_path / "a.mp4"]})
    path = tmp_path / "list.txt"
    path.write_text("https://www.youtube.com/watch?v=-0_1-x_YzA9\n")
    fetch_list(path, tmp_path / "out", FAST, site=site, pace=Clock().pace(100_000))
    media = read_media(Source(str(tmp_path / "out" / "-0_1-x_YzA9.mkv")))
    assert media.duration == pytest.approx(8.0, abs=0.1)
    assert (media.width, media.height) == (64, 48)
    assert len(read_audio(media.path, SAMPLE_RATE)) == pytest.approx(8 * SAMPLE_RATE, abs=2000)


def test_what_a_site_refuses_has_the_outcomes_of_its_errors(video: Path, tmp_path: Path) -> None:
    site = Site(
        aaaaaaaaaaa=BlockedDownloadError("in your country"), bbbbbbbbbbb=StopError("not a bot"), ccccccccccc=video
    )
    path = tmp_path / "list.txt"
    path.write_text("".join(f"https://www.youtube.com/watch?v={c * 11}\n" for c in "cab"))
    with pytest.raises(WorkerError, match="not a bot"):
        fetch_list(path, tmp_path / "out", FAST, site=site, pace=Clock().pace(100_000))
    assert outcomes(tmp_path / "out") == {"aaaaaaaaaaa": "blocked", "ccccccccccc": "done"}


def test_a_list_with_a_mistake_or_none_at_all_downloads_nothing(web: Web, tmp_path: Path) -> None:
    path = write_list(tmp_path, f"good,{web.address}/good.mp4,,", f"bad,{web.address}/good.mp4,6,2")
    with pytest.raises(TableError, match="row 3"):
        fetch_list(path, tmp_path / "out", FAST)
    (tmp_path / "words.txt").write_text("dog\ncat\n")
    with pytest.raises(UsageError, match="AudioSet"):
        fetch_list(tmp_path / "words.txt", tmp_path / "out", FAST)
    with pytest.raises(InputError, match="no such file"):
        fetch_list(tmp_path / "absent.csv", tmp_path / "out", FAST)
    assert web.requests == []


def test_the_command_prints_how_long_it_takes_and_ends_with_what_happened(web: Web, tmp_path: Path) -> None:
    web.pages["/garbage.mp4"] = Page(b"nothing" * 100)
    path = write_list(tmp_path, *(f"{name},{web.address}/{name}.mp4,," for name in ("good", "garbage")))
    done = run_command("fetch", path, "--out", tmp_path / "out", "--per-hour", "100000", "--set", "wait=0")
    assert done.returncode == 5, done.stderr
    assert "2 videos to download; at 100000 an hour that takes 0 minutes or more" in done.stderr
    assert done.stdout.strip() == f"{tmp_path / 'out'}: 2 entries: 1 done, 1 failed"


@pytest.mark.parametrize(
    ("count", "words"), [(22_160, "3.7 days"), (2_000_000, "333.3 days"), (500, "2.0 hours"), (50, "12 minutes")]
)
def test_the_time_that_a_list_takes_is_in_days_hours_or_minutes(count: int, words: str) -> None:
    assert describe_duration(count, 250.0) == words
