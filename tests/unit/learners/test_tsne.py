from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.learners.tsne import map_to_plane


def test_a_map_keeps_groups_together_and_is_the_same_every_time() -> None:
    generator = np.random.default_rng(0)
    centres = 20.0 * generator.standard_normal((3, 40))
    groups = np.repeat(np.arange(3), 20)
    features = centres[groups] + generator.standard_normal((60, 40))
    points = map_to_plane(features, seed=1)
    assert points.shape == (60, 2)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 1e9 * np.eye(60)
    assert (groups[distances.argmin(axis=1)] == groups).all()
    np.testing.assert_array_equal(points, map_to_plane(features, seed=1))


@pytest.mark.parametrize(("count", "dim"), [(5, 1), (6, 3), (7, 200)])
def test_few_items_of_any_length_can_be_mapped(count: int, dim: int) -> None:
    points = map_to_plane(np.random.default_rng(0).standard_normal((count, dim)).astype(np.float32), seed=0)
    assert points.shape == (count, 2)
    assert np.isfinite(points).all()


@pytest.mark.parametrize("features", [np.zeros((4, 3)), np.ones((9, 3)), np.full((9, 3), np.nan)])
def test_what_cannot_be_mapped_is_named(features: np.ndarray) -> None:
    with pytest.raises(UsageError, match="t-SNE"):
        map_to_plane(features, seed=0)
