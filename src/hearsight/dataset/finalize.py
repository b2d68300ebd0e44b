"""The second half of making a dataset: turn parts into shards, vocabulary, summary and, last, ``dataset.json``.

The result is a function of the set of parts, whatever they were made from.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int32

from hearsight.config import PolicyConfig
from hearsight.console import track
from hearsight.dataset.assemble import (
    AssembleShard,
    ShardPlan,
    TeacherPlan,
    choose_clips,
    fit_teacher,
    index_clips,
    plan_shards,
    record_files,
    remove_strays,
    write_parquet,
)
from hearsight.dataset.labels import choose_label_lists, tabulate_classes, top_probabilities, unite_classes
from hearsight.dataset.layout import BUILD_VERSION, FileRecord, Layout, Manifest, TeacherRecord, write_json
from hearsight.dataset.lock import remove_build_files
from hearsight.dataset.parts import PartReport, Parts
from hearsight.dataset.statistics import BuildSummary, summarise
from hearsight.engine.engine import Engine
from hearsight.engine.local import SerialEngine
from hearsight.errors import DatasetError, WorkerError
from hearsight.files import hash_file
from hearsight.records import REJECTION_SCHEMA, Rejection
from hearsight.teachers.classes import list_classes
from hearsight.teachers.policy import fit_threshold
from hearsight.teachers.teacher import FittedTeacher, Teacher
from hearsight.text import make_encodable
from hearsight.units import SAMPLE_RATE
from hearsight.version import VERSION


@dataclasses.dataclass(frozen=True)
class Assembly:
    """How parts are turned into a dataset.

    Attributes
    ----------
    layout
        The folder of the parts and of the dataset.
    identity
        Configuration and digests, as :func:`hearsight.dataset.lock.make_identity` returns them.
    teachers
        The teachers, in the order of the vocabulary.
    sources, sources_digest
        The paths that the parts were made from, and their SHA-256.
    policy
        How soft labels become labels.
    soft_top, shard_clips, seed, duplicates
        As in :class:`~hearsight.config.BuildConfig`.
    sample_rate
        Hz of the sound in the parts.
    choose_validation
        Returns the number of validation folds, counted from fold 0, given the folds of all clips.
    """

    layout: Layout
    identity: dict[str, Any]
    teachers: list[Teacher | FittedTeacher]
    sources: list[str]
    sources_digest: str
    policy: PolicyConfig
    soft_top: int
    shard_clips: int
    seed: int
    duplicates: Literal["drop", "keep"]
    choose_validation: Callable[[Int32[np.ndarray, " clips"]], int]
    sample_rate: int = SAMPLE_RATE


def assemble_dataset(
    assembly: Assembly, engine: Engine, reports: Sequence[PartReport], failed: Sequence[Rejection] = ()
) -> BuildSummary:
    """Turn finished parts into a finished dataset.

    Parameters
    ----------
    assembly
        What is assembled, and how.
    engine
        Where shards are written.
    reports
        Of the finished parts.
    failed
        Sources that have no part. If there are any, the parts are kept, so that the next run can try them again.

    Raises
    ------
    DatasetError
        When not one clip is left.
    WorkerError
        When a shard cannot be written.
    """
    layout = assembly.layout
    layout.manifest.unlink(missing_ok=True)  # of an assembly before, to which files that failed then are added now
    layout.agreement.unlink(missing_ok=True)
    parts = Parts(layout.parts)
    index, duplicates = choose_clips(index_clips(parts, reports), assembly.duplicates)
    rejections = [rejection for report in reports for rejection in report.rejections] + duplicates + list(failed)
    rejections.sort(key=lambda rejection: (rejection.path, rejection.start, rejection.reason, rejection.detail))
    _write_rejections(layout, rejections)
    if len(index) == 0:
        counts = Counter(str(rejection.reason) for rejection in rejections)
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
        found = f"not one clip is left of {len(reports)} files ({reasons})"
        raise DatasetError(layout.folder, found, "at least one clip", f"the reasons are in {layout.rejected}")
    fitted: dict[str, str] = {}
    for teacher in assembly.teachers:
        if isinstance(teacher, FittedTeacher):
            fit_teacher(teacher, parts, index, assembly.seed, layout.teacher(teacher.name))
            fitted[teacher.name] = hash_file(layout.teacher(teacher.name))
    plans = plan_shards(index, assembly.shard_clips, fitted)
    files = _write_shards(assembly, engine, plans)
    summary = _finalize(assembly, _Contents(plans, files, index, rejections, len(failed)))
    if not failed:
        remove_build_files(layout)
    return summary


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What the shards of a dataset hold, and what they do not."""

    plans: Sequence[ShardPlan]
    files: dict[str, Any]
    index: pa.Table
    rejections: Sequence[Rejection]
    num_failed: int


