"""Make a labelled dataset of videos: the whole of ``hearsight build``.

There are three passes. Every media file becomes a part (in parallel; :mod:`hearsight.dataset.label_media`), the parts become shards
(:mod:`hearsight.dataset.assemble`), and the label policy determines thresholds and vocabulary (:mod:`hearsight.dataset.finalize`).
``dataset.json`` is written last. A build that was killed and is started again continues with the missing parts, and writes the same
bytes as an uninterrupted one. If a finished dataset is built again with more sources, these are added to it
(:mod:`hearsight.dataset.changes.extend`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from hearsight.config import BuildConfig, CollectConfig
from hearsight.console import ProgressCallback, describe_count, describe_retry, print_message, redirect_progress
from hearsight.dataset.changes.extend import extend_dataset, find_added
from hearsight.dataset.changes.staging import finish_change
from hearsight.dataset.changes.taken import write_taken
from hearsight.dataset.finalize import Assembly, assemble_dataset
from hearsight.dataset.label_media import COPIES, load_teachers
from hearsight.dataset.label_sources import label_sources
from hearsight.dataset.layout import NUM_FOLDS, Layout
from hearsight.dataset.lock import (
    check_configuration,
    has_failures,
    lock_folder,
    make_identity,
    reuse_finished,
    start_build,
)
from hearsight.dataset.parts import remove_parts
from hearsight.dataset.provenance import write_provenance
from hearsight.dataset.statistics import BuildSummary, read_summary
from hearsight.dataset.storage.ledger import Ledger
from hearsight.dataset.survey.agreement import write_agreement
from hearsight.dataset.unit_table import encode_paths
from hearsight.engine.engine import DEADLINE, Engine
from hearsight.engine.engines import open_engine
from hearsight.errors import FailureRateError
from hearsight.media.collection.table import SourceTable
from hearsight.media.sources import Collection, collect_sources


def build_dataset(
    sources: Sequence[str | Path],
    out: str | Path,
    config: BuildConfig | None = None,
    *,
    collect: CollectConfig | None = None,
    workers: int | None = None,
    engine: str = "local",
    deadline: float = DEADLINE,
    retry: bool = True,
    progress: ProgressCallback | None = None,
    add: bool = False,
) -> BuildSummary:
    """Cut, screen and label media, and write the dataset, or add sources to a finished one.

    Parameters
    ----------
    sources
        Files, folders (searched recursively), globs, CSV or Parquet lists with ``path[,start,end]``, and lists of published
        formats, as :func:`~hearsight.media.sources.collect_sources` takes them.
    out
        The dataset folder. A finished dataset of the same sources and configuration is left unchanged. More sources are
        added to it.
    config
        The configuration; by default the paper's, with ``clusters`` as the teacher of both modalities.
    collect
        Where the media of published lists are, and the shares of groups of sources.
    workers
        Media files that are processed at the same time; by default one per processor. The result does not depend on it.
    engine
        ``local`` or ``ray``.
    deadline
        Seconds that one clip may take. A file that exceeds them twice is rejected as ``timed_out``.
    retry
        Whether files that failed in an earlier run (``failed``, ``crashed``, ``timed_out``) are tried again where the dataset is
        finished otherwise. They are always tried again where it is not.
    progress
        Called with a :class:`~hearsight.console.ProgressEvent` at every file of every stage, in place of progress bars.
    add
        Whether the sources that a finished dataset has need not be among those given.

    Raises
    ------
    DatasetError
        When ``out`` holds something else, or a finished dataset of other sources and ``add`` is false, another build is writing
        there, or not one clip is left.
    FailureRateError
        When more media were rejected than ``config.max_failure_rate``; the dataset is complete all the same.

    Examples
    --------
    >>> summary = hearsight.build_dataset(["videos/"], "dataset", workers=1)
    >>> summary.num_sources
    3
    """
    config = config or BuildConfig()
    runner = open_engine(engine, workers, deadline)
    layout = Layout(Path(out))
    collection = collect_sources(sources, collect)
    assembly, media = _prepare(layout, config, collection)
    with redirect_progress(progress), lock_folder(layout):
        before = None
        finish_change(layout)
        if layout.manifest.exists():
            before = check_configuration(layout, assembly.identity)
            if before.sources_digest != assembly.sources_digest:
                return _extend(assembly, config, collection, runner, add=add)
            if not (retry and has_failures(layout, before)):
                _add_agreement(layout, config)
                return reuse_finished(layout, before)
            print_message(f"{out}: {describe_retry(before.num_failed, 'file')}")
        start_build(layout, assembly.identity)
        write_provenance(layout, collection)
        remove_parts(layout.parts / COPIES)  # of workers that were killed
        units, failed = label_sources(layout, config, media, runner)
        if before is not None and len(failed) == before.num_failed:
            print_message(f"{out}: the same {len(failed)} files failed again; the dataset is unchanged")
            return before
        write_taken(layout.taken, media.take(np.flatnonzero(Ledger(layout.parts).find(units) >= 0)))
        summary = assemble_dataset(assembly, runner, units, failed)
        _add_agreement(layout, config)
    if summary.failure_rate > config.max_failure_rate:
        raise FailureRateError(
            out,
            f"{summary.failure_rate:.1%} of the media files gave no clip",
            f"at most {config.max_failure_rate:.1%} (max_failure_rate)",
            f"the reasons are in {layout.rejected}; the dataset itself is complete",
        )
    return summary


def _prepare(layout: Layout, config: BuildConfig, collection: Collection) -> tuple[Assembly, SourceTable]:
    teachers = load_teachers(config)
    media = collection.sources
    assembly = Assembly(
        layout=layout,
        identity=make_identity(config.list_identity(), teachers),
        teachers=teachers,
        sources=encode_paths(media),
        sources_digest=media.digest(),
        policy=config.policy,
        soft_top=config.soft_top,
        shard_clips=config.shard_clips,
        seed=config.seed,
        duplicates=config.screen.duplicates,
        sample_rate=config.sample_rate,
        choose_validation=partial(choose_validation_folds, share=config.validation_share),
    )
    return assembly, media


def _extend(
    assembly: Assembly, config: BuildConfig, collection: Collection, engine: Engine, *, add: bool
) -> BuildSummary:
    """Add the sources that a finished dataset does not have yet."""
    layout = assembly.layout
    added = find_added(layout, collection.sources, add=add)
    before = read_summary(layout.summary)
    if not len(added):
        _add_agreement(layout, config)
        return reuse_finished(layout, dataclasses.replace(before, num_failed=0))
    print_message(f"{layout.folder}: {describe_count(len(added), 'new source')} to add")
    start_build(layout, assembly.identity)
    remove_parts(layout.parts / COPIES)
    units, failed = label_sources(layout, config, added, engine, all_may_fail=True)
    if len(failed) == len(added):
        print_message(f"{layout.folder}: every new source failed ({failed[-1].detail}); the dataset is unchanged")
        return dataclasses.replace(before, num_failed=len(failed))
    summary = extend_dataset(assembly, added, collection.missing, engine, units, failed)
    _add_agreement(layout, config)
    return summary


def _add_agreement(layout: Layout, config: BuildConfig) -> None:
    """Compute the agreement of picture and sound if it is requested and missing. It is not part of the dataset's identity."""
    if config.agreement and not layout.agreement.exists():
        write_agreement(layout.folder)


def choose_validation_folds(folds: Int32[np.ndarray, " folds"], share: float) -> int:
    """Return the number of validation folds, counted from fold 0.

    This is ``share`` of all folds. Where a small dataset has no clip in them, folds are added up to the lowest one with a clip.
    Where it has no clip outside them, there is no validation, since training comes first.

    Parameters
    ----------
    folds
        The folds that have clips.
    share
        Share of all folds.
    """
    bound = round(share * NUM_FOLDS)
    if bound == 0:
        return 0
    present = np.unique(folds)
    if present[0] >= bound and len(present) > 1:
        bound = int(present[0]) + 1
    return 0 if present[-1] < bound else bound
