"""Clips as a person wants to see them: pictures, sound, and every label with its probability and its teacher."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16, Int64, UInt8

from hearsight.dataset.reader import Dataset
from hearsight.dataset.survey.quality import read_class_names
from hearsight.dataset.survey.tables import LabelTables
from hearsight.errors import HearsightError
from hearsight.inspection.choose import place_clips, take_rows
from hearsight.inspection.tables import SENSES
from hearsight.media.decode import decode_windows
from hearsight.media.info import read_media
from hearsight.media.pictures import ImageRequest
from hearsight.media.remote.local_copy import copy_to_local, is_remote
from hearsight.records import Rejection, RejectReason, Source

PICTURE = ImageRequest(height=108, width=144)
PICTURES_PER_CLIP = 4


@dataclasses.dataclass(frozen=True)
class Label:
    """A label of a clip: class, sense, teacher and probability."""

    name: str
    sense: str
    teacher: str
    probability: float


@dataclasses.dataclass(frozen=True)
class ClipView:
    """A clip of a dataset.

    Attributes
    ----------
    row
        Its row of the clip table.
    split
        ``train`` or ``validation``.
    labels
        By falling probability within each teacher.
    agreement
        Of its picture and sound; None where there is none.
    """

    row: dict[str, Any]
    split: str
    labels: list[Label]
    agreement: float | None

    def as_json(self) -> dict[str, Any]:
        """Return what is known of the clip, without picture and sound."""
        keys = ("uuid", "source", "start", "duration", "fold", "loudness", "motion")
        facts = {key: self.row[key] for key in keys}
        labels = [dataclasses.asdict(label) for label in self.labels]
        return {**facts, "split": self.split, "agreement": self.agreement, "labels": labels}


@dataclasses.dataclass(frozen=True)
class SpanMedia:
    """Pictures and sound of a span; ``problem`` is the reason if something is missing.

    Attributes
    ----------
    images
        Up to :data:`PICTURES_PER_CLIP`, evenly spaced.
    samples
        The sound; empty where it cannot be read.
    """

    images: list[UInt8[np.ndarray, "height width 3"]]
    samples: Int16[np.ndarray, " samples"]
    problem: str = ""


def read_clips(
    tables: LabelTables, clips: Int64[np.ndarray, " chosen"], agreement: Float32[np.ndarray, " clips"]
) -> list[ClipView]:
    """Read clips and their labels.

    Parameters
    ----------
    tables
        The dataset.
    clips
        Their indices.
    agreement
        Of every clip of the dataset, NaN where there is none; empty where nothing is known.

    Raises
    ------
    DatasetError
        When a table cannot be read.
    """
    places = place_clips(tables, clips)
    rows: list[dict[str, Any]] = [{} for _ in places]
    labels: list[list[Label]] = [[] for _ in places]
    for shard in sorted({shard for shard, _ in places}):
        members = [number for number, (one, _) in enumerate(places) if one == shard]
        inside = [places[number][1] for number in members]
        for number, row in zip(members, take_rows(tables.read_table(tables.layout.clips(shard)), inside), strict=True):
            rows[number] = row
        for number, found in zip(members, _read_labels(tables, shard, inside), strict=True):
            labels[number] = found
    bound = tables.manifest.validation_folds
    views: list[ClipView] = []
    for clip, row, found in zip(clips.tolist(), rows, labels, strict=True):
        score = float(agreement[clip]) if len(agreement) else math.nan
        split = "validation" if row["fold"] < bound else "train"
        views.append(ClipView(row, split, found, None if math.isnan(score) else score))
    return views


def _read_labels(tables: LabelTables, shard: int, rows: list[int]) -> list[list[Label]]:
    """Return the labels of clips of a shard, by the policy of the dataset."""
    names = {index: name for index, (name, _) in read_class_names(tables).items()}
    minimum = float(tables.manifest.config["policy"]["min_probability"])
    found: list[list[Label]] = [[] for _ in rows]
    for teacher in tables.manifest.teachers:
        place = tables.place_classes(teacher)
        for labels, row in zip(found, take_rows(tables.read_soft(teacher, shard), rows), strict=True):
            kept: list[tuple[int, float]] = list(zip(row["classes"], row["probabilities"], strict=True))  # pyright: ignore
            labels += [
                Label(names[int(place[index])], SENSES[teacher.modality], teacher.name, float(probability))
                for index, probability in kept[: teacher.top]
                if np.float32(probability) >= np.float32(teacher.threshold) and probability > minimum
            ]
    return found


def read_clip_media(dataset: Dataset, clip: int, row: dict[str, Any]) -> SpanMedia:
    """Read the stored sound of a clip, and its pictures from the media that it was cut from.

    Media that are no longer there, or have changed, leave the pictures out with the reason.

    Raises
    ------
    DatasetError
        When the stored sound is damaged.
    """
    samples = dataset.read(clip)
    if dataset.is_mixed:
        return SpanMedia([], samples, "a mixture has no pictures")
    seen = read_span(row["source"], float(row["start"]), float(row["duration"]), dataset.sample_rate)
    return SpanMedia(seen.images, samples, seen.problem)


def read_span(source: str, start: float, duration: float, sample_rate: int) -> SpanMedia:
    """Read pictures and sound of a span of a media file; what cannot be read is missing, and ``problem`` is the reason."""
    span = Source(source, start, start + duration)
    try:
        with contextlib.ExitStack() as stack:
            local = None
            if is_remote(source):
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hearsight-"))
                local = stack.enter_context(copy_to_local(source, Path(folder)))
            media = dataclasses.replace(read_media(span, local), start=start, end=start + duration)
            windows = decode_windows(
                media,
                length=duration,
                images_per_second=PICTURES_PER_CLIP / duration,
                requests=[PICTURE],
                sample_rate=sample_rate,
            )
            window = next(iter(windows), None)
    except (HearsightError, OSError) as error:
        return SpanMedia([], np.zeros(0, np.int16), str(getattr(error, "summary", error)))
    if window is None:
        return SpanMedia([], np.zeros(0, np.int16), f"{source}: nothing at {start:.1f} s")
    return SpanMedia(list(window.images[0][:PICTURES_PER_CLIP]), window.samples, window.damage)


def read_rejections(tables: LabelTables, count: int, seed: int) -> tuple[list[Rejection], int]:
    """Return rejections, evenly over the reasons as far as there are some, and the number of all.

    Parameters
    ----------
    tables
        The dataset.
    count
        How many at most.
    seed
        Of the choice where there are more.

    Raises
    ------
    DatasetError
        When the table cannot be read.
    """
    table = tables.read_table(tables.layout.rejected)
    reasons = np.asarray(table.column("reason").to_pylist(), dtype=object)
    order = np.random.default_rng(seed).permutation(len(reasons))
    # the n-th of each reason comes before the next of any, so that rare reasons are shown, too
    rank = np.zeros(len(reasons), np.int64)
    for reason in set(reasons.tolist()):
        members = order[reasons[order] == reason]
        rank[members] = np.arange(len(members))
    chosen = order[np.argsort(rank[order], kind="stable")][:count]
    rows = table.take(np.sort(chosen)).to_pylist()
    found = [Rejection(r["path"], r["start"], r["duration"], RejectReason(r["reason"]), r["detail"]) for r in rows]
    return found, len(reasons)
