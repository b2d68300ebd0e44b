"""The second half of making a dataset: parts in, shards, vocabulary, summary and, last, ``dataset.json`` out.

It is a function of the set of parts alone, whatever they were made from.
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
    remove_strays,
)
from hearsight.dataset.labels import choose_label_lists, top_probabilities, unite_classes
from hearsight.dataset.layout import Layout, Manifest, TeacherRecord, write_json
from hearsight.dataset.lock import remove_build_files
from hearsight.dataset.parts import PartReport, Parts
from hearsight.dataset.statistics import BuildSummary, summarise
from hearsight.engine.engine import Engine
from hearsight.engine.local import SerialEngine
from hearsight.errors import DatasetError, WorkerError
from hearsight.files import write_atomically
from hearsight.records import REJECTION_SCHEMA, Rejection
from hearsight.teachers.policy import fit_threshold
from hearsight.teachers.teacher import FittedTeacher, Teacher
from hearsight.version import VERSION


@dataclasses.dataclass(frozen=True)
class Assembly:
    """What parts become.

    Attributes
    ----------
    layout
        The folder they are in, and the dataset will be.
    identity
        The configuration and digests, as :func:`hearsight.dataset.lock.make_identity` gives them.
    teachers
        Who labelled, in the order of the vocabulary.
    sources, sources_digest
        The paths that the parts were made from, and what tells these sources from others.
    policy
        How soft labels become labels.
    soft_top, shard_clips, seed, duplicates
        As in :class:`~hearsight.config.BuildConfig`.
    choose_validation
        Gives the number of folds, from 0 on, that are for validation, from the folds of all clips.
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


def assemble_dataset(assembly: Assembly, engine: Engine, reports: Sequence[PartReport]) -> BuildSummary:
    """Turn finished parts into a finished dataset.

    Raises
    ------
    DatasetError
        When not one clip is left.
    WorkerError
        When a worker died twice while it wrote a shard.
    """
    layout = assembly.layout
    parts = Parts(layout.parts)
    index, duplicates = choose_clips(index_clips(parts, [report.unit for report in reports]), assembly.duplicates)
    rejections = [rejection for report in reports for rejection in report.rejections] + duplicates
    rejections.sort(key=lambda rejection: (rejection.path, rejection.start, rejection.reason, rejection.detail))
    _write_rejections(layout, rejections)
    if len(index) == 0:
        counts = Counter(str(rejection.reason) for rejection in rejections)
        reasons = ", ".join(f"{count} {reason}" for reason, count in counts.most_common())
        found = f"not one clip is left of {len(reports)} files ({reasons})"
        raise DatasetError(layout.folder, found, "at least one clip", f"the reasons are in {layout.rejected}")
    for teacher in assembly.teachers:
        if isinstance(teacher, FittedTeacher):
            fit_teacher(teacher, parts, index, assembly.seed, layout.teacher(teacher.name))
    plans = plan_shards(index, assembly.shard_clips)
    _write_shards(assembly, engine, plans)
    return _finalize(assembly, plans, index, rejections)


def _write_shards(assembly: Assembly, engine: Engine, plans: Sequence[ShardPlan]) -> None:
    teachers = tuple(
        TeacherPlan(teacher.name, teacher.spec, teacher.modality, isinstance(teacher, FittedTeacher))
        for teacher in assembly.teachers
    )
    # a single shard is written sooner than a worker is started
    writers = SerialEngine() if len(plans) == 1 else engine
    with track("writing shards", len(plans), "shards") as bar:
        for answer in writers.run(AssembleShard(assembly.layout.folder, teachers, assembly.soft_top), plans):
            if answer.result is None:
                raise WorkerError(
                    f"shard {answer.unit.record.index}", "its worker died twice", "memory and disk to write it"
                )
            bar.advance()
    remove_strays(assembly.layout, len(plans), teachers)


def _finalize(
    assembly: Assembly, plans: Sequence[ShardPlan], index: pa.Table, rejections: Sequence[Rejection]
) -> BuildSummary:
    """Apply the policy to the whole dataset, write vocabulary, summary and, last, the manifest."""
    layout, policy = assembly.layout, assembly.policy
    tables = {teacher.name: _read_soft_labels(layout, teacher.name, len(plans)) for teacher in assembly.teachers}
    records = [_record_teacher(teacher, tables[teacher.name], policy) for teacher in assembly.teachers]
    lists = {
        r.name: choose_label_lists(
            tables[r.name], top=r.top, threshold=r.threshold, min_probability=policy.min_probability
        )
        for r in records
    }
    counts = [np.bincount(lists[record.name].classes, minlength=record.num_classes) for record in records]
    classes = unite_classes(records, [teacher.vocabulary.names for teacher in assembly.teachers], counts)
    write_json(layout.vocabulary, [record.model_dump() for record in classes])
    validation_folds = assembly.choose_validation(index.column("fold").to_numpy())
    summary = summarise(
        index=index,
        rejections=rejections,
        sources=assembly.sources,
        sources_digest=assembly.sources_digest,
        labels=lists,
        teachers=records,
        num_used=len(classes),
        validation_folds=validation_folds,
    )
    write_json(layout.summary, dataclasses.asdict(summary))
    manifest = Manifest(
        hearsight_version=VERSION,
        validation_folds=validation_folds,
        num_clips=len(index),
        shards=tuple(plan.record for plan in plans),
        teachers=tuple(records),
        config=assembly.identity["config"],
        config_digest=assembly.identity["digest"],
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))
    remove_build_files(layout)
    return summary


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
    table = pa.Table.from_pylist([dataclasses.asdict(rejection) for rejection in rejections], schema=REJECTION_SCHEMA)
    with write_atomically(layout.rejected) as temporary:
        pq.write_table(table, temporary, compression="zstd")
