"""Apply the policy to a changed dataset, write its vocabulary, summary and manifest, and put the change in place."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hearsight.clips.database import open_database
from hearsight.config import PolicyConfig
from hearsight.dataset.assemble import record_files, write_parquet
from hearsight.dataset.changes.staging import Change
from hearsight.dataset.changes.taken import read_taken
from hearsight.dataset.index.derive import derive_missing_index
from hearsight.dataset.labels.policy import tabulate_classes, unite_classes
from hearsight.dataset.labels.survey import LabelSurvey, SoftLabelTables, record_teacher, survey_labels
from hearsight.dataset.layout import FORMAT_VERSION, FileRecord, Layout, ShardRecord, write_json
from hearsight.dataset.reader import Dataset
from hearsight.dataset.relabel.teachers import Labeller, keep_teacher
from hearsight.dataset.statistics import BuildSummary, SummaryCounts, summarise
from hearsight.dataset.storage.clip_index import MEMORY_LIMIT, count_kept_sources
from hearsight.dataset.unit_table import encode_paths
from hearsight.version import VERSION


@dataclasses.dataclass(frozen=True)
class ChangedContents:
    """What a changed dataset holds.

    Attributes
    ----------
    shards
        All of its shards.
    validation_folds
        Folds 0 to this one, not included, are for validation.
    num_failed
        New sources that failed.
    removed
        Names of the files that it has no longer.
    """

    shards: tuple[ShardRecord, ...]
    validation_folds: int
    num_failed: int = 0
    removed: tuple[str, ...] = ()


def publish_change(parent: Dataset, change: Change, contents: ChangedContents) -> BuildSummary:
    """Finish a change whose shards, rejections and sources are staged.

    Thresholds and vocabulary are those that the policy of the dataset gives for the clips that it now has.

    Parameters
    ----------
    parent
        The dataset before.
    change
        The staged files, to which the others are added.
    contents
        What the dataset holds now.
    """
    layout, staged = Layout(parent.path), change.staged
    policy = PolicyConfig.parse(parent.manifest.config["policy"], str(layout.manifest))
    labellers = [keep_teacher(parent, record) for record in parent.manifest.teachers]
    surveys = [_survey(layout, change, contents.shards, one, policy) for one in labellers]
    records, counts = [one.teacher for one in surveys], [one.counts for one in surveys]
    classes = [one.classes for one in labellers]
    used = unite_classes(records, [[one.name for one in own] for own in classes], counts)
    write_json(staged.vocabulary, [record.model_dump() for record in used])
    write_parquet(staged.classes, tabulate_classes(classes, counts, used))
    summary = summarise(_count(layout, change, contents), surveys, len(used))
    write_json(staged.summary, dataclasses.asdict(summary))
    files = {name: one for name, one in (parent.manifest.files or {}).items() if name not in contents.removed}
    new = record_files(staged.folder, change.list_staged())
    files |= {name: FileRecord.model_validate(record) for name, record in new.items()}
    manifest = parent.manifest.model_copy(
        update={
            "format_version": FORMAT_VERSION,
            "hearsight_version": VERSION,
            "validation_folds": contents.validation_folds,
            "num_clips": sum(shard.num_clips for shard in contents.shards),
            "shards": contents.shards,
            "teachers": tuple(records),
            "files": dict(sorted(files.items())),
        }
    )
    write_json(staged.manifest, manifest.model_dump(mode="json"))
    change.commit(contents.removed)
    derive_missing_index(layout.folder)
    return summary


def _survey(
    layout: Layout, change: Change, shards: Sequence[ShardRecord], teacher: Labeller, policy: PolicyConfig
) -> LabelSurvey:
    paths = [change.find(layout.labels(teacher.name, shard.index)) for shard in shards]
    tables = SoftLabelTables(paths, sum(shard.num_clips for shard in shards))
    record = record_teacher(teacher, len(teacher.classes), tables, policy)
    return survey_labels(tables, record, policy.min_probability)


def _count(layout: Layout, change: Change, contents: ChangedContents) -> SummaryCounts:
    clips = [change.find(layout.clips(shard.index)) for shard in contents.shards]
    taken = read_taken(change.find(layout.taken))
    with open_database(MEMORY_LIMIT) as database:
        database.add_source("clip", clips)
        database.add_source("rejected", change.find(layout.rejected))
        held = (
            f"count(*) FILTER (fold < {contents.validation_folds}) AS validation, coalesce(sum(duration), 0.0) AS total"
        )
        totals = database.query(f"SELECT count(*) AS clips, {held} FROM clip").to_pylist()[0]
        reasons = database.query("SELECT reason, count(*) AS rows FROM rejected GROUP BY reason").to_pylist()
    return SummaryCounts(
        num_sources=len(taken) + contents.num_failed,
        num_sources_kept=count_kept_sources(clips, encode_paths(taken)),
        sources_digest=taken.digest(),
        num_clips=totals["clips"],
        num_validation_clips=totals["validation"],
        seconds=totals["total"],
        reasons={row["reason"]: row["rows"] for row in reasons},
        num_failed=contents.num_failed,
    )
