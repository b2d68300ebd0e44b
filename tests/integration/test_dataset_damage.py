"""No damage of a dataset goes unnoticed: not of sound, labels, tables, nor an exchange of whole files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.config import BuildConfig, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.reader import Dataset
from hearsight.dataset.verify import verify_dataset
from hearsight.errors import DatasetError
from hearsight.records import AUDIO_SCHEMA, CLASS_SCHEMA, CLIP_SCHEMA, LABEL_SCHEMA, REJECTION_SCHEMA
from tests.support.processes import run_command
from tests.support.videos import write_folder

CONFIG = load_config(
    BuildConfig,
    "build",
    None,
    ['vision=["clusters:k=6"]', 'audio=["clusters:k=6"]', "shard_clips=4", "policy.audio_top=1"],
)
TABLES = ("vocabulary.json", "summary.json", "rejected.parquet", "classes.parquet")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    videos = write_folder(tmp_path_factory.mktemp("videos"), 6, seconds=8.0)
    out = tmp_path_factory.mktemp("built") / "dataset"
    build_dataset([videos], out, CONFIG, workers=2)
    return out


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "dataset"))


def list_shards(folder: Path) -> list[int]:
    return [shard.index for shard in Dataset(folder).manifest.shards if shard.num_clips]


def read_everything(folder: Path) -> None:
    """Read a dataset as training does."""
    dataset = Dataset(folder)
    dataset.clips()
    dataset.class_table()
    for index in range(len(dataset)):
        dataset.read(index)
        dataset.labels(index)
    for teacher in dataset.manifest.teachers:
        for shard in dataset.manifest.shards:
            dataset.soft_labels(teacher.name, shard.index)


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)


def test_a_whole_dataset_has_no_problem(built: Path) -> None:
    read_everything(built)
    report = verify_dataset(built)
    assert report.problems == ()
    assert report.has_checksums
    assert report.num_files == sum(path.is_file() for path in built.rglob("*"))
    done = run_command("verify", built)
    assert done.returncode == 0, done.stderr
    assert "no problem found" in done.stdout


@pytest.mark.parametrize("place", np.linspace(0.0, 1.0, 8).tolist())
@pytest.mark.parametrize("kind", ["audio", "clips", "labels", "vocabulary.json", "classes.parquet"])
def test_a_flipped_bit_is_noticed_by_the_reader_and_by_verify(copy: Path, kind: str, place: float) -> None:
    paths = [copy / kind] if (copy / kind).is_file() else sorted(p for p in (copy / kind).rglob("*") if p.is_file())
    path = max(paths, key=lambda one: one.stat().st_size)
    flip(path, place)
    with pytest.raises(DatasetError):
        read_everything(copy)
    (problem,) = verify_dataset(copy).problems
    assert problem.startswith(path.relative_to(copy).as_posix())


def test_sound_is_verified_when_it_is_read_first_and_only_where_it_is_read(copy: Path) -> None:
    first, *_, last = list_shards(copy)
    flip(copy / "audio" / f"{last:05d}.arrow", 0.7)
    dataset = Dataset(copy)
    dataset.read(0)
    with pytest.raises(DatasetError, match=f"{last:05d}.arrow: damaged: its SHA-256 differs"):
        dataset.read(len(dataset) - 1)
    assert len(Dataset(copy, verify=False).read(len(dataset) - 1)) > 0
    assert first != last


def test_labels_of_another_shard_are_refused_at_opening_with_and_without_checksums(copy: Path) -> None:
    first, *_, last = list_shards(copy)
    for folder in sorted((copy / "labels").iterdir()):
        content = (folder / f"{first:05d}.parquet").read_bytes()
        (folder / f"{last:05d}.parquet").write_bytes(content)
    remove_checksums(copy)
    with pytest.raises(DatasetError, match=r"rows of other clips than the \d+ of shard \d+, wanted those of audio/"):
        Dataset(copy, quiet=True)
    (problem,) = verify_dataset(copy).problems
    assert "rows of other clips" in problem


def test_labels_in_another_order_are_refused(copy: Path) -> None:
    first = list_shards(copy)[0]
    path = sorted((copy / "labels").iterdir())[0] / f"{first:05d}.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(len(table)))[::-1]), path)
    remove_checksums(copy)
    with pytest.raises(DatasetError, match="rows of other clips"):
        Dataset(copy, quiet=True)


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-7])])
@pytest.mark.parametrize("kind", ["audio", "clips", "labels", "teachers", *TABLES])
def test_missing_and_truncated_files_are_noticed_at_opening_and_by_info(
    copy: Path, kind: str, damage: Callable[[Path], None]
) -> None:
    path = copy / kind if (copy / kind).is_file() else next(p for p in sorted((copy / kind).rglob("*")) if p.is_file())
    damage(path)
    name = path.relative_to(copy).as_posix()
    with pytest.raises(DatasetError, match=f"{name} (is missing|has [0-9,]+ bytes instead of)"):
        Dataset(copy)
    assert any(problem.startswith(name) for problem in verify_dataset(copy).problems)
    if kind == "labels":
        done = run_command("info", copy)
        assert done.returncode == 3
        assert name in done.stderr
        assert run_command("verify", copy).returncode == 3


def test_files_that_do_not_belong_to_the_dataset_are_reported(copy: Path) -> None:
    (copy / "audio" / "99999.arrow").write_bytes(b"")
    report = verify_dataset(copy)
    assert report.problems == ("audio/99999.arrow is not in the manifest",)
    assert report.describe()[0].endswith("; 1 problem")


def remove_checksums(folder: Path) -> None:
    """Turn a dataset into one of format version 1."""
    manifest = json.loads((folder / "dataset.json").read_text())
    del manifest["files"], manifest["build_version"]
    (folder / "dataset.json").write_text(json.dumps({**manifest, "format_version": 1}))
    summary = json.loads((folder / "summary.json").read_text())
    del summary["num_failed"]
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "classes.parquet").unlink()
    shutil.rmtree(folder / "index")


def test_a_dataset_of_format_version_1_is_read_and_said_to_have_no_checksums(
    built: Path, copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    remove_checksums(copy)
    old, new = Dataset(copy), Dataset(built)
    assert "without checksums" in capsys.readouterr().err
    assert old.names == new.names
    assert old.summary == new.summary
    assert old.digest == new.digest
    used = new.class_table().filter(pa.compute.is_valid(new.class_table().column("vocabulary_index")))
    assert old.class_table().drop(["id", "name"]).equals(used.drop(["id", "name"]))
    np.testing.assert_array_equal(old.read(3), new.read(3))
    report = verify_dataset(copy)
    assert (report.has_checksums, report.problems) == (False, ())
    assert "only the structure" in report.describe()[0]


def test_every_label_row_has_a_name_in_duckdb(built: Path) -> None:
    classes = pq.read_table(built / "classes.parquet")
    assert classes.schema == CLASS_SCHEMA
    dataset = Dataset(built)
    assert len(classes) == sum(teacher.num_classes for teacher in dataset.manifest.teachers)
    assert {record.sense for record in dataset.classes} == {"seen", "heard"}
    for record in dataset.classes:
        (row,) = [row for row in classes.to_pylist() if row["vocabulary_index"] == record.index]
        assert (row["teacher"], row["class_index"]) == (record.teacher, record.class_index)
        assert (row["sense"], row["count"]) == (record.sense, record.count)
    assert None in classes.column("vocabulary_index").to_pylist()  # k=6 with one label a clip leaves some unused
    for teacher in dataset.manifest.teachers:
        labels = f"(select unnest(classes) as class_index from '{built}/labels/{teacher.name}/*.parquet')"
        names = f"(select * from '{built}/classes.parquet' where teacher = '{teacher.name}')"
        query = f"select count(*), count(name) from {labels} left join {names} using (class_index)"
        with duckdb.connect() as connection:
            total, named = connection.execute(query).fetchone()
        assert total == named > 0


def test_the_reference_documents_every_column_file_and_reason(built: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/dataset.md").read_text()
    for schema in (CLIP_SCHEMA, AUDIO_SCHEMA, LABEL_SCHEMA, CLASS_SCHEMA, REJECTION_SCHEMA):
        for name in schema.names:
            assert f"`{name}`" in page, name
    manifest = json.loads((built / "dataset.json").read_text())
    names = [*manifest, *manifest["teachers"][0], *manifest["shards"][0]]
    names += [path.name for path in built.iterdir() if path.is_file()]
    from hearsight.records import RejectReason

    assert [name for name in [*names, *RejectReason] if f"`{name}`" not in page] == []
