from __future__ import annotations

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile

from hearsight.errors import UsageError
from hearsight.listening.recordings import find_recordings
from hearsight.search import atlas
from hearsight.search.atlas import find_neighbors, write_atlas
from hearsight.search.build import IndexOptions, index_recordings
from hearsight.search.index import Index


@pytest.fixture
def index(run, tmp_path, write_sound):
    (tmp_path / "night").mkdir()
    write_sound("night/a.wav", 3.0)
    write_sound("night/b.wav", 2.5, seed=1)
    options = IndexOptions(map=True)
    index_recordings(str(run), find_recordings([tmp_path / "night"], []), tmp_path / "index", options)
    return Index.open(tmp_path / "index")


def test_a_row_has_its_place_its_neighbours_and_its_sound(index, tmp_path, monkeypatch):
    monkeypatch.setattr(atlas, "GROUP_ROWS", 4)
    assert write_atlas(index, tmp_path / "atlas.parquet") == 6
    table = pq.read_table(tmp_path / "atlas.parquet")
    np.testing.assert_array_equal(np.stack([table["x"], table["y"]], axis=1), index.places)
    unit = index.embeddings / index.norms[:, None]
    distances = 1.0 - unit @ unit.T
    for number, row in enumerate(table["neighbors"].to_pylist()):
        expected = np.sort(np.delete(distances[number], number))
        np.testing.assert_allclose(row["distances"], np.maximum(expected, 0.0), atol=1e-6)
        assert number not in row["ids"]
    second = table["audio"].to_pylist()[4]
    assert second["path"] == "b.wav@1"
    found, rate = soundfile.read(io.BytesIO(second["bytes"]))
    whole, _ = soundfile.read(tmp_path / "night" / "b.wav")
    assert rate == 16_000
    np.testing.assert_allclose(found, whole[16_000:][: len(found)], atol=1e-4)


def test_overlapping_spans_and_a_recording_that_is_gone(run, tmp_path, write_sound):
    path = write_sound("a.wav", 2.0)
    options = IndexOptions(hop=0.25, map=True)
    index_recordings(str(run), find_recordings([path], []), tmp_path / "index", options)
    index = Index.open(tmp_path / "index")
    sounds = [soundfile.read(io.BytesIO(one["bytes"]))[0] for one in atlas._read_sounds(index)]
    np.testing.assert_allclose(sounds[1][:4000], sounds[0][4000:8000], atol=1e-4)
    path.unlink()
    assert [one["bytes"] for one in atlas._read_sounds(index)] == [None] * index.manifest.rows


def test_neighbours_are_found_across_blocks(index, monkeypatch):
    whole = find_neighbors(index, np.arange(6), 3)
    monkeypatch.setattr(atlas, "_BLOCK_ROWS", 1)
    parts = find_neighbors(index, np.arange(6), 3)
    np.testing.assert_array_equal(whole[0], parts[0])


def test_an_index_without_map_and_another_suffix_are_refused(run, tmp_path, write_sound):
    index_recordings(str(run), find_recordings([write_sound("a.wav", 1.0)], []), tmp_path / "index", IndexOptions())
    with pytest.raises(UsageError, match="--map makes it"):
        write_atlas(Index.open(tmp_path / "index"), tmp_path / "atlas.parquet")
    with pytest.raises(UsageError, match="parquet"):
        write_atlas(Index.open(tmp_path / "index"), tmp_path / "atlas.csv")
