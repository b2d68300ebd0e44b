from __future__ import annotations

import numpy as np
import pytest

from hearsight.world import pictures
from hearsight.world.kinds import KINDS, Kind
from tests.support.world import draw_samples


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_outline_is_inside_its_frame_and_not_tiny(kind: Kind) -> None:
    v, u = np.mgrid[-1.6:1.6:161j, -1.6:1.6:161j]
    inside = pictures.OUTLINES[kind.outline](u, v) > 0.0
    assert not inside[(np.abs(u) > 1.3) | (np.abs(v) > 1.3)].any()
    assert 0.2 < inside.sum() * 0.02**2 < 3.0  # area, of a frame of 4


@pytest.mark.parametrize("name", pictures.SURFACES)
def test_every_surface_mixes_two_colours(name: str) -> None:
    v, u = np.mgrid[-1.0:1.0:101j, -1.0:1.0:101j]
    share = pictures.SURFACES[name](u, v)
    assert share.min() >= 0.0
    assert share.max() <= 1.0
    assert name == "plain" or (share.min() < 0.1 and share.max() > 0.9)


def test_an_object_is_painted_where_it_is_and_nowhere_else() -> None:
    rng = np.random.default_rng(0)
    look = pictures.draw_look("disc", "plain", (0.5, 0.0), 1.0, rng)
    picture = np.full((pictures.HEIGHT, pictures.WIDTH, 3), 0.5, np.float32)
    pictures.paint(picture, look, 1.0, 0.0)
    changed = np.abs(picture - 0.5).max(axis=2) > 0.01
    rows, columns = np.nonzero(changed)
    assert changed.any()
    assert np.hypot(rows - look.y, columns - look.x).max() < 1.2 * look.radius * 1.2 + look.travel + 3.0


def test_an_object_grows_with_its_sound() -> None:
    look = pictures.draw_look("disc", "plain", (0.5, 0.0), 0.6, np.random.default_rng(1))
    areas = []
    for level in (0.0, 1.0):
        picture = np.zeros((pictures.HEIGHT, pictures.WIDTH, 3), np.float32)
        pictures.paint(picture, look, 0.0, level)
        areas.append(int((picture.max(axis=2) > 0.5 * look.colours[0].max()).sum()))
    assert areas[1] == pytest.approx(areas[0] * 1.125**2, rel=0.1)


def test_an_object_half_outside_the_picture_is_painted_in_part() -> None:
    look = pictures.draw_look("square", "checks", (0.0, 0.0), 1.0, np.random.default_rng(2))
    picture = np.zeros((pictures.HEIGHT, pictures.WIDTH, 3), np.float32)
    pictures.paint(picture, look, 0.0, 0.0)
    assert picture[:, :4].max() > 0.0


def test_the_same_seed_shows_the_same_looks_and_every_look_differs() -> None:
    first = draw_samples("star", "plain", 3, seed=1)
    np.testing.assert_array_equal(first, draw_samples("star", "plain", 3, seed=1))
    assert first.shape == (3, pictures.HEIGHT, pictures.WIDTH, 3)
    assert all(np.abs(first[0].astype(int) - other).mean() > 5.0 for other in first[1:])
