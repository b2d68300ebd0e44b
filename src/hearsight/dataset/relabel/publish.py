"""Apply the policy to the answers of all teachers, and write vocabulary, summary and, last, the manifest."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from jaxtyping import Int64

from hearsight.config import PolicyConfig
from hearsight.dataset.assemble import record_files, write_parquet
from hearsight.dataset.labels import choose_label_lists, tabulate_classes, top_probabilities, unite_classes
from hearsight.dataset.layout import FORMAT_VERSION, FileRecord, Layout, TeacherRecord, write_json
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel.teachers import Labeller
from hearsight.dataset.statistics import BuildSummary
from hearsight.teachers.policy import fit_threshold
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
    records = [_resolve_policy(layout, one, shards, policy) for one in labellers]
    counts = [_count_labels(layout, record, shards, policy.min_probability) for record in records]
    classes = [one.classes for one in labellers]
    used = unite_classes(records, [[one.name for one in own] for own in classes], counts)
    write_json(layout.vocabulary, [record.model_dump() for record in used])
    write_parquet(layout.classes, tabulate_classes(classes, counts, used))
    summary = dataclasses.replace(
        parent.summary,
        labels_per_clip=_average(records, counts, len(parent)),
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
    return summary


def _resolve_policy(layout: Layout, teacher: Labeller, shards: Sequence[int], policy: PolicyConfig) -> TeacherRecord:
    """Resolve the rank and the threshold that the labels of a teacher must reach."""
    top, threshold = policy.vision_top, policy.vision_threshold
    if teacher.modality == "audio":
        top, threshold = policy.audio_top, policy.audio_threshold
        if threshold == "fit":
            chances = np.concatenate([top_probabilities(table, top) for table in _read(layout, teacher.name, shards)])
            threshold = fit_threshold(chances, policy.audio_mean, min_probability=policy.min_probability)
    return TeacherRecord(
        name=teacher.name,
        spec=teacher.spec,
        modality=teacher.modality,
        digest=teacher.digest,
        num_classes=len(teacher.classes),
        top=top,
        threshold=float(threshold),
    )


def _count_labels(
    layout: Layout, teacher: TeacherRecord, shards: Sequence[int], least: float
) -> Int64[np.ndarray, " classes"]:
    counts = np.zeros(teacher.num_classes, np.int64)
    for table in _read(layout, teacher.name, shards):
        lists = choose_label_lists(table, top=teacher.top, threshold=teacher.threshold, min_probability=least)
        counts += np.bincount(lists.classes, minlength=teacher.num_classes)
    return counts


def _average(
    teachers: Sequence[TeacherRecord], counts: Sequence[Int64[np.ndarray, " _"]], num_clips: int
) -> dict[str, float]:
    means: dict[str, float] = {}
    for teacher, number in zip(teachers, counts, strict=True):
        means[teacher.modality] = means.get(teacher.modality, 0.0) + float(number.sum()) / num_clips
    return means


def _read(layout: Layout, teacher: str, shards: Sequence[int]) -> Iterator[pa.Table]:
    for shard in shards:
        yield pq.read_table(layout.labels(teacher, shard), columns=["classes", "probabilities"])
