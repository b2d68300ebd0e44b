from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.metrics.balanced import draw_balanced


def draw(seed=0, clips=3_000):
    rng = np.random.default_rng(seed)
    return rng.random((clips, 6)) < np.array([0.4, 0.2, 0.1, 0.05, 0.02, 0.001])


def test_every_class_has_as_many_clips_as_asked_or_all_that_there_are():
    targets = draw()
    found = draw_balanced(targets, 33)
    total = targets.sum(axis=0)
    assert (found.counts >= np.minimum(33, total)).all()
    assert found.short == tuple(np.flatnonzero(total < 33))
    np.testing.assert_array_equal(found.counts, targets[found.rows].sum(axis=0))
    assert (np.diff(found.rows) > 0).all()


def test_the_draw_is_much_more_even_than_what_it_was_drawn_from():
    targets = draw()
    counts = draw_balanced(targets, 33).counts[:5]
    assert counts.max() / counts.min() < 3 < targets.sum(axis=0)[0] / targets.sum(axis=0)[4]


def test_clips_of_one_class_each_are_drawn_exactly():
    labels = np.repeat(np.arange(4), [50, 40, 60, 10])
    found = draw_balanced(labels[:, None] == np.arange(4), 33)
    assert found.counts.tolist() == [33, 33, 33, 10]
    assert found.short == (3,)


def test_the_draw_depends_on_its_seed_alone():
    targets = draw()
    np.testing.assert_array_equal(draw_balanced(targets, 20, seed=1).rows, draw_balanced(targets, 20, seed=1).rows)
    assert draw_balanced(targets, 20, seed=1).rows.tolist() != draw_balanced(targets, 20, seed=2).rows.tolist()


def test_clips_without_a_class_are_never_drawn():
    targets = draw()
    targets[:100] = False
    assert draw_balanced(targets, 1_000).rows.min() >= 100
    with pytest.raises(UsageError, match="at least 1"):
        draw_balanced(targets, 0)


def test_unless_told_otherwise_33_clips_of_each_class_are_drawn_with_seed_0():
    targets = draw()
    np.testing.assert_array_equal(draw_balanced(targets).rows, draw_balanced(targets, 33, seed=0).rows)


def test_one_clip_of_each_class_can_be_drawn():
    assert draw_balanced(np.eye(4, dtype=bool), 1).counts.tolist() == [1, 1, 1, 1]
