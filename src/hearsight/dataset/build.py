"""Videos in, a labelled dataset out: the whole of ``hearsight build``.

Three passes: every media file becomes a part (in parallel; :mod:`hearsight.dataset.parts`), the parts become shards
(:mod:`hearsight.dataset.assemble`), and the label policy gives the thresholds and the vocabulary. ``dataset.json`` is written
last. Run again after being killed anywhere, the build goes on with the parts that are missing and ends in the same bytes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import os
from collections import Counter
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import hearsight
from hearsight.config import BuildConfig
from hearsight.console import say, track
from hearsight.dataset.assemble import (
    AssembleShard,
    ShardPlan,
    TeacherPlan,
    choose_clips,
    fit_teacher,
    index_clips,
    plan_shards,
    remove_strays,
)
from hearsight.dataset.labels import choose_label_lists, top_probabilities, unite_classes
from hearsight.dataset.layout import (
    FORMAT_VERSION,
    NUM_FOLDS,
    Layout,
    Manifest,
    TeacherRecord,
    digest_json,
    read_json,
    read_manifest,
    replacing,
    write_json,
)
from hearsight.dataset.parts import LabelMedia, PartReport, Parts, load_teachers, name_unit, remove_parts
from hearsight.dataset.statistics import BuildSummary, read_summary, summarise
from hearsight.engine.engine import Engine
from hearsight.engine.engines import open_engine
from hearsight.engine.local import SerialEngine
from hearsight.errors import DatasetError, FailureRateError, WorkerError
from hearsight.media.sources import list_sources
from hearsight.records import REJECTION_SCHEMA, Rejection, RejectReason, Source
from hearsight.teachers.policy import fit_threshold
from hearsight.teachers.teacher import FittedTeacher, Teacher


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
    build = _Build.prepare(Layout(Path(out)), config, sources)
    with _claim(build.layout):
        if build.layout.manifest.exists():
            return _keep_finished(build)
        _start(build)
        summary = _assemble_all(build, runner, _label_all(build, runner))
    if summary.failure_rate > config.max_failure_rate:
        raise FailureRateError(
            out,
            f"{summary.failure_rate:.1%} of the media files gave no clip",
            f"at most {config.max_failure_rate:.1%} (max_failure_rate)",
            f"the reasons are in {build.layout.rejected}; the dataset itself is complete",
        )
    return summary


@dataclasses.dataclass(frozen=True)
class _Build:
    """One call of :func:`build_dataset`: what it works on, and the identity that tells it from another."""

    layout: Layout
    config: BuildConfig
    sources: list[Source]
    teachers: list[Teacher | FittedTeacher]
    identity: dict[str, Any]

    @classmethod
    def prepare(cls, layout: Layout, config: BuildConfig, sources: Sequence[str | Path]) -> _Build:
        teachers = load_teachers(config)
        return cls(layout, config, list_sources(sources), teachers, _describe_build(config, teachers))

    @property
    def sources_digest(self) -> str:
        return digest_json({"sources": [dataclasses.astuple(source) for source in self.sources]})


def _describe_build(config: BuildConfig, teachers: Sequence[Teacher | FittedTeacher]) -> dict[str, Any]:
    """Give what makes two builds the same: the configuration and the very bytes of the teachers."""
    values = config.model_dump(mode="json")
    digests = {teacher.name: teacher.digest for teacher in teachers}
    if len(digests) != len(teachers):
        raise DatasetError("teachers", "two teachers of the same name", "each teacher once", "rename one of the files")
    identity = {"config": values, "teachers": digests, "format_version": FORMAT_VERSION}
    return {**identity, "digest": digest_json(identity)}


@contextlib.contextmanager
def _claim(layout: Layout) -> Generator[None]:
    """Hold the folder's lock, so that no two builds write one dataset; the lock goes with the process, however it ends."""
    folder = layout.folder
    if folder.exists() and not folder.is_dir():
        raise DatasetError(folder, "a file", "a folder to write the dataset into")
    known = layout.manifest.exists() or layout.running.exists()
    if folder.is_dir() and not known and any(folder.iterdir()):
        raise DatasetError(folder, "a folder with other things in it", "a new or empty folder, or a dataset")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise DatasetError(folder, f"cannot be written ({error.strerror})", "a folder that is ours") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise DatasetError(folder, "another build is writing here", "one build at a time") from error
    finally:
        os.close(descriptor)


def _keep_finished(build: _Build) -> BuildSummary:
    layout, identity = build.layout, build.identity
    manifest = read_manifest(layout.folder)
    if manifest.config_digest != identity["digest"]:
        _refuse_other(layout, manifest.config, identity["config"])
    summary = read_summary(layout.summary)
    if summary.sources_digest != build.sources_digest:
        raise DatasetError(
            layout.folder,
            f"a finished dataset of {summary.num_sources} other sources",
            f"the {len(build.sources)} sources given now",
            "choose another --out for them",
        )
    _clean(layout)
    say(f"{layout.folder}: finished before with the same sources and configuration; nothing to do")
    return summary


def _refuse_other(layout: Layout, old: dict[str, Any], new: dict[str, Any]) -> None:
    changed = _list_changes(old, new)
    found = "a dataset of another configuration" + (
        f" ({'; '.join(changed)})" if changed else " (a teacher's file changed)"
    )
    raise DatasetError(
        layout.folder, found, "the configuration given now", "choose another --out, or remove the old one"
    )


