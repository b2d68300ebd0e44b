"""Building from archives and object stores."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from hearsight.config import BuildConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from tests.support.videos import write_folder


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
