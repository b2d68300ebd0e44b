"""The summary of a build: its counts."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from hearsight.dataset.labels.survey import LabelSurvey
from hearsight.dataset.layout import read_json
from hearsight.errors import DatasetError


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


@dataclasses.dataclass(frozen=True)
class SummaryCounts:
    """Counts of a build that do not depend on labels.

    Attributes
    ----------
    num_sources, num_sources_kept, num_clips, num_validation_clips, sources_digest, num_failed
        As in :class:`BuildSummary`.
    seconds
        Total duration of the clips.
    reasons
        Rejections by reason.
    """

    num_sources: int
    num_sources_kept: int
    sources_digest: str
    num_clips: int
    num_validation_clips: int
    seconds: float
    reasons: Mapping[str, int]
    num_failed: int


def average_labels(surveys: Sequence[LabelSurvey], num_clips: int) -> dict[str, float]:
    """Return the mean number of labels of a clip, by modality."""
    return {
        modality: sum(one.num_labels for one in surveys if one.teacher.modality == modality) / num_clips
        for modality in dict.fromkeys(survey.teacher.modality for survey in surveys)
    }


def summarise(counts: SummaryCounts, surveys: Sequence[LabelSurvey], num_used: int) -> BuildSummary:
    """Compute the summary of a build.

    Parameters
    ----------
    counts
        What does not depend on labels.
    surveys
        The labels of each teacher.
    num_used
        Classes that are a label of some clip.
    """
    return BuildSummary(
        num_sources=counts.num_sources,
        num_sources_kept=counts.num_sources_kept,
        num_clips=counts.num_clips,
        num_validation_clips=counts.num_validation_clips,
        hours=counts.seconds / 3600.0,
        rejected=dict(sorted(counts.reasons.items())),
        labels_per_clip=average_labels(surveys, counts.num_clips),
        num_classes=sum(survey.teacher.num_classes for survey in surveys),
        num_used=num_used,
        failure_rate=1.0 - counts.num_sources_kept / counts.num_sources,
        sources_digest=counts.sources_digest,
        num_failed=counts.num_failed,
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
