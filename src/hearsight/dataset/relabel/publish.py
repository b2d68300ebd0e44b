"""Apply the policy to the answers of all teachers, and write vocabulary, summary and, last, the manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hearsight.config import PolicyConfig
from hearsight.dataset.assemble import record_files, write_parquet
from hearsight.dataset.index.derive import derive_index
from hearsight.dataset.labels.policy import tabulate_classes, unite_classes
from hearsight.dataset.labels.survey import LabelSurvey, SoftLabelTables, record_teacher, survey_labels
from hearsight.dataset.layout import FORMAT_VERSION, FileRecord, Layout, write_json
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel.teachers import Labeller
from hearsight.dataset.statistics import BuildSummary, average_labels
from hearsight.version import VERSION


def publish(
    parent: Dataset,
    layout: Layout,
    labellers: Sequence[Labeller],
    policy: PolicyConfig,
    identity: Mapping[str, Any],
    files: dict[str, Any],
) -> BuildSummary:
    """Finish a dataset whose sound, clips and soft labels are in place.

    Parameters
    ----------
    parent
        The dataset that was labelled again.
    layout
        The new dataset.
    labellers
        Its teachers.
    policy
        How soft labels become labels.
    identity
        Configuration and digests.
    files
        Records of the files that were linked; None for one that has to be hashed.
    """
    shards = [shard.index for shard in parent.manifest.shards]
    surveys = [_survey(parent, layout, one, policy) for one in labellers]
    records, counts = [one.teacher for one in surveys], [one.counts for one in surveys]
    classes = [one.classes for one in labellers]
    used = unite_classes(records, [[one.name for one in own] for own in classes], counts)
    write_json(layout.vocabulary, [record.model_dump() for record in used])
    write_parquet(layout.classes, tabulate_classes(classes, counts, used))
    summary = dataclasses.replace(
        parent.summary,
        labels_per_clip=average_labels(surveys, len(parent)),
        num_classes=sum(record.num_classes for record in records),
        num_used=len(used),
        num_failed=0,
    )
    write_json(layout.summary, dataclasses.asdict(summary))
    unhashed = [layout.folder / name for name, record in files.items() if record is None]
    unhashed += [layout.vocabulary, layout.classes, layout.summary]
    unhashed += [layout.labels(one.name, shard) for one in labellers if not one.kept for shard in shards]
    known = {name: record for name, record in files.items() if record is not None}
    listed = {**known, **record_files(layout.folder, unhashed)}
    manifest = parent.manifest.model_copy(
        update={
            "format_version": FORMAT_VERSION,
            "hearsight_version": VERSION,
            "teachers": tuple(records),
            "config": identity["config"],
            "config_digest": identity["digest"],
            "build_version": identity["build_version"],
            "files": {name: FileRecord.model_validate(record) for name, record in listed.items()},
        }
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))
    derive_index(layout.folder)
    return summary


def _survey(parent: Dataset, layout: Layout, teacher: Labeller, policy: PolicyConfig) -> LabelSurvey:
    """Resolve the label policy of a teacher, and count the labels of each class, as a build does."""
    paths = [layout.labels(teacher.name, shard.index) for shard in parent.manifest.shards]
    tables = SoftLabelTables(paths, len(parent))
    return survey_labels(tables, record_teacher(teacher, len(teacher.classes), tables, policy), policy.min_probability)
