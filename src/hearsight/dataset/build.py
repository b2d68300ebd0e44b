"""Videos in, a labelled dataset out: the whole of ``hearsight build``.

Three passes: every media file becomes a part (in parallel; :mod:`hearsight.dataset.parts`), the parts become shards
(:mod:`hearsight.dataset.assemble`), and the label policy gives the thresholds and the vocabulary
(:mod:`hearsight.dataset.finalize`). ``dataset.json`` is written last. Run again after being killed anywhere, the build goes on
with the parts that are missing and ends in the same bytes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Int32

from hearsight.config import BuildConfig
from hearsight.console import track
from hearsight.dataset.finalize import Assembly, assemble_dataset
from hearsight.dataset.layout import NUM_FOLDS, Layout, digest_json
from hearsight.dataset.lock import lock_folder, make_identity, reuse_finished, start_build
from hearsight.dataset.parts import LabelMedia, PartReport, Parts, load_teachers, name_unit
from hearsight.dataset.statistics import BuildSummary
from hearsight.engine.engine import Engine
from hearsight.engine.engines import open_engine
from hearsight.errors import FailureRateError
from hearsight.media.sources import list_sources
from hearsight.records import Rejection, RejectReason, Source


def build_dataset(
    sources: Sequence[str | Path],
    out: Path,
    config: BuildConfig | None = None,
    *,
    workers: int | None = None,
    engine: str = "local",
) -> BuildSummary:
    """Cut, screen and label media, and write the dataset.

    Parameters
    ----------
    sources
        Files, folders (searched recursively), globs, and CSV or Parquet lists with ``path[,start,end]``.
    out
        The dataset folder. A finished dataset of the same sources and configuration is left as it is.
    config
        Every knob; by default the paper's, with ``clusters`` as the teacher of both modalities.
    workers
        Media files worked on at once; by default one per processor. The result does not depend on it.
    engine
        ``local`` or ``ray``.

    Raises
    ------
    DatasetError
        When ``out`` holds something else, another build is writing there, or not one clip is left.
    FailureRateError
        When more media were rejected than ``config.max_failure_rate``; the dataset is complete all the same.
    """
    config = config or BuildConfig()
    runner = open_engine(engine, workers)
    layout = Layout(Path(out))
    assembly, media = _prepare(layout, config, sources)
    with lock_folder(layout):
        if layout.manifest.exists():
            return reuse_finished(layout, assembly.identity, assembly.sources, assembly.sources_digest)
        start_build(layout, assembly.identity)
        summary = assemble_dataset(assembly, runner, _label_all(layout, config, media, runner))
    if summary.failure_rate > config.max_failure_rate:
        raise FailureRateError(
            out,
            f"{summary.failure_rate:.1%} of the media files gave no clip",
            f"at most {config.max_failure_rate:.1%} (max_failure_rate)",
            f"the reasons are in {layout.rejected}; the dataset itself is complete",
        )
    return summary


def _prepare(layout: Layout, config: BuildConfig, sources: Sequence[str | Path]) -> tuple[Assembly, list[Source]]:
    teachers = load_teachers(config)
    media = list_sources(sources)
    assembly = Assembly(
        layout=layout,
        identity=make_identity(config.model_dump(mode="json"), teachers),
        teachers=teachers,
        sources=[source.path for source in media],
        sources_digest=digest_json({"sources": [dataclasses.astuple(source) for source in media]}),
        policy=config.policy,
        soft_top=config.soft_top,
        shard_clips=config.shard_clips,
        seed=config.seed,
        duplicates=config.screen.duplicates,
        choose_validation=partial(choose_validation_folds, share=config.validation_share),
    )
    return assembly, media


def _label_all(layout: Layout, config: BuildConfig, media: Sequence[Source], engine: Engine) -> list[PartReport]:
    """Turn every source into a part; give the reports in the order of the sources."""
    parts = Parts(layout.parts)
    units = [name_unit(source) for source in media]
    missing = [source for source, unit in zip(media, units, strict=True) if not parts.is_done(unit)]
    num_clips = 0
    with track("watching and listening", len(units), "files") as bar:
        bar.advance(len(units) - len(missing))
        for answer in engine.run(LabelMedia(layout.parts, config), missing):
            if answer.result is None:
                unit = name_unit(answer.unit)
                why = Rejection(
                    answer.unit.path, answer.unit.start, None, RejectReason.CRASHED, "its worker died twice"
                )
                parts.write_report(PartReport(unit, answer.unit, 0, {}, (why,)))
            else:
                num_clips += parts.read_report(answer.result).num_clips
                bar.note(f"{num_clips} clips")
            bar.advance()
    return [parts.read_report(unit) for unit in units]


def choose_validation_folds(folds: Int32[np.ndarray, " clips"], share: float) -> int:
    """Give the number of folds, from 0 on, that are for validation.

    ``share`` of all folds; where no clip of a small dataset falls into them, the lowest fold that has one is added, and where
    all fall into them there is no validation, since training goes first.
    """
    bound = round(share * NUM_FOLDS)
    if bound == 0:
        return 0
    present = np.unique(folds)
    if present[0] >= bound and len(present) > 1:
        bound = int(present[0]) + 1
    return 0 if present[-1] < bound else bound
