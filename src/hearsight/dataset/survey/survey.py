"""One pass over a dataset's tables: everything that :mod:`hearsight.inspection` reports of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
from jaxtyping import Float32, Int64

from hearsight.clips.database import open_database
from hearsight.console import print_message, track
from hearsight.dataset.survey.agreement import read_agreement, score_clips, write_agreement
from hearsight.dataset.survey.pairs import PairCounter, PairCounts, count_pairs
from hearsight.dataset.survey.tables import LabelTables
from hearsight.dataset.survey.teachers import TeacherCounter, TeacherPair, TeacherSurvey
from hearsight.errors import DatasetError, MachineError

_DURATION_STEP = 0.1
_CLIPS = """
SELECT count(*), count(DISTINCT media_uuid), sum(duration), count(*) FILTER (fold < {validation}) FROM clip
"""
_DURATIONS = "SELECT round(duration / {step})::INT AS step, count(*) FROM clip GROUP BY step ORDER BY step"
_FOLDS = "SELECT fold, count(*), count(DISTINCT media_uuid) FROM clip GROUP BY fold ORDER BY fold"


@dataclasses.dataclass(frozen=True)
class ClipSurvey:
    """What the clip table holds.

    Attributes
    ----------
    num_clips, num_sources, num_validation
        Clips, the sources that they were cut from, and the clips for validation.
    hours
        Their total duration.
    durations
        Number of clips by duration, in steps of a tenth of a second.
    folds, fold_clips, fold_sources
        The folds with clips, and how many clips and sources each has.
    """

    num_clips: int
    num_sources: int
    num_validation: int
    hours: float
    durations: dict[float, int]
    folds: Int64[np.ndarray, " folds"]
    fold_clips: Int64[np.ndarray, " folds"]
    fold_sources: Int64[np.ndarray, " folds"]


@dataclasses.dataclass(frozen=True)
class Survey:
    """The survey of a dataset.

    Attributes
    ----------
    tables
        The dataset.
    clips
        Of its clip table.
    counts
        Of classes and pairs of classes.
    labels_per_clip
        Clips by their number of labels, by modality; the place is the number.
    teachers, teacher_pairs
        Of the teachers' probabilities.
    agreement
        Of picture and sound of each clip, NaN where a clip has no label of one of them; empty without teachers of both.
    """

    tables: LabelTables
    clips: ClipSurvey
    counts: PairCounts
    labels_per_clip: dict[str, Int64[np.ndarray, " numbers"]]
    teachers: list[TeacherSurvey]
    teacher_pairs: list[TeacherPair]
    agreement: Float32[np.ndarray, " clips"]


def survey_dataset(path: str | Path) -> Survey:
    """Survey a dataset. The agreement of picture and sound is read where it is known, and computed and stored where it is not.

    Raises
    ------
    DatasetError
        When the folder is no finished dataset, or a table is damaged.
    """
    tables = LabelTables(path)
    pairs, teachers = PairCounter(len(tables.classes)), TeacherCounter(tables)
    members = {name: tables.find_classes(name) for name in ("vision", "audio")}
    labels = {name: np.zeros(1, np.int64) for name, classes in members.items() if len(classes)}
    with track("survey", tables.num_clips, "clips") as bar:
        for shard in tables.read_shards():
            pairs.add(shard)
            teachers.add(shard)
            for name in labels:
                numbers = np.bincount(np.asarray(shard.labels[:, members[name]].sum(axis=1)).astype(np.int64))
                labels[name] = _add_padded(labels[name], numbers)
            bar.advance(shard.labels.shape[0])
    counts = pairs.finish()
    surveys, teacher_pairs = teachers.finish()
    agreement = find_agreement(tables, counts) if len(labels) == 2 else np.zeros(0, np.float32)
    return Survey(tables, survey_clips(tables), counts, labels, surveys, teacher_pairs, agreement)


def find_agreement(tables: LabelTables, counts: PairCounts | None = None) -> Float32[np.ndarray, " clips"]:
    """Read the agreement of each clip, or compute and store it where it is not there or of other clips.

    Where the folder cannot be written, a message reports it.

    Raises
    ------
    DatasetError
        When a table of the dataset cannot be read.
    """
    try:
        known = read_agreement(tables.path, tables.digest)
    except DatasetError as error:
        print_message(f"{error.summary}; it is computed again")
        known = None
    if known is not None:
        return known
    counts = counts or count_pairs(tables)
    try:
        return write_agreement(tables.path, counts)
    except MachineError as error:
        print_message(f"{error.summary}; the agreement of the clips is not stored")
        return np.concatenate([np.zeros(0, np.float32), *(scores for _, scores in score_clips(tables, counts))])


def survey_clips(tables: LabelTables) -> ClipSurvey:
    """Count clips, sources, durations and folds, by queries of the clip tables."""
    paths = [tables.layout.clips(shard.index) for shard in tables.manifest.shards if shard.num_clips]
    if not paths:
        empty = np.zeros(0, np.int64)
        return ClipSurvey(0, 0, 0, 0.0, {}, empty, empty, empty)
    with open_database("128MB") as database:
        database.add_source("clip", paths)
        total = _rows(database.query(_CLIPS.format(validation=tables.manifest.validation_folds)))[0]
        durations = _rows(database.query(_DURATIONS.format(step=_DURATION_STEP)))
        folds = np.array(_rows(database.query(_FOLDS)), np.int64)
    return ClipSurvey(
        num_clips=int(total[0]),
        num_sources=int(total[1]),
        num_validation=int(total[3]),
        hours=float(total[2]) / 3600.0,
        durations={round(step * _DURATION_STEP, 1): int(count) for step, count in durations},
        folds=folds[:, 0],
        fold_clips=folds[:, 1],
        fold_sources=folds[:, 2],
    )


def _rows(table: pa.Table) -> list[tuple[float, ...]]:
    return list(zip(*table.to_pydict().values(), strict=True))


def _add_padded(first: Int64[np.ndarray, " _"], second: Int64[np.ndarray, " _"]) -> Int64[np.ndarray, " _"]:
    """Add two histograms of different lengths."""
    size = max(len(first), len(second))
    total = np.zeros(size, np.int64)
    total[: len(first)] += first
    total[: len(second)] += second
    return total
