from __future__ import annotations

import numpy as np
import pytest

from hearsight.errors import UsageError
from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.blocks import check_shapes, walk_columns, walk_rows
from hearsight.metrics.ranking import rank_classes
from hearsight.metrics.tagging import count_at_threshold, hits, lwlrap


def draw(clips=90, classes=21, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((clips, classes)).astype(np.float16), rng.random((clips, classes)) < 0.15


@pytest.fixture
def mapped(tmp_path):
    """Scores and packed targets in files, mapped."""
    scores, targets = draw()
    np.save(tmp_path / "scores.npy", scores)
    np.save(tmp_path / "targets.npy", np.packbits(targets, axis=1))
    return np.load(tmp_path / "scores.npy", mmap_mode="r"), np.load(tmp_path / "targets.npy", mmap_mode="r")


def test_files_and_packed_truths_measure_as_arrays_do(mapped):
    scores, targets = draw()
    one, other = rank_classes(scores, targets), rank_classes(*mapped, block_bytes=1)
    np.testing.assert_array_equal(one.average_precision, other.average_precision)
    np.testing.assert_array_equal(one.area_under_curve, other.area_under_curve)
    np.testing.assert_array_equal(hits(scores, targets, top=3), hits(*mapped, top=3))
    assert lwlrap(scores, targets) == lwlrap(*mapped)
    assert count_at_threshold(scores, targets).micro_f1 == count_at_threshold(*mapped).micro_f1


def test_the_pages_of_a_file_are_let_go_of_but_never_what_was_written_to_a_private_copy(tmp_path):
    scores, targets = draw()
    np.save(tmp_path / "scores.npy", scores)
    private = np.load(tmp_path / "scores.npy", mmap_mode="c")
    private[:, 0] = targets[:, 0]
    before = private.copy()
    assert rank_classes(private, targets).average_precision[0] == 1.0
    np.testing.assert_array_equal(private, before)


@pytest.mark.parametrize("block_bytes", [1, 5_000, 10**9])
def test_blocks_go_through_everything_once_in_order(block_bytes):
    scores, targets = draw()
    columns = list(walk_columns(scores, np.packbits(targets, axis=1), block_bytes))
    np.testing.assert_array_equal(np.concatenate([block for _, block, _ in columns], axis=1), scores)
    np.testing.assert_array_equal(np.concatenate([flags for _, _, flags in columns], axis=1), targets)
    rows = list(walk_rows(scores, targets, block_bytes))
    np.testing.assert_array_equal(np.concatenate([flags for _, _, flags in rows]), targets)
    assert [part.start for part, _, _ in rows] == sorted({part.start for part, _, _ in rows})


def test_the_number_of_threads_does_not_change_the_result():
    scores, targets = draw()
    one, three = rank_classes(scores, targets, threads=1), rank_classes(scores, targets, threads=3)
    np.testing.assert_array_equal(one.average_precision, three.average_precision)
    np.testing.assert_array_equal(one.num_positives, targets.sum(axis=0))


def test_truths_of_another_shape_are_refused():
    scores, targets = draw()
    with pytest.raises(UsageError, match=r"and targets of shape \(90, 20\)"):
        check_shapes(scores, targets[:, :-1])
    with pytest.raises(UsageError, match=r"packed targets of shape \(90, 21\)"):
        mean_average_precision(scores, targets.astype(np.uint8))
    with pytest.raises(UsageError, match="1 of the values are NaN"):
        mean_average_precision(np.where(np.arange(21) == 4, np.nan, scores[:1]), targets[:1])
