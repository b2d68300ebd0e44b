from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hearsight.config import BuildConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError, FailureRateError, InputError, TeacherError
from hearsight.media.audio import read_audio
from hearsight.media.sources import collect_sources
from tests.support.processes import digest_tree
from tests.support.videos import SAMPLE_RATE, make_waveform, write_clip, write_folder

SMALL = ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', "shard_clips=6"]


def configure(*overrides: str) -> BuildConfig:
    return load_config(BuildConfig, "build", None, [*SMALL, *overrides])


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("videos"), 6, seconds=9.0)


@pytest.fixture(scope="module")
def built(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "dataset"
    build_dataset([videos], out, configure(), workers=1)
    return out


def test_a_folder_of_videos_becomes_a_dataset_with_sound_and_labels(built: Path) -> None:
    dataset = Dataset(built)
    assert len(dataset) == 12
    assert set(dataset.clips().column("duration").to_pylist()) == {4.0, 5.0}
    assert len(dataset.manifest.shards) > 1
    for index in range(len(dataset)):
        labels = dataset.labels(index)
        assert len(labels.visual) >= 1
        assert len(labels.audio) >= 1
        assert {dataset.classes[label].modality for label in labels.visual} == {"vision"}
        assert {dataset.classes[label].modality for label in labels.audio} == {"audio"}
    assert len(set(dataset.names)) == len(dataset.names) == len(dataset.classes)


def test_what_the_vision_teachers_said_is_read_back_as_distributions(built: Path) -> None:
    dataset = Dataset(built)
    (head,) = dataset.visual_heads
    teacher = next(record for record in dataset.manifest.teachers if record.modality == "vision")
    tables = [dataset.soft_labels(teacher.name, shard.index).to_pylist() for shard in dataset.manifest.shards]
    rows = [row for table in tables for row in table]
    assert {dataset.classes[index].teacher for index in head} == {teacher.name}
    for index, row in enumerate(rows):
        expected = np.zeros(len(dataset.names))
        for record in dataset.classes:
            if record.teacher == teacher.name and record.class_index in row["classes"]:
                expected[record.index] = row["probabilities"][row["classes"].index(record.class_index)]
        np.testing.assert_allclose(dataset.distribution(index), expected / expected.sum(), rtol=1e-5)
        assert dataset.distribution(index)[dataset.labels(index).visual].min() > 0.0


def test_the_stored_sound_is_the_sound_of_the_file(built: Path, videos: Path) -> None:
    dataset = Dataset(built)
    clips = dataset.clips().to_pylist()
    for index, clip in enumerate(clips):
        assert dataset.num_samples[index] == clip["num_samples"]
        whole = read_audio(clip["source"], SAMPLE_RATE)
        start = round(clip["start"] * SAMPLE_RATE)
        stored = dataset.read(index).astype(np.float32) / 32768
        np.testing.assert_allclose(stored, whole[start : start + len(stored)], atol=2 / 32768)
        np.testing.assert_array_equal(dataset.read(index, 8_000, 16_000), dataset.read(index)[8_000:24_000])
    assert len(dataset.read(0, 60_000, 16_000)) == dataset.num_samples[0] - 60_000


def test_no_source_is_in_both_splits(built: Path) -> None:
    dataset = Dataset(built)
    media = np.array(dataset.clips().column("media_uuid").to_pylist())
    train, validation = dataset.indices("train"), dataset.indices("validation")
    assert len(train) + len(validation) == len(dataset)
    assert len(validation) >= 1
    assert not set(media[train]) & set(media[validation])


def test_rows_of_sound_clips_and_labels_are_in_one_order(built: Path) -> None:
    dataset = Dataset(built)
    for shard in dataset.manifest.shards:
        clips = pq.read_table(built / "clips" / f"{shard.index:05d}.parquet").to_pylist()
        for teacher in dataset.manifest.teachers:
            rows = dataset.soft_labels(teacher.name, shard.index).to_pylist()
            assert [row["uuid"] for row in rows] == [clip["uuid"] for clip in clips]
            items_per_second = 1 if teacher.modality == "audio" else 3
            for row, clip in zip(rows, clips, strict=True):
                assert len(row["item_classes"]) == len(row["item_probabilities"]) == items_per_second * clip["duration"]
                assert row["probabilities"] == sorted(row["probabilities"], reverse=True)
        folds = pq.read_table(built / "clips" / f"{shard.index:05d}.parquet").column("fold").to_pylist()
        assert all(shard.first_fold <= fold <= shard.last_fold for fold in folds)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_dataset_is_the_same_bit_for_bit_however_many_workers(
    videos: Path, built: Path, tmp_path: Path, workers: int
) -> None:
    again = tmp_path / "again"
    build_dataset([videos], again, configure(), workers=workers)
    assert digest_tree(again) == digest_tree(built)


def test_a_finished_dataset_is_left_as_it_is(videos: Path, built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.rglob("*") if path.is_file()}
    summary = build_dataset([videos], built, configure(), workers=1)
    assert summary.num_clips == 12
    assert {path: path.stat().st_mtime_ns for path in built.rglob("*") if path.is_file()} == before
    assert "nothing to do" in capsys.readouterr().err


def test_a_dataset_of_another_configuration_is_refused_and_the_difference_named(videos: Path, built: Path) -> None:
    before = digest_tree(built)
    with pytest.raises(DatasetError, match=r"images_per_second: 3\.0 there, 2\.0 now"):
        build_dataset([videos], built, configure("images_per_second=2.0"), workers=1)
    with pytest.raises(DatasetError, match="not among those given now"):
        build_dataset([videos / "video-00.mp4"], built, configure(), workers=1)
    assert digest_tree(built) == before


def test_a_folder_with_other_things_in_it_is_refused(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(DatasetError, match="other things"):
        build_dataset([videos], tmp_path, configure(), workers=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_bad_files_become_rows_with_a_reason_and_good_ones_are_kept(videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mixed"
    folder.mkdir()
    shutil.copy(videos / "video-00.mp4", folder / "good.mp4")
    shutil.copy(videos / "video-01.mp4", folder / "also-good.mp4")
    shutil.copy(videos / "video-00.mp4", folder / "same-again.mp4")
    (folder / "text.mp4").write_text("this is no video\n" * 100)
    (folder / "empty.mp4").write_bytes(b"")
    write_clip(folder / "short.mp4", 0.5, seed=50)
    (folder / "gone.mp4").symlink_to(tmp_path / "nowhere.mp4")
    summary = build_dataset([folder], tmp_path / "dataset", configure(), workers=2)
    rows = pq.read_table(tmp_path / "dataset" / "rejected.parquet").to_pylist()
    reasons = {Path(row["path"]).name: row["reason"] for row in rows}
    assert reasons == {
        "same-again.mp4": "duplicate",
        "text.mp4": "not_media",
        "empty.mp4": "not_media",
        "short.mp4": "too_short",
        "gone.mp4": "unreadable",
    }
    assert all(row["detail"] for row in rows)
    assert summary.num_clips == 4
    assert (summary.num_sources, summary.num_sources_kept) == (7, 2)
    assert json.loads((tmp_path / "dataset" / "summary.json").read_text())["rejected"]["duplicate"] == 2


def test_too_many_failures_are_told_after_the_dataset_is_complete(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    sources = [videos / "video-00.mp4", videos / "video-01.mp4", tmp_path / "text.mp4"]
    with pytest.raises(FailureRateError, match=r"33\.3%"):
        build_dataset(sources, tmp_path / "dataset", configure("max_failure_rate=0.2"), workers=1)
    assert len(Dataset(tmp_path / "dataset")) == 4


def test_nothing_usable_is_an_error_that_counts_the_reasons(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(DatasetError, match="1 not_media"):
        build_dataset([tmp_path / "text.mp4"], tmp_path / "dataset", configure(), workers=1)
    with pytest.raises(DatasetError, match="unfinished build"):
        Dataset(tmp_path / "dataset")


def test_an_empty_folder_and_a_missing_teacher_leave_nothing_behind(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError):
        build_dataset([tmp_path / "empty"], tmp_path / "dataset", configure(), workers=1)
    with pytest.raises(TeacherError):
        build_dataset([videos], tmp_path / "dataset", configure('vision=["litert:absent.tflite"]'), workers=1)
    assert not (tmp_path / "dataset").exists()


def test_a_file_that_changed_while_the_build_was_interrupted_is_read_anew(videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    shutil.copytree(videos, folder)
    out = tmp_path / "dataset"
    build_dataset([folder], out, configure(), workers=1)
    shutil.rmtree(out)
    # An interrupted build of the old file: its part is there, and nothing else.
    from hearsight.dataset.build import _prepare
    from hearsight.dataset.label_sources import label_sources
    from hearsight.dataset.layout import Layout
    from hearsight.dataset.lock import start_build
    from hearsight.engine.engines import open_engine

    assembly, media = _prepare(Layout(out), configure(), collect_sources([folder]))
    out.mkdir()
    start_build(assembly.layout, assembly.identity)
    label_sources(assembly.layout, configure(), media, open_engine("local", 1))
    write_clip(folder / "video-00.mp4", 9.0, seed=77)
    build_dataset([folder], out, configure(), workers=1)
    dataset = Dataset(out)
    places = [i for i, clip in enumerate(dataset.clips().to_pylist()) if clip["source"].endswith("video-00.mp4")]
    new = make_waveform(9.0, 77)[: 4 * SAMPLE_RATE]
    stored = dataset.read(places[0])[: len(new)].astype(np.float32) / 32768
    assert np.corrcoef(stored, new[: len(stored)])[0, 1] > 0.95


def test_a_damaged_dataset_is_named(built: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(built, broken)
    shard = next(iter(sorted((broken / "audio").iterdir(), key=lambda p: -p.stat().st_size)))
    shard.write_bytes(shard.read_bytes()[: shard.stat().st_size // 2])
    with pytest.raises(DatasetError):
        Dataset(broken)
    manifest = json.loads((broken / "dataset.json").read_text())
    (broken / "dataset.json").write_text(json.dumps({**manifest, "format_version": 99}))
    with pytest.raises(DatasetError, match="upgrade hearsight"):
        Dataset(broken)
    with pytest.raises(DatasetError, match="no such folder"):
        Dataset(tmp_path / "absent")


def test_the_summary_is_the_same_when_it_is_read_back(built: Path) -> None:
    dataset = Dataset(built)
    assert dataclasses.asdict(dataset.summary)["num_clips"] == len(dataset)
    total = sum(teacher.num_classes for teacher in dataset.manifest.teachers)
    assert dataset.summary.utilisation == pytest.approx(len(dataset.classes) / total)
    assert any("classes appear" in line for line in dataset.summary.describe())


def test_file_names_that_are_not_utf_8_are_built_rejected_and_stored_escaped(videos: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    for name, source in (("caf\udce9.mp4", "video-00.mp4"), ("plain.mp4", "video-01.mp4")):
        Path(f"{folder}/{name}").write_bytes((videos / source).read_bytes())
    Path(f"{folder}/text\udcff.mp4").write_text("no video")
    out = tmp_path / "dataset"
    summary = build_dataset([folder], out, configure("max_failure_rate=0.9"), workers=1)
    assert (summary.num_sources, summary.num_sources_kept) == (3, 2)
    sources = set(Dataset(out).clips().column("source").to_pylist())
    assert sources == {f"{folder}/caf\\xe9.mp4", f"{folder}/plain.mp4"}
    rejected = pq.read_table(out / "rejected.parquet").to_pylist()
    assert [(row["path"], row["reason"]) for row in rejected] == [(f"{folder}/text\\xff.mp4", "not_media")]
    again = build_dataset([folder], out, configure("max_failure_rate=0.9"), workers=1)
    assert again == summary
