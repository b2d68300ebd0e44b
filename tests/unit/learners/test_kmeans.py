from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.learners import kmeans
from hearsight.learners.kmeans import fit_kmeans


def draw_groups(seed: int = 0, sizes=(50, 30, 20), dim: int = 4, spread: float = 0.1):
    rng = np.random.default_rng(seed)
    middles = 5.0 * rng.standard_normal((len(sizes), dim))
    rows = np.concatenate(
        [middle + spread * rng.standard_normal((n, dim)) for middle, n in zip(middles, sizes, strict=True)]
    )
    labels = np.repeat(np.arange(len(sizes)), sizes)
    order = rng.permutation(len(rows))
    return rows[order].astype(np.float32), labels[order], middles.astype(np.float32)


def test_kmeans_finds_separate_groups_most_populous_first():
    rows, _, middles = draw_groups()
    centres = fit_kmeans(rows, 3, seed=0)
    np.testing.assert_allclose(centres, middles, atol=0.1)


def test_kmeans_is_the_same_bit_for_bit_on_any_number_of_threads():
    program = (
        "import numpy as np; from hearsight.learners.kmeans import fit_kmeans;"
        "x = np.random.default_rng(0).standard_normal((3000, 24)).astype(np.float32);"
        "print(fit_kmeans(x, 32, seed=3).tobytes().hex())"
    )
    seen = set()
    for threads in ("1", "3"):
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        result = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
        )
        seen.add(result.stdout)
    assert len(seen) == 1
    assert len(seen.pop()) > 32 * 24 * 8


def test_kmeans_draws_only_from_its_seed():
    rows = np.random.default_rng(5).standard_normal((400, 8)).astype(np.float32)
    np.random.seed(1)  # noqa: NPY002
    one = fit_kmeans(rows, 20, seed=1)
    np.random.seed(2)  # noqa: NPY002
    np.testing.assert_array_equal(one, fit_kmeans(rows, 20, seed=1))
    assert not np.array_equal(one, fit_kmeans(rows, 20, seed=2))


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_kmeans_gives_each_distinct_point_when_there_are_no_more(offset):
    points = np.array(
        [[0.0, 1.0], [2.0, 0.0], [-0.0, 1.0], [3.0, 3.0], [3.0, 3.0], [3.0, 3.0]], dtype=np.float32
    ) + np.float32(offset)
    centres = fit_kmeans(points, 10, seed=0)
    expected = np.array([[3.0, 3.0], [0.0, 1.0], [2.0, 0.0]], dtype=np.float32) + np.float32(offset)
    np.testing.assert_array_equal(centres, expected)


def test_kmeans_of_many_items_goes_by_batches_and_finds_the_same_groups(monkeypatch):
    monkeypatch.setattr(kmeans, "LLOYD_ITEMS", 100)
    monkeypatch.setattr(kmeans, "BATCH_ITEMS", 64)
    rows, _, middles = draw_groups(sizes=(500, 300, 200))
    centres = fit_kmeans(rows, 3, seed=0)
    np.testing.assert_allclose(centres, middles, atol=0.2)


def test_kmeans_refuses_what_has_no_centres():
    rows = np.zeros((3, 2), dtype=np.float32)
    with pytest.raises(UsageError, match="at least one"):
        fit_kmeans(rows, 0, seed=0)
    with pytest.raises(UsageError, match="at least one item"):
        fit_kmeans(rows[:0], 2, seed=0)
    rows[1, 1] = np.inf
    with pytest.raises(UsageError, match=r"1 of 3 rows are not finite \(rows 1\)"):
        fit_kmeans(rows, 2, seed=0)
