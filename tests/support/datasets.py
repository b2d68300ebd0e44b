"""Datasets of invented labels, written without any video: tables as a build writes them, and noise as sound."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from hearsight.clips.folds import assign_fold
from hearsight.dataset.assemble import record_files, write_parquet
from hearsight.dataset.labels.policy import choose_label_lists, tabulate_classes, unite_classes
from hearsight.dataset.layout import FileRecord, Layout, Manifest, ShardRecord, TeacherRecord, digest_json, write_json
from hearsight.dataset.statistics import BuildSummary
from hearsight.records import AUDIO_SCHEMA, CLIP_SCHEMA, LABEL_SCHEMA, REJECTION_SCHEMA, name_clip, name_media
from hearsight.teachers.classes import TeacherClass
from hearsight.units import SAMPLE_RATE

Probabilities = dict[int, float]
"""The probability of each kept class."""


@dataclasses.dataclass(frozen=True)
class InventedClip:
    """A clip of a source, and what each teacher returns for it, by the teacher's name; ``items`` for each of its pictures."""

    source: str
    soft: dict[str, Probabilities]
    items: dict[str, list[Probabilities]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class InventedTeacher:
    name: str
    modality: str
    classes: Sequence[str]
    ids: Sequence[str] | None = None
    top: int = 10
    threshold: float = 0.0


def write_dataset(
    folder: Path,
    teachers: Sequence[InventedTeacher],
    clips: Sequence[InventedClip],
    *,
    num_shards: int = 2,
    rejected: Sequence[dict] = (),
    seconds: float = 1.0,
) -> Path:
    """Write a finished dataset. Clips are sorted as a build sorts them: by fold, then by source."""
    layout = Layout(folder)
    starts: dict[str, float] = {}
    rows = []
    for clip in clips:
        start = starts.get(clip.source, 0.0)
        starts[clip.source] = start + seconds
        media = name_media(clip.source.encode().hex())
        rows.append((assign_fold(media), media, start, clip))
    rows.sort(key=lambda row: row[:3])
    records = [
        TeacherRecord(
            name=one.name,
            spec=f"litert:{one.name}.tflite",
            modality=one.modality,
            digest="0" * 64,
            num_classes=len(one.classes),
            top=one.top,
            threshold=one.threshold,
        )
        for one in teachers
    ]
    paths, shards, tables = [], [], {one.name: [] for one in teachers}
    width = 4096 // num_shards
    for shard in range(num_shards):
        some = [row for row in rows if row[0] // width == shard]
        shards.append(
            ShardRecord(index=shard, first_fold=shard * width, last_fold=(shard + 1) * width - 1, num_clips=len(some))
        )
        paths += [_write_audio(layout.audio(shard), some, seconds), layout.clips(shard)]
        write_parquet(
            layout.clips(shard), pa.Table.from_pylist([_make_row(*row, seconds) for row in some], CLIP_SCHEMA)
        )
        for one in teachers:
            table = pa.Table.from_pylist([_make_labels(row, one.name, seconds) for row in some], LABEL_SCHEMA)
            write_parquet(layout.labels(one.name, shard), table)
            tables[one.name].append(table)
            paths.append(layout.labels(one.name, shard))
    lists = [
        choose_label_lists(
            pa.concat_tables(tables[one.name]), top=one.top, threshold=one.threshold, min_probability=0.0
        )
        for one in records
    ]
    counts = [np.bincount(some.classes, minlength=one.num_classes) for some, one in zip(lists, records, strict=True)]
    used = unite_classes(records, [one.classes for one in teachers], counts)
    every = [
        [
            TeacherClass(one.name, one.modality, index, name, None if one.ids is None else one.ids[index])
            for index, name in enumerate(one.classes)
        ]
        for one in teachers
    ]
    write_json(layout.vocabulary, [record.model_dump() for record in used])
    write_parquet(layout.classes, tabulate_classes(every, counts, used))
    write_parquet(layout.rejected, pa.Table.from_pylist(list(rejected), REJECTION_SCHEMA))
    summary = BuildSummary(
        num_sources=len(starts),
        num_sources_kept=len(starts),
        num_clips=len(rows),
        num_validation_clips=sum(row[0] < 273 for row in rows),
        hours=len(rows) * seconds / 3600,
        rejected={},
        labels_per_clip={},
        num_classes=sum(one.num_classes for one in records),
        num_used=len(used),
        failure_rate=0.0,
        sources_digest="0",
    )
    write_json(layout.summary, dataclasses.asdict(summary))
    paths += [layout.vocabulary, layout.classes, layout.rejected, layout.summary]
    config = {"policy": {"min_probability": 0.0}, "images_per_second": 1.0}
    manifest = Manifest(
        hearsight_version="0.1.0",
        validation_folds=273,
        num_clips=len(rows),
        shards=tuple(shards),
        teachers=tuple(records),
        config=config,
        config_digest=digest_json({"config": config, "teachers": [one.name for one in records]}),
        files={name: FileRecord.model_validate(one) for name, one in record_files(folder, paths).items()},
    )
    write_json(layout.manifest, manifest.model_dump(mode="json"))
    return folder


def _name(row: tuple, seconds: float) -> str:
    return name_clip(row[1], row[2], seconds)


def _make_row(fold: int, media: str, start: float, clip: InventedClip, seconds: float) -> dict:
    samples = round(seconds * SAMPLE_RATE)
    numbers = {"num_samples": samples, "num_images": 1, "width": 64, "height": 48, "loudness": -20.0, "motion": 5.0}
    prints = {"sound_fingerprint": b"", "image_fingerprint": b""}
    uuid = name_clip(media, start, seconds)
    place = {
        "uuid": uuid,
        "media_uuid": media,
        "source": clip.source,
        "start": start,
        "duration": seconds,
        "fold": fold,
    }
    return {**place, **numbers, **prints}


def _make_labels(row: tuple, teacher: str, seconds: float) -> dict:
    soft = row[3].soft.get(teacher, {})
    classes, probabilities = _sort(soft)
    items = [_sort(item) for item in row[3].items.get(teacher, [soft])]
    return {
        "uuid": _name(row, seconds),
        "classes": classes,
        "probabilities": probabilities,
        "item_classes": [item[0] for item in items],
        "item_probabilities": [item[1] for item in items],
    }


def _sort(kept: Probabilities) -> tuple[list[int], list[float]]:
    """Classes and their probabilities, most probable first."""
    ordered = sorted(kept.items(), key=lambda one: (-one[1], one[0]))
    return [one[0] for one in ordered], [one[1] for one in ordered]


def _write_audio(path: Path, rows: Sequence[tuple], seconds: float) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, AUDIO_SCHEMA) as writer:
        for row in rows:
            samples = noise.integers(-3000, 3000, round(seconds * SAMPLE_RATE)).astype(np.int16)
            values = {"uuid": [_name(row, seconds)], "samples": [samples]}
            writer.write_batch(pa.RecordBatch.from_pydict(values, AUDIO_SCHEMA))
    return path