def _list_changes(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> list[str]:
    changes: list[str] = []
    for key in sorted({*old, *new}):
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changes += _list_changes(before, after, f"{prefix}{key}.")
        elif before != after:
            changes.append(f"{prefix}{key}: {before} there, {after} now")
    return changes


def _start(build: _Build) -> None:
    running = build.layout.running
    if running.exists():
        before = read_json(running)
        if before.get("digest") != build.identity["digest"]:
            _refuse_other(build.layout, before.get("config", {}), build.identity["config"])
    write_json(running, build.identity)


def _label_all(build: _Build, engine: Engine) -> list[PartReport]:
    """Turn every source into a part; give the reports in the order of the sources."""
    parts = Parts(build.layout.parts)
    units = [name_unit(source) for source in build.sources]
    missing = [source for source, unit in zip(build.sources, units, strict=True) if not parts.is_done(unit)]
    num_clips = 0
    with track("watching and listening", len(units), "files") as bar:
        bar.advance(len(units) - len(missing))
        for answer in engine.run(LabelMedia(build.layout.parts, build.config), missing):
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


def _assemble_all(build: _Build, engine: Engine, reports: Sequence[PartReport]) -> BuildSummary:
    layout, config = build.layout, build.config
    parts = Parts(layout.parts)
    index, duplicates = choose_clips(index_clips(parts, [report.unit for report in reports]), config.screen.duplicates)
    rejections = [rejection for report in reports for rejection in report.rejections] + duplicates
    rejections.sort(key=lambda rejection: (rejection.path, rejection.start, rejection.reason, rejection.detail))
    _write_rejections(layout, rejections)
    if len(index) == 0:
        counts = Counter(str(rejection.reason) for rejection in rejections)
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
        found = f"not one clip is left of {len(reports)} files ({reasons})"
        raise DatasetError(layout.folder, found, "at least one clip", f"the reasons are in {layout.rejected}")
    for teacher in build.teachers:
        if isinstance(teacher, FittedTeacher):
            fit_teacher(teacher, parts, index, config, layout.teacher(teacher.name))
    plans = plan_shards(index, config.shard_clips)
    teacher_plans = tuple(TeacherPlan(t.name, t.spec, t.modality, isinstance(t, FittedTeacher)) for t in build.teachers)
    # a single shard is written sooner than a worker is started
    writers = SerialEngine() if len(plans) == 1 else engine
    with track("writing shards", len(plans), "shards") as bar:
        for answer in writers.run(AssembleShard(layout.folder, teacher_plans, config.soft_top), plans):
            if answer.result is None:
                raise WorkerError(
                    f"shard {answer.unit.record.index}", "its worker died twice", "memory and disk to write it"
                )
            bar.advance()
    remove_strays(layout, len(plans), teacher_plans)
    return _finish(build, plans, index, rejections)


def _finish(
    build: _Build, plans: Sequence[ShardPlan], index: pa.Table, rejections: Sequence[Rejection]
) -> BuildSummary:
    """Apply the policy to the whole dataset, write vocabulary, summary and, last, the manifest."""
    layout, config = build.layout, build.config
    tables = {teacher.name: _read_soft_labels(layout, teacher.name, len(plans)) for teacher in build.teachers}
    records = [_record_teacher(teacher, tables[teacher.name], config) for teacher in build.teachers]
    minimum = config.policy.min_probability
    lists = {
        r.name: choose_label_lists(tables[r.name], top=r.top, threshold=r.threshold, min_probability=minimum)
        for r in records
    }
    counts = [np.bincount(lists[record.name].classes, minlength=record.num_classes) for record in records]
    classes = unite_classes(records, [teacher.vocabulary.names for teacher in build.teachers], counts)
    write_json(layout.vocabulary, [record.model_dump() for record in classes])
    validation_folds = choose_validation_folds(index.column("fold").to_numpy(), config.validation_share)
    summary = summarise(
        index=index,
        rejections=rejections,
        sources=[source.path for source in build.sources],
        sources_digest=build.sources_digest,
        labels=lists,
        teachers=records,
        num_used=len(classes),
        validation_folds=validation_folds,
    )
    write_json(layout.summary, dataclasses.asdict(summary))
    manifest = Manifest(
        hearsight_version=hearsight.__version__,
        validation_folds=validation_folds,
        num_clips=len(index),
        shards=tuple(plan.record for plan in plans),
        teachers=tuple(records),
        config=build.identity["config"],
        config_digest=build.identity["digest"],
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))
    _clean(layout)
    return summary


def _read_soft_labels(layout: Layout, teacher: str, num_shards: int) -> pa.Table:
    columns = ["classes", "probabilities"]
    return pa.concat_tables(
        [pq.read_table(layout.labels(teacher, shard), columns=columns) for shard in range(num_shards)]
    )


def _record_teacher(teacher: Teacher | FittedTeacher, table: pa.Table, config: BuildConfig) -> TeacherRecord:
    """Settle a teacher's policy: rank alone for pictures; rank and a threshold, given or fitted, for sounds."""
    policy = config.policy
    top, threshold = policy.vision_top, 0.0
    if teacher.modality == "audio":
        top, threshold = policy.audio_top, policy.audio_threshold
        if threshold == "fit":
            chances = top_probabilities(table, top)
            threshold = fit_threshold(chances, policy.audio_mean, min_probability=policy.min_probability)
    return TeacherRecord(
        name=teacher.name,
        spec=teacher.spec,
        modality=teacher.modality,
        digest=teacher.digest,
        num_classes=len(teacher.vocabulary),
        top=top,
        threshold=float(threshold),
    )


def choose_validation_folds(folds: np.ndarray, share: float) -> int:
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


def _write_rejections(layout: Layout, rejections: Sequence[Rejection]) -> None:
    table = pa.Table.from_pylist([dataclasses.asdict(rejection) for rejection in rejections], schema=REJECTION_SCHEMA)
    with replacing(layout.rejected) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _clean(layout: Layout) -> None:
    remove_parts(layout.parts)
    layout.running.unlink(missing_ok=True)
