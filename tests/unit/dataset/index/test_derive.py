"""The index has the same content as the tables, is derived again where they change, and answers questions in SQL."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import duckdb
import numpy as np
import pytest

from hearsight.dataset.index import derive
from hearsight.dataset.index.arrays import read_index
from hearsight.dataset.index.derive import derive_index, derive_missing_index
from hearsight.dataset.layout import Layout
from hearsight.dataset.reader import Dataset
from hearsight.dataset.verify import verify_dataset
from hearsight.errors import DatasetError
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset

TEACHERS = [
    InventedTeacher("eye", "vision", ["cat", "dog", "car", "never"], top=2),
    InventedTeacher("ear", "audio", ["meow", "bark"], threshold=0.3),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw = np.random.default_rng(3)
    clips = [
        InventedClip(
            f"video-{place % 9}.mp4",
            {
                "eye": {
                    int(one): float(draw.random()) for one in draw.choice(3, size=draw.integers(0, 4), replace=False)
                },
                "ear": {int(one): float(draw.random()) for one in draw.choice(2, size=1)},
            },
        )
        for place in range(40)
    ]
    return write_dataset(tmp_path / "dataset", TEACHERS, clips, num_shards=8)


def test_a_dataset_reads_the_same_with_an_index_as_without(folder: Path) -> None:
    before = Dataset(folder)
    assert derive_index(folder)
    after = Dataset(folder)
    assert read_index(Layout(folder)) is not None
    assert after.digest == before.digest
    for name in ("num_samples", "folds"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    for index in range(len(before)):
        np.testing.assert_array_equal(after.read(index), before.read(index))
        np.testing.assert_array_equal(after.read(index, 5, 7), before.read(index, 5, 7))
        np.testing.assert_array_equal(after.labels(index).visual, before.labels(index).visual)
        np.testing.assert_array_equal(after.labels(index).audio, before.labels(index).audio)
        np.testing.assert_array_equal(after.probabilities(index), before.probabilities(index))
        np.testing.assert_array_equal(after.distribution(index), before.distribution(index))
    chosen = after.with_teachers(["ear"])
    assert [chosen.names[one] for one in chosen.labels(0).audio] == [after.names[one] for one in after.labels(0).audio]


def test_an_index_is_derived_once_and_again_where_the_dataset_has_changed(folder: Path) -> None:
    assert derive_index(folder)
    assert not derive_index(folder)
    layout = Layout(folder)
    layout.manifest.write_text(layout.manifest.read_text().replace('"validation_folds": 273', '"validation_folds": 9'))
    assert read_index(layout) is None
    assert "index/index.json is missing, damaged, or of another dataset.json" in verify_dataset(folder).problems[0]
    assert len(Dataset(folder).folds) == 40  # from the tables
    assert derive_index(folder)
    assert verify_dataset(folder).problems == ()


@pytest.mark.parametrize("name", ["first_byte", "num_samples", "fold", "00.ends", "00.classes", "01.probabilities"])
def test_a_flipped_bit_of_an_index_is_noticed_when_the_row_is_read(folder: Path, name: str) -> None:
    derive_index(folder)
    path = folder / "index" / f"{name}.bin"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    dataset = Dataset(folder)
    with pytest.raises(DatasetError, match=f"{name}.bin: damaged|differ from their checksum"):
        [(dataset.read(index), dataset.probabilities(index), dataset.folds) for index in range(len(dataset))]
    (problem,) = verify_dataset(folder).problems
    assert problem.startswith(f"index/{name}.bin: damaged")


def test_a_missing_file_of_an_index_is_noticed_at_opening(folder: Path) -> None:
    derive_index(folder)
    (folder / "index" / "fold.bin").unlink()
    with pytest.raises(DatasetError, match=r"fold\.bin: cannot be mapped"):
        Dataset(folder)
    assert verify_dataset(folder).problems == ("index/fold.bin is missing",)


def test_duckdb_answers_from_the_index_what_the_dataset_says(folder: Path) -> None:
    derive_index(folder)
    dataset = Dataset(folder)
    labels = [[*dataset.labels(index).visual, *dataset.labels(index).audio] for index in range(len(dataset))]
    with duckdb.connect() as connection:
        counts = f"select label, count(*) from '{folder}/index/labels.parquet' group by label"
        assert dict(connection.execute(counts).fetchall()) == {one.index: one.count for one in dataset.classes}
        counts = f"select label, clips from '{folder}/index/counts.parquet'"
        assert dict(connection.execute(counts).fetchall()) == {one.index: one.count for one in dataset.classes}
        clips = f"select clip from '{folder}/index/labels.parquet' where label = 1 order by clip"
        found = [row[0] for row in connection.execute(clips).fetchall()]
        assert found == [index for index, own in enumerate(labels) if 1 in own]
        split = f"select fold < 273, count(*) from '{folder}/index/clips.parquet' group by all"
        expected = {True: len(dataset.indices("validation")), False: len(dataset.indices("train"))}
        assert dict(connection.execute(split).fetchall()) == {key: count for key, count in expected.items() if count}


def test_counts_that_are_not_those_of_the_vocabulary_are_a_problem(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = derive._IndexWriter._append_labels
    monkeypatch.setattr(
        derive._IndexWriter, "_append_labels", lambda self, *rows: [append(self, *rows) for _ in range(2)]
    )
    derive_index(folder)
    (problem,) = verify_dataset(folder).problems
    assert problem.startswith("index/counts.parquet differs from the vocabulary in 5 of 5 classes")
    monkeypatch.undo()
    assert verify_dataset(folder, repair=True).problems == ()


@pytest.mark.parametrize("damage", ["absent", "flipped", "missing", "stray"])
def test_repair_derives_the_index_again(folder: Path, damage: str) -> None:
    derive_index(folder)
    index = folder / "index"
    expected = {path.name: path.read_bytes() for path in index.iterdir()}
    if damage == "absent":
        shutil.rmtree(index)
    elif damage == "flipped":
        content = bytearray((index / "fold.bin").read_bytes())
        content[3] ^= 1
        (index / "fold.bin").write_bytes(content)
    elif damage == "missing":
        (index / "00.classes.bin").unlink()
    else:
        (index / "stray.bin").write_bytes(b"?")
    assert verify_dataset(folder, repair=True).problems == ()
    assert {path.name: path.read_bytes() for path in index.iterdir()} == expected


def test_repair_does_not_derive_an_index_from_damaged_tables(folder: Path) -> None:
    derive_index(folder)
    (folder / "index" / "fold.bin").unlink()
    table = next((folder / "clips").iterdir())
    table.write_bytes(table.read_bytes() + b"?")
    problems = verify_dataset(folder, repair=True).problems
    assert any(problem.startswith("clips/") for problem in problems)
    assert "index/fold.bin is missing" in problems


def test_a_finished_dataset_without_an_index_gets_one_where_the_disk_lets_it(folder: Path, capsys, monkeypatch) -> None:
    derive_missing_index(folder)
    assert read_index(Layout(folder)) is not None
    shutil.rmtree(folder / "index")

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(folder / "index"))

    monkeypatch.setattr(Path, "mkdir", refuse)
    derive_missing_index(folder)
    assert "the dataset is read from its tables" in capsys.readouterr().err
    assert len(Dataset(folder).folds) == 40
