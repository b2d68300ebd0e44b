"""The second half of making a dataset: turn parts into shards, vocabulary, summary, ``dataset.json`` and, from these, the index.

The result is a function of the set of parts, whatever they were made from.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from jaxtyping import Int32

from hearsight.config import PolicyConfig
from hearsight.console import track
from hearsight.dataset.assemble import (
    AssembleShard,
    ShardPlan,
    TeacherPlan,
    fit_teacher,
    plan_shards,
    record_files,
    remove_strays,
    write_parquet,
)
from hearsight.dataset.index.derive import derive_index
from hearsight.dataset.labels.policy import tabulate_classes, unite_classes
from hearsight.dataset.labels.survey import LabelSurvey, SoftLabelTables, record_teacher, survey_labels
from hearsight.dataset.layout import BUILD_VERSION, FileRecord, Layout, Manifest, TeacherRecord, write_json
from hearsight.dataset.lock import remove_build_files
from hearsight.dataset.statistics import BuildSummary, SummaryCounts, summarise
from hearsight.dataset.storage.clip_index import (
    MEMORY_LIMIT,
    ChosenClips,
    choose_clips,
    count_kept_sources,
    write_index,
)
from hearsight.dataset.storage.ledger import Ledger
from hearsight.dataset.storage.rejections import RejectionWriter, write_rejections
from hearsight.dataset.storage.reports import Extent, PartReport
from hearsight.dataset.storage.rows import PackReader
from hearsight.engine.engine import Engine
from hearsight.engine.local import SerialEngine
from hearsight.errors import DatasetError, WorkerError
from hearsight.files import hash_file
from hearsight.records import Rejection
from hearsight.teachers.classes import list_classes
from hearsight.teachers.teacher import FittedTeacher, Teacher
from hearsight.units import SAMPLE_RATE
from hearsight.version import VERSION

UnitNames = pa.FixedSizeBinaryArray
"""Names of units, 16 bytes each, as :func:`hearsight.dataset.storage.ledger.pack_names` packs them."""


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
        The paths that the parts were made from, as an Arrow column, and their SHA-256.
    policy
        How soft labels become labels.
    soft_top, shard_clips, seed, duplicates
        As in :class:`~hearsight.config.BuildConfig`.
    sample_rate
        Hz of the sound in the parts.
    choose_validation
        Returns the number of validation folds, counted from fold 0, given the folds that have clips.
    """

    layout: Layout
    identity: dict[str, Any]
    teachers: list[Teacher | FittedTeacher]
    sources: pa.Array | pa.ChunkedArray
    sources_digest: str
    policy: PolicyConfig
    soft_top: int
    shard_clips: int
    seed: int
    duplicates: Literal["drop", "keep"]
    choose_validation: Callable[[Int32[np.ndarray, " folds"]], int]
    sample_rate: int = SAMPLE_RATE


def assemble_dataset(
    assembly: Assembly, engine: Engine, units: UnitNames, failed: Sequence[Rejection] = ()
) -> BuildSummary:
    """Turn finished parts into a finished dataset.

    Parameters
    ----------
    assembly
        What is assembled, and how.
    engine
        Where shards are written.
    units
        Names of the units whose parts are assembled, 16 bytes each.
    failed
        Sources that have no part. If there are any, the parts are kept, so that the next run can try them again.

    Raises
    ------
    DatasetError
        When not one clip is left, or a part is damaged.
    WorkerError
        When a shard cannot be written.
    """
    layout = assembly.layout
    layout.manifest.unlink(missing_ok=True)  # of an assembly before, to which files that failed then are added now
    layout.agreement.unlink(missing_ok=True)
    chosen, reasons = _choose(assembly, units, failed)
    if len(chosen) == 0:
        counts = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        found = f"not one clip is left of {len(units)} files ({counts})"
        raise DatasetError(layout.folder, found, "at least one clip", f"the reasons are in {layout.rejected}")
    fitted: dict[str, str] = {}
    for teacher in assembly.teachers:
        if isinstance(teacher, FittedTeacher):
            fit_teacher(teacher, layout.parts, chosen, assembly.seed, layout.teacher(teacher.name))
            fitted[teacher.name] = hash_file(layout.teacher(teacher.name))
    plans = plan_shards(chosen, assembly.shard_clips, fitted)
    files = write_shards(assembly, engine, plans, layout.folder)
    remove_strays(layout, len(plans), _plan_teachers(assembly))
    summary = _finalize(assembly, _Contents(plans, files, chosen, reasons, len(failed)))
    if not failed:
        remove_build_files(layout)
    return summary


def _choose(assembly: Assembly, units: UnitNames, failed: Sequence[Rejection]) -> tuple[ChosenClips, Counter[str]]:
    """Choose the clips of the dataset, and write the rejections; return the number of rejections by reason as well."""
    layout = assembly.layout
    ledger = Ledger(layout.parts)
    wanted = np.zeros(len(ledger), np.bool_)
    wanted[ledger.find(units)] = True
    index, gathered = layout.parts / "index.parquet", layout.parts / "rejected.parquet"
    with RejectionWriter(gathered) as rejections:
        write_index(index, PackReader(layout.parts), record_rejections(ledger.read_reports(wanted), rejections))
        chosen = choose_clips(index, assembly.duplicates, layout.parts / "clips.parquet", rejections)
        for rejection in failed:
            rejections.append(rejection)
    write_rejections(gathered, layout.rejected, MEMORY_LIMIT)
    return chosen, rejections.counts


