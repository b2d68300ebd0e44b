from __future__ import annotations

import json
import re

import numpy as np
import pyarrow.parquet as pq
import pytest

from hearsight.errors import IndexFolderError, UsageError
from hearsight.search.index import Index
from hearsight.search.manifest import NAME, ModelIdentity
from tests.support.search import write_arrays


@pytest.fixture(scope="module")
def values() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((40, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def index(tmp_path_factory, values) -> Index:
    sites = ["north" if row < 12 else "south" for row in range(40)]
    return write_arrays(tmp_path_factory.mktemp("search") / "index", values, site=sites, depth=list(range(40)))


def test_rows_and_embeddings_are_those_that_were_written(index, values):
    assert isinstance(index.embeddings, np.memmap)
    np.testing.assert_array_equal(index.embeddings, values)
    np.testing.assert_allclose(index.norms, np.linalg.norm(values, axis=1), rtol=1e-6)
    assert index.rows.column_names == ["source", "start", "duration", "time", "tags", "probabilities", "site", "depth"]
    assert index.rows["source"].to_pylist()[:5] == ["0.wav"] * 4 + ["1.wav"]
    assert index.recordings["rows"].to_pylist() == [4] * 10
    assert index.manifest.metadata == ("site", "depth")
    assert index.locate("1.wav") == index.folder.parent / "1.wav"


def test_arrays_are_plain_numpy_files(index, values):
    np.testing.assert_array_equal(np.load(index.folder / index.manifest.embeddings), values)


def test_the_nearest_row_is_the_query_itself(index, values):
    matches = index.query(values[17], top=3)
    assert matches.rows[0] == 17
    assert matches.similarities[0] == pytest.approx(1.0)
    assert (np.diff(matches.similarities) <= 0.0).all()


def test_a_condition_and_rows_that_are_left_out_limit_the_result(index, values):
    matches = index.query(values[17], top=40, where="site = 'north'", leave_out=np.array([0, 3]))
    assert sorted(matches.rows.tolist()) == [1, 2, *range(4, 12)]
    assert len(index.query(values[0], where="depth < 0").rows) == 0


@pytest.mark.parametrize(
    ("vector", "message"),
    [
        (np.full(8, np.nan), "vector: numbers that are not finite, wanted an embedding"),
        (np.zeros(8), "vector: zeros only"),
        (np.ones(7), r"vector: shape \(7,\), wanted \(8,\)"),
    ],
)
def test_a_vector_without_a_direction_is_refused(index, vector, message):
    with pytest.raises(UsageError, match=message):
        index.query(vector)


def test_no_result_is_refused(index, values):
    with pytest.raises(UsageError, match="top: 0, wanted at least 1"):
        index.query(values[0], top=0)


def test_an_index_is_replaced_as_a_whole_and_old_files_are_removed(tmp_path, values):
    first = write_arrays(tmp_path / "index", values)
    write_arrays(tmp_path / "index", values[:8])
    assert len(list((tmp_path / "index").iterdir())) == 5
    assert Index.open(tmp_path / "index").manifest.rows == 8
    # what is open stays as it was
    assert first.query(values[30], top=1).rows.tolist() == [30]
    assert (len(first.rows), len(first.recordings)) == (40, 10)


def test_an_empty_index_has_no_nearest_rows(tmp_path, values):
    empty = write_arrays(tmp_path / "index", values[:0])
    assert len(empty.query(values[0]).rows) == len(empty.rows) == 0


def test_a_folder_without_an_index_is_refused_with_the_command_that_makes_one(tmp_path):
    with pytest.raises(IndexFolderError, match="an empty folder, wanted an index\nhint: hearsight index"):
        Index.open(tmp_path)
    with pytest.raises(IndexFolderError, match="no such file"):
        Index.open(tmp_path / "absent")


def test_a_damaged_index_is_refused_with_the_name_of_the_file(tmp_path, values):
    index = write_arrays(tmp_path / "index", values)
    arrays = index.folder / index.manifest.embeddings
    arrays.write_bytes(arrays.read_bytes()[:200])
    with pytest.raises(IndexFolderError, match=re.escape(arrays.name)):
        Index.open(index.folder)


def test_a_manifest_cannot_name_files_elsewhere(tmp_path, values):
    index = write_arrays(tmp_path / "index", values)
    manifest = json.loads((index.folder / NAME).read_text())
    (index.folder / NAME).write_text(json.dumps({**manifest, "embeddings": "../../secret-0000000000000000.npy"}))
    with pytest.raises(IndexFolderError, match="embeddings = "):
        Index.open(index.folder)


def test_tables_that_do_not_fit_the_manifest_are_refused(tmp_path, values):
    index = write_arrays(tmp_path / "index", values)
    table = index.folder / index.manifest.rows_table
    pq.write_table(index.rows.slice(0, 7), table.with_suffix(".new"))
    table.with_suffix(".new").replace(table)
    with pytest.raises(IndexFolderError, match="7 rows in its table, wanted 40"):
        _ = Index.open(index.folder).rows
    table.unlink()
    with pytest.raises(IndexFolderError, match="no such file, wanted a table"):
        Index.open(index.folder)


def test_an_index_of_another_model_is_refused_and_named(index, listener):
    with pytest.raises(UsageError, match=r"made by tiny \(000000000000\), from --model run, wanted an index of"):
        index.check_model(listener)


def test_an_index_of_the_same_model_is_accepted(tmp_path, values, listener):
    write_arrays(tmp_path / "index", values, model=ModelIdentity.of(listener, "run")).check_model(listener)
