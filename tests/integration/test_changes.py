"""Sources are added to finished datasets and withdrawn from them; what stays is unchanged, and no half of a change is seen."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from hearsight.cli import app
from hearsight.config import BuildConfig, CollectConfig, LabelConfig, load_config
from hearsight.dataset import build as build_module
from hearsight.dataset.build import build_dataset
from hearsight.dataset.changes import staging
from hearsight.dataset.changes.derived import find_derived
from hearsight.dataset.changes.taken import read_taken
from hearsight.dataset.changes.withdraw import withdraw_sources
from hearsight.dataset.layout import Layout
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel import label as label_module
from hearsight.dataset.relabel.label import label_dataset
from hearsight.dataset.verify import verify_dataset
from hearsight.engine.local import SerialEngine
from hearsight.errors import DatasetError, InputError
from hearsight.records import CLIP_SCHEMA
from tests.support.processes import digest_tree
from tests.support.videos import write_clip, write_folder

CONFIG = load_config(
    BuildConfig, "build", None, ['vision=["clusters:k=4"]', 'audio=["clusters:k=4"]', "shard_clips=3", "agreement=true"]
)


pytestmark = [  # the packs of a worker are closed when its process ends, and here there is none
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[None]:
    """Work without worker processes, which take longer to start than the work takes."""
    with pytest.MonkeyPatch.context() as patched:
        for module in (build_module, label_module):
            patched.setattr(module, "open_engine", lambda *_: SerialEngine())
        yield


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("videos"), 4, seconds=5.0)


@pytest.fixture(scope="module")
def more(tmp_path_factory: pytest.TempPathFactory, videos: Path) -> Path:
    folder = tmp_path_factory.mktemp("more")
    write_clip(folder / "new.mp4", 5.0, 20)
    shutil.copy(videos / "video-01.mp4", folder / "again.mp4")
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="module")
def base(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("built") / "dataset"
    build_dataset([videos], out, CONFIG, workers=1)
    return out


@pytest.fixture(scope="module")
def grown(base: Path, videos: Path, more: Path) -> Path:
    out = base.with_name("grown")
    shutil.copytree(base, out)
    build_dataset([videos, more], out, CONFIG, workers=1)
    return out


@pytest.fixture
def dataset(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "dataset"))


def read_rows(folder: Path) -> dict[str, dict]:
    """Return each clip with a digest of its sound and with its soft labels, by its UUID."""
    dataset = Dataset(folder)
    rows = {row["uuid"]: row for row in dataset.clips().to_pylist()}
    for index, row in enumerate(rows.values()):
        row["sound"] = hashlib.sha256(dataset.read(index).tobytes()).hexdigest()
    for teacher in dataset.manifest.teachers:
        for shard in dataset.manifest.shards:
            for soft in dataset.soft_labels(teacher.name, shard.index).to_pylist():
                rows[soft["uuid"]][teacher.name] = soft
    return rows


def list_strings(folder: Path) -> str:
    """Return all text of all tables and JSON files of a dataset."""
    tables = [str(pq.read_table(path).to_pylist()) for path in folder.rglob("*.parquet")]
    return " ".join(tables + [path.read_text() for path in folder.rglob("*.json")])


def test_added_sources_become_clips_and_the_others_stay_as_they_are(base: Path, grown: Path, more: Path) -> None:
    before, after = read_rows(base), read_rows(grown)
    assert {uuid: after[uuid] for uuid in before} == before
    assert {Path(row["source"]).name for uuid, row in after.items() if uuid not in before} == {"new.mp4"}
    assert verify_dataset(grown).problems == ()
    old, new = Dataset(base), Dataset(grown)
    assert new.manifest.validation_folds == old.manifest.validation_folds
    assert new.digest != old.digest
    assert len(new) == len(old) + 1
    assert new.agreement is not None
    assert len(new.agreement) == len(new)
    for shard in old.manifest.shards:
        path = Layout(base).audio(shard.index).relative_to(base)
        assert (grown / path).read_bytes() == (base / path).read_bytes()


def test_the_summary_and_the_rejections_are_of_the_whole_dataset(grown: Path, videos: Path, more: Path) -> None:
    summary = Dataset(grown).summary
    assert (summary.num_sources, summary.num_sources_kept, summary.num_clips, summary.num_failed) == (7, 5, 5, 0)
    rejected = {Path(row["path"]).name: row for row in pq.read_table(grown / "rejected.parquet").to_pylist()}
    assert rejected["again.mp4"]["reason"] == "duplicate"
    assert str(videos / "video-01.mp4") in rejected["again.mp4"]["detail"]
    assert rejected["broken.mp4"]["reason"] == "not_media"
    assert len(read_taken(Layout(grown).taken)) == 7


def test_classes_and_counts_follow_from_the_labels_of_all_clips(grown: Path) -> None:
    dataset = Dataset(grown)
    counts = np.zeros(len(dataset.classes), int)
    for index in range(len(dataset)):
        labels = dataset.labels(index)
        counts[np.concatenate([labels.visual, labels.audio])] += 1
    assert [record.count for record in dataset.classes] == counts.tolist()
    assert counts.min() > 0


def test_the_same_sources_again_change_nothing(grown: Path, videos: Path, more: Path) -> None:
    before = digest_tree(grown)
    assert build_dataset([more, videos], grown, CONFIG, workers=1).num_clips == 5
    assert build_dataset([more], grown, CONFIG, workers=1, add=True).num_clips == 5
    assert digest_tree(grown) == before


def test_other_sources_are_added_only_when_that_is_asked_for(grown: Path, more: Path) -> None:
    with pytest.raises(DatasetError, match=r"7 sources, of which 4 are not among those given now"):
        build_dataset([more], grown, CONFIG, workers=1)


def test_added_copies_of_earlier_sound_share_its_fold(dataset: Path, videos: Path, tmp_path: Path) -> None:
    before = {row["source"]: row["fold"] for row in Dataset(dataset).clips().to_pylist()}
    longer = write_clip(
        tmp_path / "longer.mp4", 9.0, 2
    )  # the sound of video-02 and four seconds more, over other pictures
    build_dataset([longer], dataset, CONFIG, workers=1, add=True)
    rows = Dataset(dataset).clips().to_pylist()
    folds = {row["fold"] for row in rows if row["source"] == str(longer)}
    assert folds <= {before[str(videos / "video-02.mp4")]}
    assert {row["source"]: row["fold"] for row in rows if row["source"] != str(longer)} == before


def test_what_is_withdrawn_is_nowhere_in_the_dataset(grown: Path, videos: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(grown, tmp_path / "dataset"))
    before, name = read_rows(folder), str(videos / "video-01.mp4")
    gone = next(row for row in before.values() if row["source"] == name)
    sound = Dataset(folder).read([*before].index(gone["uuid"])).tobytes()[2_000:4_000]
    report = withdraw_sources(folder, [name])
    assert (report.num_clips, report.num_sources, report.num_media) == (1, 1, 1)
    assert [Path(copy).name for copy in report.copies] == ["again.mp4"]
    assert verify_dataset(folder).problems == ()
    assert read_rows(folder) == {uuid: row for uuid, row in before.items() if uuid != gone["uuid"]}
    text = list_strings(folder)
    assert name not in text
    assert gone["uuid"] not in text
    assert not any(sound in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert report.digest == Dataset(folder).digest != report.digest_before == Dataset(grown).digest


def test_a_later_build_takes_nothing_in_that_was_withdrawn(dataset: Path, videos: Path, tmp_path: Path) -> None:
    withdraw_sources(dataset, [str(videos / "video-03.mp4")])
    after = digest_tree(dataset)
    assert build_dataset([videos], dataset, CONFIG, workers=1).num_clips == 3
    assert {name: one for name, one in digest_tree(dataset).items() if "agreement" not in name} == after
    renamed = shutil.copy(videos / "video-03.mp4", tmp_path / "renamed.mp4")
    new = write_clip(tmp_path / "new.mp4", 5.0, 21)
    build_dataset([renamed, new], dataset, CONFIG, workers=1, add=True)
    assert {Path(row["source"]).name for row in Dataset(dataset).clips().to_pylist()} >= {"new.mp4", "video-00.mp4"}
    (row,) = (row for row in pq.read_table(dataset / "rejected.parquet").to_pylist() if row["path"] == str(renamed))
    assert row["reason"] == "withdrawn"


def test_media_are_withdrawn_by_their_id_in_a_list_and_by_their_uuid(tmp_path: Path, videos: Path) -> None:
    root = Path(shutil.copytree(videos, tmp_path / "root"))
    table = tmp_path / "list.csv"
    table.write_text("id,labels\n" + "".join(f"video-{place:02d},a\n" for place in range(4)))
    collect = CollectConfig(media_root=str(root))
    build_dataset([table], tmp_path / "out", CONFIG, collect=collect, workers=1)
    assert withdraw_sources(tmp_path / "out", ["video-00"]).num_clips == 1
    uuid = Dataset(tmp_path / "out").clips().to_pylist()[0]["media_uuid"]
    assert withdraw_sources(tmp_path / "out", [uuid]).digests_before == tuple(
        one["dataset"] for one in json.loads((tmp_path / "out" / "withdrawn.json").read_text())
    )
    assert len(Dataset(tmp_path / "out")) == 2
    assert Dataset(tmp_path / "out").sources().num_rows == 2
    build_dataset([table], tmp_path / "out", CONFIG, collect=collect, workers=1)
    assert len(Dataset(tmp_path / "out")) == 2


def test_a_withdrawal_that_is_killed_leaves_the_dataset_or_is_finished_by_the_next(
    dataset: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, name = digest_tree(dataset), str(videos / "video-00.mp4")
    real = staging.rename_durably
    moves: list[Path] = []

    def die(old: Path, new: Path, limit: int) -> None:
        if len(moves) >= limit:
            raise KeyboardInterrupt
        moves.append(new)
        real(old, new)

    with monkeypatch.context() as patched:
        patched.setattr(staging, "write_json", lambda path, value: die(path, path, 0))
        with pytest.raises(KeyboardInterrupt):
            withdraw_sources(dataset, [name])
    assert {one: digest for one, digest in digest_tree(dataset).items() if not one.startswith("change/")} == before
    with monkeypatch.context() as patched:
        patched.setattr(staging, "rename_durably", lambda old, new: die(old, new, 2))
        with pytest.raises(KeyboardInterrupt):
            withdraw_sources(dataset, [name])
    with pytest.raises(DatasetError, match="unfinished"):
        Dataset(dataset)
    assert len(moves) == 2
    with pytest.raises(InputError, match="no source of"):
        withdraw_sources(dataset, [name])
    assert verify_dataset(dataset).problems == ()
    assert len(Dataset(dataset)) == 3


def test_datasets_and_runs_that_have_it_are_found(
    dataset: Path, videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    label_dataset(dataset, tmp_path / "labelled", LabelConfig(policy={"vision_top": 1}), workers=1)
    assert find_derived([tmp_path], [Dataset(dataset).digest]) == {
        tmp_path / "labelled": Dataset(tmp_path / "labelled").digest
    }
    assert len(read_taken(tmp_path / "labelled" / "taken.parquet")) == 4
    with pytest.raises(SystemExit) as ended:
        app(["withdraw", str(dataset), str(videos / "video-00.mp4"), "--runs", str(tmp_path), "--json"])
    assert ended.value.code in (0, None)
    found = json.loads(capsys.readouterr().out)
    assert found["datasets"] == [str(tmp_path / "labelled")]
    assert (found["runs"], found["num_clips"]) == ([], 1)
    assert withdraw_sources(tmp_path / "labelled", [str(videos / "video-00.mp4")]).num_clips == 1
    assert pq.read_schema(tmp_path / "labelled" / "clips" / "00000.parquet").names == CLIP_SCHEMA.names


def test_what_cannot_be_withdrawn_is_refused(dataset: Path, videos: Path, tmp_path: Path) -> None:
    before = digest_tree(dataset)
    with pytest.raises(InputError, match=r"nowhere\.mp4: no source of"):
        withdraw_sources(dataset, ["nowhere.mp4"])
    with pytest.raises(DatasetError, match="all 4 clips would be removed"):
        withdraw_sources(dataset, [str(path) for path in videos.iterdir()])
    assert digest_tree(dataset) == before
    with pytest.raises(DatasetError, match="no such folder"):
        withdraw_sources(tmp_path / "none", ["a"])
