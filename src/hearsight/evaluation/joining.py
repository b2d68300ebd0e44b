"""Several models' descriptions of the same clips, side by side: what is heard and what is seen (Aytar 2016, section 4.3).

Each model describes all clips on its own, from its own entry of the cache; a clip that one of them cannot read is left out of all.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import cast

import numpy as np
from jaxtyping import Bool, Int64

from hearsight.errors import UsageError
from hearsight.evaluation.embedder import Embedder
from hearsight.evaluation.embeddings import WINDOWS, BenchmarkEmbeddings, Pool, embed_benchmark, pool_segments
from hearsight.evaluation.protocol import Benchmark
from hearsight.evaluation.rows import Description
from hearsight.evaluation.watching import MediaEmbedder

STATISTICS = "statistics"
"""In place of a pool: the model gives one vector per clip already."""


def embed_parts(
    embedders: Sequence[Embedder | MediaEmbedder], benchmark: Benchmark, *, cache: bool = True
) -> tuple[list[BenchmarkEmbeddings], dict[int, str]]:
    """Describe every clip of a benchmark by each of several models, each of which has an entry of its own in the cache.

    Returns
    -------
    tuple[list[BenchmarkEmbeddings], dict[int, str]]
        What each found of the clips that all of them can read; and why the others cannot be read: their indices and, of the first
        model that cannot, the message.

    Raises
    ------
    BenchmarkError
        When a file of the benchmark cannot be opened, or none can be read by one of the models.
    """
    found = [embed_benchmark(embedder, benchmark, cache=cache) for embedder in embedders]
    failures: dict[int, str] = {}
    for part in found:
        failures = part.failures | failures
    readable = np.ones(len(benchmark), dtype=bool)
    readable[list(failures)] = False
    return [_keep_clips(part, readable) for part in found], dict(sorted(failures.items()))


def _keep_clips(found: BenchmarkEmbeddings, kept: Bool[np.ndarray, " clips"]) -> BenchmarkEmbeddings:
    """Leave out the rows of some clips, which then have none."""
    if kept[found.counts > 0].all():
        return found
    rows = np.repeat(kept, found.counts)
    return dataclasses.replace(
        found, values=found.values[rows], shares=found.shares[rows], counts=np.where(kept, found.counts, 0)
    )


def name_pool(embedder: Embedder | MediaEmbedder, pool: str) -> str:
    """Say how the rows of a model become a clip's."""
    return STATISTICS if embedder.pooled else pool


def describe_clips(embedder: Embedder | MediaEmbedder, found: BenchmarkEmbeddings, pool: str) -> Description:
    """Give a row for each clip that can be read; or for each window, and how many windows each has."""
    if embedder.pooled:
        return Description(found.values)
    if pool == WINDOWS:
        return Description(found.values, found.counts[found.counts > 0])
    return Description(pool_segments(found, cast(Pool, pool)))


def join_descriptions(parts: Sequence[Description], names: Sequence[str]) -> Description:
    """Set descriptions of the same clips side by side.

    Where some have a row for each window, one that has a single row per clip says the same beside each of its windows. Nothing is
    scaled here: a head standardises features by what it is fitted on, and there gives each part the same weight
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
            raise UsageError(f"{names[0]} beside {name}", found, "descriptions of the same clips")
    counts = _agree_on_windows(parts, names)
    rows = [
        part.values if counts is None or part.counts is not None else np.repeat(part.values, counts, axis=0)
        for part in parts
    ]
    return Description(np.hstack(rows), counts, tuple(part.shape[1] for part in rows))


def _agree_on_windows(parts: Sequence[Description], names: Sequence[str]) -> Int64[np.ndarray, " clips"] | None:
    """Give the windows of each clip that all parts with windows have; None where none has any."""
    cut = [(name, part.counts) for name, part in zip(names, parts, strict=True) if part.counts is not None]
    if not cut:
        return None
    (first, counts), *others = cut
    for name, windows in others:
        differ = np.flatnonzero(windows != counts)
        if len(differ):
            found = f"{counts[differ[0]]} and {windows[differ[0]]} windows of clip {differ[0]}"
            hint = "--pool mean makes one vector of a clip's windows, whatever their number"
            raise UsageError(f"{first} beside {name}", found, "as many of each, to set them side by side", hint)
    return counts
