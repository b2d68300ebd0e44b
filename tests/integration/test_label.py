"""Labels belong to their clips, however they came about; and a dataset labelled again is what a build would have made."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hearsight.config import BuildConfig, LabelConfig
from hearsight.dataset.build import build_dataset
from hearsight.dataset.parts import cut_segments
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel import label as label_module
from hearsight.dataset.relabel.answers import Answers
from hearsight.dataset.relabel.label import label_dataset, list_ranges
from hearsight.dataset.verify import verify_dataset
from hearsight.errors import DatasetError, UsageError, WorkerError
from hearsight.teachers.policy import keep_soft_labels
from hearsight.teachers.registry import load_teacher
from tests.support.coded import install_coded_teacher
from tests.support.processes import digest_tree
from tests.support.videos import write_folder

ODD = {"length": 3.0, "min_length": 2.0, "max_length": 4.0}
"""9.5 s become 3 + 3 + 3.5 s by sharing the rest, so that some clips lie off the grid."""


def configure(vision: tuple[str, ...], audio: tuple[str, ...]) -> BuildConfig:
    return BuildConfig(vision=vision, audio=audio, cut=ODD, shard_clips=8, soft_top=20)


@pytest.fixture(scope="module", autouse=True)
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        install_coded_teacher(tmp_path_factory.mktemp("plugin"), patch)
        yield


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("videos"), 7, seconds=9.5)


@pytest.fixture(scope="module")
def built(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "dataset"
    build_dataset([videos], out, configure(("coded:eyes",), ("coded:ears",)), workers=1)
    return out


def read_labels(folder: Path) -> dict[str, list[dict[str, object]]]:
    dataset = Dataset(folder)
    names = [record.name for record in dataset.manifest.teachers]
    shards = [shard.index for shard in dataset.manifest.shards]
    return {name: [row for shard in shards for row in dataset.soft_labels(name, shard).to_pylist()] for name in names}


def test_every_label_is_that_of_the_sound_it_is_stored_with(built: Path) -> None:
    dataset, teacher = Dataset(built), load_teacher("coded:ears", "audio")
    rows = read_labels(built)["coded-ears"]
    assert len(rows) == len(dataset) == 21
    for index, row in enumerate(rows):
        expected = keep_soft_labels(teacher.predict(cut_segments(dataset.read(index))), 20)  # type: ignore[union-attr]
        assert row["classes"] == expected.classes.tolist()
        assert row["item_classes"] == [one.tolist() for one in expected.item_classes]


@pytest.mark.parametrize(("workers", "reverse"), [(3, False), (1, True)])
def test_labels_do_not_depend_on_workers_or_the_order_of_files(
    built: Path, videos: Path, tmp_path: Path, workers: int, reverse: bool
) -> None:
    sources = sorted(videos.iterdir(), reverse=reverse)
    build_dataset(sources, tmp_path / "again", configure(("coded:eyes",), ("coded:ears",)), workers=workers)
    assert read_labels(tmp_path / "again") == read_labels(built)


@pytest.mark.parametrize("workers", [1, 3])
def test_labelling_again_gives_the_labels_of_a_build_for_pictures_and_sounds(
    built: Path, videos: Path, tmp_path: Path, workers: int
) -> None:
    new = LabelConfig(vision=("coded:retina",), audio=("coded:cochlea",), soft_top=20)
    label_dataset(built, tmp_path / "labelled", new, workers=workers)
    build_dataset([videos], tmp_path / "built", configure(("coded:retina",), ("coded:cochlea",)), workers=2)
    assert read_labels(tmp_path / "labelled") == read_labels(tmp_path / "built")
    first, second = Dataset(tmp_path / "labelled"), Dataset(tmp_path / "built")
    assert first.classes == second.classes
    assert first.manifest.teachers == second.manifest.teachers
    assert first.manifest.validation_folds == second.manifest.validation_folds
    assert first.class_table().equals(second.class_table())
    assert all(np.array_equal(first.read(index), second.read(index)) for index in range(len(first)))
    assert not verify_dataset(tmp_path / "labelled").problems


def test_a_shard_without_clips_has_its_label_file_too(built: Path, tmp_path: Path) -> None:
    config = configure(("coded:eyes",), ("coded:ears",)).model_copy(update={"shard_clips": 1})
    build_dataset([Dataset(built).clips().column("source")[0].as_py()], tmp_path / "one", config, workers=1)
    assert 0 in [shard.num_clips for shard in Dataset(tmp_path / "one").manifest.shards]
    label_dataset(tmp_path / "one", tmp_path / "new", LabelConfig(audio=("coded:cochlea",)), workers=1)
    assert not verify_dataset(tmp_path / "new").problems


def test_teachers_that_are_not_replaced_keep_their_answers_and_the_sound_is_linked(built: Path, tmp_path: Path) -> None:
    label_dataset(built, tmp_path / "new", LabelConfig(audio=("coded:cochlea",), soft_top=20), workers=1)
    assert read_labels(tmp_path / "new")["coded-eyes"] == read_labels(built)["coded-eyes"]
    assert [one.name for one in Dataset(tmp_path / "new").manifest.teachers] == ["coded-eyes", "coded-cochlea"]
    sound = "audio/00000.arrow"
    assert (tmp_path / "new" / sound).samefile(built / sound)
    assert not (tmp_path / "new" / "parts").exists()


def test_a_change_of_policy_needs_neither_teacher_nor_media(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "moved")
    stricter = LabelConfig.model_validate({"policy": {"audio_top": 1, "audio_threshold": 0.0, "vision_top": 2}})
    summary = label_dataset(tmp_path / "moved", tmp_path / "new", stricter, workers=1)
    assert summary.labels_per_clip == {"vision": 2.0, "audio": 1.0}
    assert read_labels(tmp_path / "new") == read_labels(built)
    assert all(len(Dataset(tmp_path / "new").labels(index).audio) == 1 for index in range(21))


def test_answers_in_the_cache_are_not_computed_again(built: Path, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    config = {"audio": (f"coded:cochlea,calls={calls}",), "soft_top": 20}
    label_dataset(built, tmp_path / "one", LabelConfig.model_validate(config), workers=1, cache=tmp_path / "cache")
    assert calls.read_text()
    calls.unlink()
    other = LabelConfig.model_validate({**config, "policy": {"audio_top": 2}})
    label_dataset(built, tmp_path / "two", other, workers=1, cache=tmp_path / "cache")
    assert not calls.exists()
    assert read_labels(tmp_path / "two") == read_labels(tmp_path / "one")


def test_a_run_that_was_stopped_answers_only_what_is_missing(
    built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LabelConfig(audio=("coded:cochlea",), soft_top=20)
    label_dataset(built, tmp_path / "whole", config, workers=1)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("hearsight.dataset.relabel.label.publish", fail)
        with pytest.raises(KeyboardInterrupt):
            label_dataset(built, tmp_path / "stopped", config, workers=1)
    answers = Answers(tmp_path / "stopped" / "parts")
    first, *others = [answers.path("coded-cochlea", some) for some in list_ranges(Dataset(built))]
    first.unlink()
    times = [path.stat().st_mtime_ns for path in others]
    with monkeypatch.context() as patch:
        patch.setattr("hearsight.dataset.relabel.label.remove_build_files", lambda _: None)
        label_dataset(built, tmp_path / "stopped", config, workers=1)
    assert [path.stat().st_mtime_ns for path in others] == times
    assert read_labels(tmp_path / "stopped") == read_labels(tmp_path / "whole")


def test_a_finished_dataset_is_left_as_it_is_and_one_of_other_labels_refused(built: Path, tmp_path: Path) -> None:
    out = tmp_path / "new"
    label_dataset(built, out, LabelConfig(audio=("coded:cochlea",)), workers=1)
    before = digest_tree(out)
    label_dataset(built, out, LabelConfig(audio=("coded:cochlea",)), workers=1)
    assert digest_tree(out) == before
    with pytest.raises(DatasetError, match="other labels"):
        label_dataset(built, out, LabelConfig(audio=("coded:other",)), workers=1)
    with pytest.raises(DatasetError, match="itself, wanted another folder"):
        label_dataset(built, built, LabelConfig(), workers=1)


def test_media_that_are_gone_are_named_when_pictures_are_needed(videos: Path, tmp_path: Path) -> None:
    own = tmp_path / "videos"
    shutil.copytree(videos, own)
    build_dataset([own], tmp_path / "dataset", configure(("coded:eyes",), ()), workers=1)
    (own / "video-03.mp4").unlink()
    with pytest.raises(WorkerError, match=r"video-03\.mp4"):
        label_dataset(tmp_path / "dataset", tmp_path / "new", LabelConfig(vision=("coded:retina",)), workers=1)
    shutil.copy(videos / "video-02.mp4", own / "video-03.mp4")
    with pytest.raises(WorkerError, match="another file"):
        label_dataset(tmp_path / "dataset", tmp_path / "new", LabelConfig(vision=("coded:retina",)), workers=1)


def test_a_teacher_without_classes_is_refused(built: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="fitted"):
        label_dataset(built, tmp_path / "new", LabelConfig(audio=("clusters",)), workers=1)


def test_the_deadline_is_that_of_the_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(engine: str, workers: int | None, deadline: float) -> None:
        raise UsageError(engine, f"{deadline:g} s for {workers} workers")

    monkeypatch.setattr(label_module, "open_engine", refuse)
    with pytest.raises(UsageError, match=r"local: 7\.5 s for 3 workers"):
        label_dataset(tmp_path, tmp_path / "out", workers=3, deadline=7.5)
