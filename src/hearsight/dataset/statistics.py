"""The summary of a build: its counts."""

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
from hearsight.text import make_encodable


@dataclasses.dataclass(frozen=True)
class BuildSummary:
    """Counts of a finished build.

    Attributes
    ----------
    num_sources, num_sources_kept
        Sources given, and those with at least one clip.
    num_clips, num_validation_clips
        Clips, and those of the validation folds.
    hours
        Total duration of the clips.
    rejected
        Rejected sources and spans by reason.
    labels_per_clip
        Mean number of labels per clip by modality.
    num_classes, num_used
        Classes of all teachers, and those that are a label of some clip.
    failure_rate
        Share of sources without a clip.
    sources_digest
        SHA-256 of the list of sources.
    num_failed
        Sources that failed for a reason that may be the machine's; the next run of the same build tries them again.
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
    num_failed: int = 0

    @property
    def utilisation(self) -> float:
        """Share of the teachers' classes that appear (Jia 2019, section 2: 93.97 %)."""
        return self.num_used / self.num_classes if self.num_classes else 0.0

    def describe(self) -> list[str]:
        """Return the summary as lines of text."""
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
        ] + ([f"{self.num_failed:,} files failed; the same build tries them again"] if self.num_failed else [])


def summarise(
    *,
    index: pa.Table,
    rejections: Sequence[Rejection],
    sources: Sequence[str],
    sources_digest: str,
    num_failed: int,
    labels: Mapping[str, LabelLists],
    teachers: Sequence[TeacherRecord],
    num_used: int,
    validation_folds: int,
) -> BuildSummary:
    """Compute the summary of a build."""
    kept = set(index.column("source").to_pylist())
    num_kept = sum(make_encodable(source) in kept for source in sources)
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
        num_failed=num_failed,
    )


def read_summary(path: Path) -> BuildSummary:
    """Read a ``summary.json``.

    Raises
    ------
    DatasetError
        When it is absent, or its content is not a summary.
    """
    values = read_json(path)
    try:
        return BuildSummary(**values)
    except TypeError as error:
        raise DatasetError(path, f"cannot be understood ({error})", "the summary of a build") from error
