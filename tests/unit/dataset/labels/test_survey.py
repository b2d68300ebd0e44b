"""The configured policy of a teacher, and the labels that follow from it."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hearsight.config import PolicyConfig
from hearsight.dataset.labels.policy import choose_label_lists
from hearsight.dataset.labels.survey import SoftLabelTables, record_teacher
from hearsight.errors import ConfigError
from hearsight.records import LABEL_SCHEMA
from hearsight.teachers.clusters import ClusterTeacher
from hearsight.teachers.policy import keep_soft_labels


def _make_table(rows: list[list[float]]) -> pa.Table:
    soft = [keep_soft_labels(np.array([row], np.float32)) for row in rows]
    values = [{"uuid": str(place), **dataclasses.asdict(one)} for place, one in enumerate(soft)]
    return pa.Table.from_pylist(values, schema=LABEL_SCHEMA)


def _choose(policy: PolicyConfig, modality: str, rows: list[list[float]]) -> list[list[int]]:
    table = _make_table(rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labels.parquet"
        pq.write_table(table, path)
        tables = SoftLabelTables([path], len(table))
        record = record_teacher(ClusterTeacher(modality, k=4), 4, tables, policy)  # type: ignore[arg-type]
    lists = choose_label_lists(
        table, top=record.top, threshold=record.threshold, min_probability=policy.min_probability
    )
    return [lists[clip].tolist() for clip in range(len(lists))]


ROWS = [[0.6, 0.3, 0.05, 0.04, 0.01], [0.02, 0.01, 0.02, 0.01, 0.02]]
"""A picture with something in it, and one in which nothing is recognised."""


def test_visual_labels_are_chosen_by_rank_alone_unless_a_threshold_is_set():
    assert _choose(PolicyConfig(), "vision", ROWS) == [[0, 1, 2, 3, 4], [0, 2, 4, 1, 3]]
    assert _choose(PolicyConfig(vision_threshold=0.05), "vision", ROWS) == [[0, 1, 2], []]


def test_each_modality_has_a_threshold_of_its_own():
    policy = PolicyConfig(vision_threshold=0.5, audio_threshold=0.3)
    assert _choose(policy, "vision", ROWS) == [[0], []]
    assert _choose(policy, "audio", ROWS) == [[0, 1], []]


def test_a_fitted_threshold_keeps_the_mean_number_of_labels():
    assert _choose(PolicyConfig(audio_mean=1.0), "audio", ROWS) == [[0, 1], []]


@pytest.mark.parametrize("key", ["vision_threshold", "audio_threshold"])
@pytest.mark.parametrize("value", [-0.1, 5.0])
def test_a_threshold_is_a_probability(key: str, value: float):
    with pytest.raises(ConfigError, match=f"{key} = {value}, wanted at (least|most)"):
        PolicyConfig(**{key: value})
