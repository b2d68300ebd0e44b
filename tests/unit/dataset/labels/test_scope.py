"""Labels of whole media files, which their clips inherit: by hand, and in a dataset that is labelled again and back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hearsight.config import LabelConfig
from hearsight.dataset.labels.scope import inherit_labels, restore_labels
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel.label import label_dataset
from hearsight.dataset.verify import verify_dataset
from hearsight.records import LABEL_SCHEMA
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset


def _make_table(items: list[list[dict[int, float]]]) -> pa.Table:
    """Soft labels of clips, from the probabilities of each of their items."""
    rows = [
        {
            "uuid": str(place),
            "classes": [],
            "probabilities": [],
            "item_classes": [list(one) for one in clip],
            "item_probabilities": [list(one.values()) for one in clip],
        }
        for place, clip in enumerate(items)
    ]
    return restore_labels(pa.Table.from_pylist(rows, LABEL_SCHEMA), top=0)


def test_the_labels_of_a_clip_are_the_mean_of_its_items() -> None:
    table = _make_table([[{3: 0.5, 1: 0.25}, {1: 0.5}], [{2: 1.0}], []])
    assert table.column("classes").to_pylist() == [[1, 3], [2], []]
    np.testing.assert_allclose(table.column("probabilities")[0].as_py(), [0.375, 0.25])


def test_clips_inherit_the_mean_of_their_media_weighted_by_items() -> None:
    table = _make_table([[{0: 0.6}], [{5: 0.9}], [{0: 0.3, 1: 0.3}, {0: 0.3, 1: 0.9}]])
    whole = inherit_labels(table, ["a", "b", "a"], top=0)
    assert whole.column("classes").to_pylist() == [[0, 1], [5], [0, 1]]
    np.testing.assert_allclose(whole.column("probabilities")[0].as_py(), [(0.6 + 2 * 0.3) / 3, 2 * 0.6 / 3], rtol=1e-6)
    assert whole.column("probabilities")[2] == whole.column("probabilities")[0]
    for kept in ("uuid", "item_classes", "item_probabilities"):
        assert whole.column(kept).equals(table.column(kept))
    assert inherit_labels(table, ["a", "b", "a"], top=1).column("classes").to_pylist() == [[0], [5], [0]]
    assert restore_labels(whole, top=0).equals(table)


@pytest.mark.parametrize(
    "convert", [lambda table: inherit_labels(table, [], 3), lambda table: restore_labels(table, 3)]
)
def test_a_shard_without_clips_has_no_labels(convert: Callable[[pa.Table], pa.Table]) -> None:
    assert convert(LABEL_SCHEMA.empty_table()).equals(LABEL_SCHEMA.empty_table())


def test_a_dataset_is_labelled_by_media_and_back(tmp_path: Path) -> None:
    teachers = [InventedTeacher("onnx-seen", "vision", ["dog", "cat", "car"])]
    clips = [InventedClip(f"{k // 2}.mp4", {"onnx-seen": {k % 3: 0.5, 2: 0.25}}) for k in range(8)]
    parent = Dataset(write_dataset(tmp_path / "parent", teachers, clips))
    before = (parent.path / "labels/onnx-seen/00000.parquet").read_bytes()
    label_dataset(parent.path, tmp_path / "media", LabelConfig(policy="hershey"))  # pyright: ignore[reportArgumentType]
    media = Dataset(tmp_path / "media")
    sources = media.clips().column("source").to_pylist()
    labels = {source: set() for source in sources}
    for place, source in enumerate(sources):
        labels[source].add(tuple(media.labels(place).visual.tolist()))
    assert all(len(found) == 1 for found in labels.values())
    assert max(len(media.labels(k).visual) for k in range(8)) == 3 > max(len(parent.labels(k).visual) for k in range(8))
    label_dataset(media.path, tmp_path / "back", LabelConfig())
    back = Dataset(tmp_path / "back")
    for clip in range(8):
        np.testing.assert_array_equal(back.labels(clip).visual, parent.labels(clip).visual)
    assert (parent.path / "labels/onnx-seen/00000.parquet").read_bytes() == before
    assert not verify_dataset(media.path).problems