def record_rejections(
    reports: Iterator[tuple[int, PartReport, Extent]], rejections: RejectionWriter
) -> Iterator[tuple[PartReport, Extent]]:
    """Pass reports on, and record their rejections."""
    for _, report, extent in reports:
        for rejection in report.rejections:
            rejections.append(rejection)
        yield report, extent


@dataclasses.dataclass(frozen=True)
class _Contents:
    """What the shards of a dataset hold, and what they do not."""

    plans: Sequence[ShardPlan]
    files: dict[str, Any]
    chosen: ChosenClips
    reasons: Counter[str]
    num_failed: int


def _plan_teachers(assembly: Assembly) -> tuple[TeacherPlan, ...]:
    return tuple(
        TeacherPlan(teacher.name, teacher.spec, teacher.modality, isinstance(teacher, FittedTeacher))
        for teacher in assembly.teachers
    )


def write_shards(assembly: Assembly, engine: Engine, plans: Sequence[ShardPlan], folder: Path) -> dict[str, Any]:
    """Write shards into a folder, and return size and checksum of their files.

    Parameters
    ----------
    assembly
        Names the parts and the fitted teachers.
    engine
        Where shards are written.
    plans
        The shards.
    folder
        The dataset, or where new versions of its files are gathered.

    Raises
    ------
    WorkerError
        When a shard cannot be written.
    """
    files: dict[str, Any] = {}
    # a single shard is written sooner than a worker is started
    writers = SerialEngine() if len(plans) == 1 else engine
    home, teachers = assembly.layout.folder, _plan_teachers(assembly)
    stage = AssembleShard(folder, teachers, assembly.soft_top, assembly.policy.scope, home)
    with track("writing shards", len(plans), "shards") as bar:
        for answer in writers.run(stage, plans):
            if answer.result is None:
                found = answer.failure.message if answer.failure else "no result"
                raise WorkerError(f"shard {answer.unit.record.index}", found, "a worker that finishes it")
            files.update(answer.result)
            bar.advance()
    return files


def _finalize(assembly: Assembly, contents: _Contents) -> BuildSummary:
    """Apply the label policy to the whole dataset; write vocabulary, summary, manifest and, derived from them, the index."""
    layout, chosen = assembly.layout, contents.chosen
    surveys = [_survey(assembly, teacher, contents) for teacher in assembly.teachers]
    records = [survey.teacher for survey in surveys]
    counts = [survey.counts for survey in surveys]
    names = [teacher.vocabulary.names for teacher in assembly.teachers]
    classes = unite_classes(records, names, counts)
    write_json(layout.vocabulary, [record.model_dump() for record in classes])
    write_parquet(layout.classes, tabulate_classes([list_classes(one) for one in assembly.teachers], counts, classes))
    validation_folds = assembly.choose_validation(np.flatnonzero(chosen.fold_counts).astype(np.int32))
    summary = summarise(
        SummaryCounts(
            num_sources=len(assembly.sources),
            num_sources_kept=count_kept_sources([chosen.path], assembly.sources),
            sources_digest=assembly.sources_digest,
            num_clips=len(chosen),
            num_validation_clips=int(chosen.fold_counts[:validation_folds].sum()),
            seconds=chosen.seconds,
            reasons=contents.reasons,
            num_failed=contents.num_failed,
        ),
        surveys,
        len(classes),
    )
    write_json(layout.summary, dataclasses.asdict(summary))
    _write_manifest(assembly, contents, records, validation_folds)
    derive_index(layout.folder)
    return summary


def _survey(assembly: Assembly, teacher: Teacher | FittedTeacher, contents: _Contents) -> LabelSurvey:
    """Resolve the label policy of a teacher, and count the labels of each class, shard by shard."""
    paths = [assembly.layout.labels(teacher.name, shard) for shard in range(len(contents.plans))]
    tables = SoftLabelTables(paths, len(contents.chosen))
    record = record_teacher(teacher, len(teacher.vocabulary), tables, assembly.policy)
    return survey_labels(tables, record, assembly.policy.min_probability)


def _write_manifest(
    assembly: Assembly, contents: _Contents, teachers: Sequence[TeacherRecord], validation_folds: int
) -> None:
    layout = assembly.layout
    others = [layout.vocabulary, layout.classes, layout.rejected, layout.summary]
    others += [path for path in (layout.mixtures, layout.sources, layout.missing, layout.taken) if path.exists()]
    others += [layout.teacher(one.name) for one in assembly.teachers if isinstance(one, FittedTeacher)]
    files = {**contents.files, **record_files(layout.folder, others)}
    manifest = Manifest(
        hearsight_version=VERSION,
        build_version=BUILD_VERSION,
        sample_rate=assembly.sample_rate,
        validation_folds=validation_folds,
        num_clips=len(contents.chosen),
        shards=tuple(plan.record for plan in contents.plans),
        teachers=tuple(teachers),
        config=assembly.identity["config"],
        config_digest=assembly.identity["digest"],
        files={name: FileRecord.model_validate(record) for name, record in files.items()},
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))
