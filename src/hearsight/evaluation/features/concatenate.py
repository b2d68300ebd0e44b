"""Several models' features of the same clips, concatenated: those of sounds and of pictures (Aytar 2016, section 4.3).

Each model describes all clips on its own, from its own entry of the cache; a clip that one of them cannot read is left out of all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import cast

import numpy as np
from jaxtyping import Bool, Float, Int64

from hearsight.errors import UsageError
from hearsight.evaluation.benchmarks.benchmark import Benchmark
from hearsight.evaluation.features.extract import WINDOWS, BenchmarkFeatures, Pool, extract_features, pool_segments
from hearsight.evaluation.features.extractor import FeatureExtractor
from hearsight.evaluation.features.vision import MediaExtractor

STATISTICS = "statistics"
"""In place of a pool: the model gives one vector per clip already."""


@dataclasses.dataclass(frozen=True)
class ClipFeatures:
    """Rows of numbers that describe clips.

    Attributes
    ----------
    values
        A row per clip; or, with ``counts``, the rows of each clip's windows, one clip after the other.
    counts
        Windows of each clip; None where a clip is one row. A probe is then fitted on windows, and the scores of a clip are the mean
        of its windows' (Aytar 2016, section 3.3).
    widths
        Numbers of a row that come from each of several models, from left to right; empty where all are one's.
    """

    values: Float[np.ndarray, "rows dim"]
    counts: Int64[np.ndarray, " clips"] | None = None
    widths: tuple[int, ...] = ()

    @property
    def num_clips(self) -> int:
        """Count the clips."""
        return len(self.values) if self.counts is None else len(self.counts)


def extract_parts(
    extractors: Sequence[FeatureExtractor | MediaExtractor], benchmark: Benchmark, *, cache: bool = True
) -> tuple[list[BenchmarkFeatures], dict[int, str]]:
    """Describe every clip of a benchmark by each of several models, each of which has its own entry in the cache.

    Returns
    -------
    tuple[list[BenchmarkFeatures], dict[int, str]]
        What each found of the clips that all of them can read; and why the others cannot be read: their indices and, of the first
        model that cannot, the message.

    Raises
    ------
    BenchmarkError
        When a file of the benchmark cannot be opened, or none can be read by one of the models.
    """
    found = [extract_features(extractor, benchmark, cache=cache) for extractor in extractors]
    failures: dict[int, str] = {}
    for part in found:
        failures = part.failures | failures
    readable = np.ones(len(benchmark), dtype=bool)
    readable[list(failures)] = False
    return [_keep_clips(part, readable) for part in found], dict(sorted(failures.items()))


def _keep_clips(found: BenchmarkFeatures, kept: Bool[np.ndarray, " clips"]) -> BenchmarkFeatures:
    """Leave out the rows of some clips, which then have none."""
    if kept[found.counts > 0].all():
        return found
    rows = np.repeat(kept, found.counts)
    return dataclasses.replace(
        found, values=found.values[rows], shares=found.shares[rows], counts=np.where(kept, found.counts, 0)
    )


def name_pool(extractor: FeatureExtractor | MediaExtractor, pool: str) -> str:
    """Return how the rows of a model become those of a clip."""
    return STATISTICS if extractor.pooled else pool


def pool_clips(extractor: FeatureExtractor | MediaExtractor, found: BenchmarkFeatures, pool: str) -> ClipFeatures:
    """Return a row for each clip that can be read; or for each window, and how many windows each has."""
    if extractor.pooled:
        return ClipFeatures(found.values)
    if pool == WINDOWS:
        return ClipFeatures(found.values, found.counts[found.counts > 0])
    return ClipFeatures(pool_segments(found, cast(Pool, pool)))


def concatenate_features(parts: Sequence[ClipFeatures], names: Sequence[str]) -> ClipFeatures:
    """Set descriptions of the same clips side by side.

    Where some have a row for each window, the row of one with a single row per clip is repeated for each of them. Nothing is
    scaled here: a probe standardises features by what it is fitted on, and there gives each part the same weight
    (:func:`hearsight.learners.weigh_parts`).

    Parameters
    ----------
    parts, names
        Descriptions, and what each is called in errors.

    Raises
    ------
    UsageError
        When there is none, or they have other numbers of clips, or of windows of a clip.
    """
    if not parts:
        raise UsageError("features", "no part", "at least one")
    if len(parts) == 1:
        return parts[0]
    for part, name in zip(parts, names, strict=True):
        if part.num_clips != parts[0].num_clips:
            found = f"{parts[0].num_clips} and {part.num_clips} clips"
            raise UsageError(f"{names[0]} and {name}", found, "features of the same clips")
    counts = _agree_on_windows(parts, names)
    rows = [
        part.values if counts is None or part.counts is not None else np.repeat(part.values, counts, axis=0)
        for part in parts
    ]
    return ClipFeatures(np.hstack(rows), counts, tuple(part.shape[1] for part in rows))


def _agree_on_windows(parts: Sequence[ClipFeatures], names: Sequence[str]) -> Int64[np.ndarray, " clips"] | None:
    """Return the windows of each clip that all parts with windows have; None where none has any."""
    cut = [(name, part.counts) for name, part in zip(names, parts, strict=True) if part.counts is not None]
    if not cut:
        return None
    (first, counts), *others = cut
    for name, windows in others:
        differ = np.flatnonzero(windows != counts)
        if len(differ):
            found = f"{counts[differ[0]]} and {windows[differ[0]]} windows of clip {differ[0]}"
            hint = "--pool mean makes one vector of a clip's windows, whatever their number"
            raise UsageError(f"{first} and {name}", found, "equal numbers, to concatenate them", hint)
    return counts
