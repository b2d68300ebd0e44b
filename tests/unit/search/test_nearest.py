from __future__ import annotations

import numpy as np
import pytest

from hearsight.search import nearest
from hearsight.search.nearest import bound_error, compute_coarse, find_nearest


def test_rows_of_zeros_have_no_similarity_to_anything():
    values = np.array([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], np.float32)
    matches = find_nearest(values, np.array([0, 1, 1], np.float32), np.array([2.0, 0.0]), 3)
    assert matches.rows.tolist() == [1, 0, 2]
    assert matches.similarities.tolist() == [1.0, 0.0, -1.0]


def test_equal_rows_are_returned_in_their_order(monkeypatch):
    monkeypatch.setattr(nearest, "BLOCK_ROWS", 7)
    values = np.tile(np.random.default_rng(0).standard_normal((3, 33)).astype(np.float32), (20, 1))
    norms = np.linalg.norm(values, axis=1).astype(np.float32)
    assert find_nearest(values, norms, values[1].astype(float), 25).rows[:20].tolist() == list(range(1, 60, 3))


@pytest.mark.parametrize("dim", [1, 128, 2048])
def test_the_error_of_the_first_pass_stays_below_its_bound(dim):
    rng = np.random.default_rng(dim)
    values = (rng.standard_normal((500, dim)) * 10.0 ** rng.integers(-3, 4, (500, 1))).astype(np.float32)
    unit = rng.standard_normal(dim)
    unit /= np.linalg.norm(unit)
    wide = values.astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    coarse = compute_coarse(values, lengths.astype(np.float32), unit.astype(np.float32))
    assert np.abs(coarse - wide @ unit / lengths).max() <= bound_error(dim)
