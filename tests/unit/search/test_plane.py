from __future__ import annotations

import numpy as np
import pytest

from hearsight.files import find_temporary_files
from hearsight.listening.recordings import find_recordings
from hearsight.search import plane
from hearsight.search.build import IndexOptions, index_recordings
from hearsight.search.index import Index
from hearsight.search.plane import lay_out


def make_groups(count, seed=0):
    """Rows near three directions, and which of them each is near."""
    generator = np.random.default_rng(seed)
    centres = np.eye(3, 8, dtype=np.float32)
    group = generator.integers(0, 3, count)
    scale = generator.uniform(0.5, 4.0, (count, 1))
    rows = (scale * (centres[group] + 0.05 * generator.standard_normal((count, 8)))).astype(np.float32)
    return rows, np.linalg.norm(rows, axis=1).astype(np.float32), group


@pytest.fixture
def few_landmarks(monkeypatch):
    monkeypatch.setattr(plane, "MOST_LANDMARKS", 30)
    monkeypatch.setattr(plane, "BLOCK_ROWS", 16)


def test_rows_of_one_direction_lie_together_whether_they_are_landmarks_or_not(few_landmarks):
    rows, norms, group = make_groups(100)
    places = lay_out(rows, norms)
    centres = np.stack([places[group == one].mean(axis=0) for one in range(3)])
    nearest = np.linalg.norm(places[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == group).all()
    assert np.ptp(places, axis=0).max() == pytest.approx(2.0)
    assert np.abs(places).max() <= 1.0 + 1e-6


def test_the_same_seed_has_the_same_map_and_another_seed_another_one(few_landmarks):
    rows, norms, _ = make_groups(60)
    np.testing.assert_array_equal(lay_out(rows, norms, 1), lay_out(rows, norms, 1))
    assert not np.array_equal(lay_out(rows, norms, 1), lay_out(rows, norms, 2))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_few_rows_have_places_too(count):
    rows, norms, _ = make_groups(count)
    places = lay_out(rows, norms)
    assert places.shape == (count, 2)
    assert np.isfinite(places).all()


def test_rows_that_are_all_alike_or_zero_are_at_one_place():
    rows = np.ones((12, 4), np.float32)
    assert not lay_out(rows, np.full(12, 2.0, np.float32)).any()
    assert not lay_out(0.0 * rows, np.zeros(12, np.float32)).any()


def test_an_index_has_a_map_where_one_is_wanted_and_keeps_having_one(run, tmp_path, write_sound, few_landmarks):
    one = write_sound("a.wav", 4.0)
    out = tmp_path / "index"
    index_recordings(str(run), find_recordings([one], []), out, IndexOptions())
    assert Index.open(out).places is None
    report = index_recordings(str(run), find_recordings([one], []), out, IndexOptions(map=True))
    assert report.num_done == 0
    assert Index.open(out).places.shape == (4, 2)
    two = write_sound("b.wav", 2.0, seed=1)
    index_recordings(str(run), find_recordings([two], []), out, IndexOptions())
    index = Index.open(out)
    assert index.places.shape == (6, 2)
    assert {one.name for one in out.iterdir()} == {*index.manifest.list_files(), "index.json"}
    assert not list(find_temporary_files(out))