def _write_shards(assembly: Assembly, engine: Engine, plans: Sequence[ShardPlan]) -> dict[str, Any]:
    """Write all shards, and return size and checksum of their files."""
    files: dict[str, Any] = {}
    teachers = tuple(
        TeacherPlan(teacher.name, teacher.spec, teacher.modality, isinstance(teacher, FittedTeacher))
        for teacher in assembly.teachers
    )
    # a single shard is written sooner than a worker is started
    writers = SerialEngine() if len(plans) == 1 else engine
    with track("writing shards", len(plans), "shards") as bar:
        for answer in writers.run(AssembleShard(assembly.layout.folder, teachers, assembly.soft_top), plans):
            if answer.result is None:
                found = answer.failure.message if answer.failure else "no result"
                raise WorkerError(f"shard {answer.unit.record.index}", found, "a worker that finishes it")
            files.update(answer.result)
            bar.advance()
    remove_strays(assembly.layout, len(plans), teachers)
    return files


def _finalize(assembly: Assembly, contents: _Contents) -> BuildSummary:
    """Apply the label policy to the whole dataset, write vocabulary, summary and, last, the manifest."""
    layout, policy = assembly.layout, assembly.policy
    num_shards = len(contents.plans)
    tables = {teacher.name: _read_soft_labels(layout, teacher.name, num_shards) for teacher in assembly.teachers}
    records = [_record_teacher(teacher, tables[teacher.name], policy) for teacher in assembly.teachers]
    lists = {
        r.name: choose_label_lists(
            tables[r.name], top=r.top, threshold=r.threshold, min_probability=policy.min_probability
        )
        for r in records
    }
    counts = [np.bincount(lists[record.name].classes, minlength=record.num_classes) for record in records]
    names = [teacher.vocabulary.names for teacher in assembly.teachers]
    classes = unite_classes(records, names, counts)
    write_json(layout.vocabulary, [record.model_dump() for record in classes])
    write_parquet(layout.classes, tabulate_classes([list_classes(one) for one in assembly.teachers], counts, classes))
    validation_folds = assembly.choose_validation(contents.index.column("fold").to_numpy())
    summary = summarise(
        index=contents.index,
        rejections=contents.rejections,
        sources=assembly.sources,
        sources_digest=assembly.sources_digest,
        num_failed=contents.num_failed,
        labels=lists,
        teachers=records,
        num_used=len(classes),
        validation_folds=validation_folds,
    )
    write_json(layout.summary, dataclasses.asdict(summary))
    _write_manifest(assembly, contents, records, validation_folds)
    return summary


def _write_manifest(
    assembly: Assembly, contents: _Contents, teachers: Sequence[TeacherRecord], validation_folds: int
) -> None:
    layout = assembly.layout
    others = [layout.vocabulary, layout.classes, layout.rejected, layout.summary]
    others += [path for path in (layout.mixtures, layout.sources, layout.missing) if path.exists()]
    others += [layout.teacher(one.name) for one in assembly.teachers if isinstance(one, FittedTeacher)]
    files = {**contents.files, **record_files(layout.folder, others)}
    manifest = Manifest(
        hearsight_version=VERSION,
        build_version=BUILD_VERSION,
        sample_rate=assembly.sample_rate,
        validation_folds=validation_folds,
        num_clips=len(contents.index),
        shards=tuple(plan.record for plan in contents.plans),
        teachers=tuple(teachers),
        config=assembly.identity["config"],
        config_digest=assembly.identity["digest"],
        files={name: FileRecord.model_validate(record) for name, record in files.items()},
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))


def _read_soft_labels(layout: Layout, teacher: str, num_shards: int) -> pa.Table:
    columns = ["classes", "probabilities"]
    return pa.concat_tables(
        [pq.read_table(layout.labels(teacher, shard), columns=columns) for shard in range(num_shards)]
    )


def _record_teacher(teacher: Teacher | FittedTeacher, table: pa.Table, policy: PolicyConfig) -> TeacherRecord:
    """Resolve a teacher's label policy: a rank and a threshold, which is fitted for sounds unless it is given."""
    top, threshold = policy.vision_top, policy.vision_threshold
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


def _write_rejections(layout: Layout, rejections: Sequence[Rejection]) -> None:
    rows = [
        dataclasses.asdict(rejection)
        | {"path": make_encodable(rejection.path), "detail": make_encodable(rejection.detail)}
        for rejection in rejections
    ]
    write_parquet(layout.rejected, pa.Table.from_pylist(rows, schema=REJECTION_SCHEMA))
