"""Building from archives and object stores."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hearsight.config import BuildConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.errors import InputError
from tests.support.processes import kill_when, run_command
from tests.support.videos import write_folder
from tests.support.web import Page, serve


def build(specs: list[str], out: Path) -> Dataset:
    config = load_config(BuildConfig, "build", None, ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]'])
    build_dataset(specs, out, config, workers=1)
    return Dataset(out)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("videos"), 3, seconds=4.0)


@pytest.fixture(scope="module")
def local(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return build([str(videos)], tmp_path_factory.mktemp("local") / "dataset")


def pack(videos: Path, path: Path) -> Path:
    with tarfile.open(path, "w:") as tar:
        for video in sorted(videos.iterdir()):
            tar.add(video, video.name)
    return path


def test_an_archive_becomes_the_dataset_of_its_videos(videos: Path, local: Dataset, tmp_path: Path) -> None:
    path = pack(videos, tmp_path / "videos.tar")
    dataset = build([str(path)], tmp_path / "dataset")
    columns = ["uuid", "media_uuid", "start", "duration", "fold", "sound_fingerprint", "image_fingerprint"]
    assert dataset.clips().select(columns).equals(local.clips().select(columns))
    assert set(dataset.clips()["source"].to_pylist()) == {
        f"tar://{video.name}::{path}" for video in sorted(videos.iterdir())
    }
    for index in range(len(dataset)):
        assert (dataset.read(index) == local.read(index)).all()
    assert not (tmp_path / "dataset" / "parts").exists()


def test_an_address_becomes_the_dataset_of_its_objects(videos: Path, local: Dataset, tmp_path: Path) -> None:
    dataset = build([f"file://{videos}"], tmp_path / "dataset")
    assert dataset.clips()["uuid"].equals(local.clips()["uuid"])


def test_what_cannot_be_read_of_an_archive_is_a_rejection_that_names_it(videos: Path, tmp_path: Path) -> None:
    path = pack(videos, tmp_path / "videos.tar")
    with tarfile.open(path) as tar:
        last = max(tar, key=lambda info: info.offset_data)
    with path.open("r+b") as file:
        file.truncate(last.offset_data + 100)
    dataset = build([str(path)], tmp_path / "dataset")
    assert len(dataset) == 2
    (row,) = pq.read_table(tmp_path / "dataset" / "rejected.parquet").to_pylist()
    assert row["path"] == f"tar://{last.name}::{path}"
    assert row["reason"] == "unreadable"
    assert "the archive ends at byte" in row["detail"]


def test_a_web_address_becomes_the_dataset_of_its_file(videos: Path, local: Dataset, tmp_path: Path) -> None:
    with serve() as web:
        for video in videos.iterdir():
            web.pages[f"/{video.name}"] = Page(video.read_bytes())
        addresses = [f"{web.address}/{video.name}" for video in videos.iterdir()]
        with pytest.raises(InputError, match="nothing of that name"):
            build([f"{web.address}/absent.mp4"], tmp_path / "none")
        dataset = build(addresses, tmp_path / "dataset")
    assert dataset.clips()["uuid"].equals(local.clips()["uuid"])
    assert set(dataset.clips()["source"].to_pylist()) == set(addresses)


def test_a_listed_address_that_is_gone_is_a_rejection_and_one_that_fails_is_tried_again(
    videos: Path, local: Dataset, tmp_path: Path
) -> None:
    names = sorted(video.name for video in videos.iterdir())
    with serve() as web:
        web.pages["/" + names[0]] = Page((videos / names[0]).read_bytes())
        web.pages["/" + names[1]] = Page((videos / names[1]).read_bytes(), drop_after=1_000)
        (tmp_path / "list.csv").write_text("path\n" + "".join(f"{web.address}/{name}\n" for name in names))
        dataset = build([str(tmp_path / "list.csv")], tmp_path / "dataset")
        assert len(dataset) == 1
        rows = {
            row["path"]: row["reason"] for row in pq.read_table(tmp_path / "dataset" / "rejected.parquet").to_pylist()
        }
        assert rows == {f"{web.address}/{names[1]}": "failed", f"{web.address}/{names[2]}": "unreadable"}
        web.pages["/" + names[1]] = Page((videos / names[1]).read_bytes())
        assert len(build([str(tmp_path / "list.csv")], tmp_path / "dataset")) == 2


def test_what_a_killed_worker_has_left_is_removed_and_the_build_goes_on(
    videos: Path, local: Dataset, tmp_path: Path
) -> None:
    path = pack(videos, tmp_path / "videos.tar")
    command = (
        "build",
        path,
        "--out",
        tmp_path / "dataset",
        "--vision",
        "clusters:k=4",
        "--audio",
        "clusters:k=4",
        "--workers",
        "1",
    )
    copies = tmp_path / "dataset" / "parts" / "copies"
    assert kill_when(lambda: copies.is_dir() and any(copies.iterdir()), *command)
    done = run_command(*command)
    assert done.returncode == 0, done.stderr
    assert Dataset(tmp_path / "dataset").clips()["uuid"].equals(local.clips()["uuid"])
    assert not copies.exists()
