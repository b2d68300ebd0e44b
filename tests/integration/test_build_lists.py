"""Building from lists as data sets publish them."""

from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.config import BuildConfig, CollectConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.dataset.verify import verify_dataset
from hearsight.media.lists.formats import recognise_list
from tests.support.processes import digest_tree, run_command
from tests.support.videos import write_clip

LIST = """\
# Segments csv created Sun Mar  5 10:54:31 2017
# num_ytids=4, num_segs=4, num_unique_labels=3, num_positive_labels=3
# YTID, start_seconds, end_seconds, positive_labels
--PJHxphWEs, 4.000, 8.000, "/m/09x0r,/t/dd00088"
-0RWZT-miFs, 420.000, 430.000, "/m/03v3yw"
-1nilez17Dg, 30.000, 36.000, "/m/04rlf"
-2nilez17Dg, 90.000, 94.000, "/m/03v3yw"
"""


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Give a list, and a folder with a whole video, two excerpts under different names, and not the fourth."""
    folder = tmp_path_factory.mktemp("listed")
    path, root = folder / "balanced.csv", folder / "media"
    path.write_text(LIST)
    root.mkdir()
    write_clip(root / "--PJHxphWEs.mp4", 12.0, seed=1)
    write_clip(root / "-1nilez17Dg.mp4", 6.0, seed=2)
    write_clip(root / "-2nilez17Dg_90000_94000.mp4", 4.0, seed=3)
    return path, root


@pytest.fixture(scope="module")
def built(listed: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path, root = listed
    out = tmp_path_factory.mktemp("built") / "dataset"
    build_dataset([path], out, configure(), collect=CollectConfig(media_root=str(root)), workers=1)
    return out


def configure() -> BuildConfig:
    return load_config(BuildConfig, "build", None, ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]'])


def test_the_span_of_the_list_is_cut_out_of_a_whole_video_and_is_the_whole_of_an_excerpt(built: Path) -> None:
    clips = Dataset(built).clips().to_pylist()
    spans = sorted((Path(clip["source"]).name, clip["start"], clip["start"] + clip["duration"]) for clip in clips)
    assert spans == [
        ("--PJHxphWEs.mp4", 4.0, 8.0),
        ("-1nilez17Dg.mp4", 0.0, 3.0),
        ("-1nilez17Dg.mp4", 3.0, 6.0),
        ("-2nilez17Dg_90000_94000.mp4", 0.0, 4.0),
    ]


def test_the_labels_of_the_list_are_provenance_and_no_classes(built: Path, listed: tuple[Path, Path]) -> None:
    dataset = Dataset(built)
    rows = {row["id"]: row for row in dataset.sources().to_pylist()}
    assert set(rows) == {"--PJHxphWEs", "-1nilez17Dg", "-2nilez17Dg"}
    assert rows["-2nilez17Dg"] | {"path": ""} == {
        "path": "",
        "start": 0.0,
        "end": None,
        "list": str(listed[0]),
        "format": "audioset",
        "line": 7,
        "id": "-2nilez17Dg",
        "url": "https://www.youtube.com/watch?v=-2nilez17Dg",
        "listed_start": 90.0,
        "listed_end": 94.0,
        "labels": "/m/03v3yw",
    }
    assert not any("/m/" in name for name in dataset.names)


def test_what_is_missing_is_a_list_again(built: Path) -> None:
    videos = recognise_list(built / "missing.csv")
    assert videos is not None
    (entry,) = videos.read()
    assert (entry.id, entry.start, entry.end, entry.labels) == ("-0RWZT-miFs", 420.0, 430.0, "/m/03v3yw")
    assert entry.url == "https://www.youtube.com/watch?v=-0RWZT-miFs"
    assert verify_dataset(built).problems == ()


def test_a_dataset_without_lists_has_no_provenance(listed: tuple[Path, Path], tmp_path: Path) -> None:
    build_dataset([listed[1]], tmp_path / "dataset", configure(), workers=1)
    assert not (tmp_path / "dataset" / "sources.parquet").exists()
    assert len(Dataset(tmp_path / "dataset").sources()) == 0


def test_the_command_builds_the_same_from_the_list(built: Path, listed: tuple[Path, Path], tmp_path: Path) -> None:
    path, root = listed
    teachers = ["--vision", "clusters:k=4", "--audio", "clusters:k=4"]
    done = run_command("build", path, "--media-root", root, "--out", tmp_path / "dataset", *teachers, "--workers", "1")
    assert done.returncode == 0, done.stderr
    assert "not in the media folder: 1 listed videos (see missing.csv)" in done.stderr
    assert digest_tree(tmp_path / "dataset") == digest_tree(built)


@pytest.mark.parametrize("share", ["own", "own=", "own=x", "own=2", "=0.2"])
def test_a_share_that_makes_no_sense_is_a_usage_error(share: str, listed: tuple[Path, Path], tmp_path: Path) -> None:
    done = run_command("build", listed[1], "--out", tmp_path / "dataset", "--source-share", share)
    assert done.returncode == 2
    assert "wanted NAME=SHARE" in done.stderr
