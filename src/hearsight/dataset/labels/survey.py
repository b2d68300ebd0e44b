"""The labels of a whole dataset, counted shard by shard: the policy of each teacher is resolved here and applied to all clips.

No more than the soft labels of one shard are in memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Float32, Int64

from hearsight.config import PolicyConfig
from hearsight.dataset.labels.policy import choose_label_lists, top_probabilities
from hearsight.dataset.labels.thresholds import ThresholdFit
from hearsight.dataset.layout import TeacherRecord
from hearsight.teachers.teacher import Modality

_COLUMNS = ["classes", "probabilities"]


class SoftLabelTables:
    """The soft labels of one teacher, read shard by shard, as often as they are iterated over.

    Parameters
    ----------
    paths
        The Parquet file of each shard.
    num_clips
        Rows of all files together.
    """

    def __init__(self, paths: Sequence[Path], num_clips: int) -> None:
        self._paths = paths
        self.num_clips = num_clips

    def __iter__(self) -> Iterator[pa.Table]:
        for path in self._paths:
            yield pq.read_table(path, columns=_COLUMNS)


@dataclasses.dataclass(frozen=True)
class LabelSurvey:
    """What one teacher's labels are.

    Attributes
    ----------
    teacher
        The teacher with its resolved policy.
    counts
        Clips that have each class as a label.
    """

    teacher: TeacherRecord
    counts: Int64[np.ndarray, " classes"]

    @property
    def num_labels(self) -> int:
        """Labels of all clips together."""
        return int(self.counts.sum())


def survey_labels(tables: SoftLabelTables, teacher: TeacherRecord, min_probability: float) -> LabelSurvey:
    """Count the labels of each class."""
    counts = np.zeros(teacher.num_classes, np.int64)
    for table in tables:
        lists = choose_label_lists(table, top=teacher.top, threshold=teacher.threshold, min_probability=min_probability)
        counts += np.bincount(lists.classes, minlength=teacher.num_classes)
    return LabelSurvey(teacher, counts)


@runtime_checkable
class NamedTeacher(Protocol):
    """What a dataset records of a teacher, whether its model is at hand or only its answers are."""

    @property
    def name(self) -> str:
        """Its name in the dataset."""
        ...

    @property
    def spec(self) -> str:
        """How it was asked for."""
        ...

    @property
    def modality(self) -> Modality:
        """Whether it labels pictures or sound."""
        ...

    @property
    def digest(self) -> str:
        """Digest of its model and settings."""
        ...


def record_teacher(
    teacher: NamedTeacher, num_classes: int, tables: SoftLabelTables, policy: PolicyConfig
) -> TeacherRecord:
    """Resolve a teacher's label policy: a rank and a threshold, which is fitted for sounds unless it is given."""
    top, threshold = policy.vision_top, policy.vision_threshold
    if teacher.modality == "audio":
        top, threshold = policy.audio_top, policy.audio_threshold
        if threshold == "fit":
            threshold = _fit_threshold(tables, top, policy)
    return TeacherRecord(
        name=teacher.name,
        spec=teacher.spec,
        modality=teacher.modality,
        digest=teacher.digest,
        num_classes=num_classes,
        top=top,
        threshold=float(threshold),
    )


def _fit_threshold(tables: SoftLabelTables, top: int, policy: PolicyConfig) -> float:
    def read() -> Iterator[Float32[np.ndarray, " values"]]:
        return (top_probabilities(table, top).ravel() for table in tables)

    return ThresholdFit(policy.audio_mean, policy.min_probability).fit(read, tables.num_clips)
