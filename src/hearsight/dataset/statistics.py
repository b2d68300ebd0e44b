"""What a dataset is made of, in numbers: the summary of a build."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from hearsight.dataset.labels import LabelLists
from hearsight.dataset.layout import TeacherRecord, read_json
from hearsight.errors import DatasetError
from hearsight.records import Rejection


@dataclasses.dataclass(frozen=True)
class BuildSummary:
    """What became of the sources.

    ``hours`` and ``rejected_hours`` are of clips and of rejected spans whose length is known; ``labels_per_clip`` is the mean by
    modality; ``num_classes`` the classes of all teachers, ``num_used`` those that appear; ``failure_rate`` the share of sources
    without a clip.
    """

    num_sources: int
    num_sources_kept: int
    num_clips: int
    num_validation_clips: int
    hours: float
    rejected: dict[str, int]
    labels_per_clip: dict[str, float]
    num_classes: int
    num_used: int
    failure_rate: float
    sources_digest: str

    @property
    def utilisation(self) -> float:
        """Share of the teachers' classes that appear (Jia 2019, section 2: 93.97 %)."""
        return self.num_used / self.num_classes if self.num_classes else 0.0

    def describe(self) -> list[str]:
        """Say it in lines for a person."""
        labels = ", ".join(f"{mean:.2f} {modality}" for modality, mean in self.labels_per_clip.items())
        rejected = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items()) or "none"
        abandoned = self.num_classes - self.num_used
        return [
            f"{self.num_clips:,} clips ({self.hours:.2f} h) of {self.num_sources_kept:,} of {self.num_sources:,} files; "
            f"{self.num_validation_clips:,} for validation",
            f"labels per clip: {labels}",
            f"vocabulary: {self.num_used:,} of {self.num_classes:,} classes appear ({self.utilisation:.2%}); "
            f"{abandoned:,} abandoned",
            f"rejected: {rejected}",
        ]


def summarise(
    *,
    index: pa.Table,
    rejections: Sequence[Rejection],
    sources: Sequence[str],
    sources_digest: str,
    labels: Mapping[str, LabelLists],
    teachers: Sequence[TeacherRecord],
    num_used: int,
    validation_folds: int,
) -> BuildSummary:
    """Count everything that the summary tells."""
    kept = set(index.column("source").to_pylist())
    num_kept = sum(source in kept for source in sources)
    reasons = Counter(str(rejection.reason) for rejection in rejections)
    means = {
        modality: sum(len(labels[t.name].classes) for t in teachers if t.modality == modality) / len(index)
        for modality in dict.fromkeys(teacher.modality for teacher in teachers)
    }
    return BuildSummary(
        num_sources=len(sources),
        num_sources_kept=num_kept,
        num_clips=len(index),
        num_validation_clips=int(np.sum(index.column("fold").to_numpy() < validation_folds)),
        hours=float(np.sum(index.column("duration").to_numpy())) / 3600.0,
        rejected=dict(sorted(reasons.items())),
        labels_per_clip=means,
        num_classes=sum(teacher.num_classes for teacher in teachers),
        num_used=num_used,
        failure_rate=1.0 - num_kept / len(sources),
        sources_digest=sources_digest,
    )


def read_summary(path: Path) -> BuildSummary:
    """Read a ``summary.json``.

    Raises
    ------
    DatasetError
        When it is not there or not what it should be.
    """
    values = read_json(path)
    try:
        return BuildSummary(**values)
    except TypeError as error:
        raise DatasetError(path, f"not what it should hold ({error})", "the summary of a build") from error
