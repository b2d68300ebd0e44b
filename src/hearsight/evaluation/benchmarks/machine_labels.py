"""A dataset of ours as a benchmark: its validation clips, with the labels that machines gave them (Hershey 2017, section 3.2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from hearsight.dataset.reader import Dataset
from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip, Split

DATASET = "dataset"
"""The benchmark's name."""
MOST_CLIPS = 20_000
"""Validation clips that are scored; of more, so many are chosen evenly."""

_FOLD = 1


def read_machine_labels(path: Path) -> Benchmark:
    """Read the validation clips of a dataset, with all classes.

    Raises
    ------
    DatasetError
        When the folder is no dataset.
    BenchmarkError
        When it has no validation clips.
    """
    dataset = Dataset(path)
    return make_benchmark(dataset, choose_clips(dataset), np.arange(len(dataset.classes)))


def choose_clips(dataset: Dataset) -> Int64[np.ndarray, " chosen"]:
    """Return the validation clips that are scored.

    Raises
    ------
    BenchmarkError
        When there are none.
    """
    clips = dataset.indices("validation")
    if not len(clips):
        raise BenchmarkError(
            dataset.path, f"{len(clips)} validation clips", "some", "build with a larger validation_share"
        )
    return clips[np.unique(np.linspace(0, len(clips) - 1, min(len(clips), MOST_CLIPS)).astype(np.int64))]


def make_benchmark(
    dataset: Dataset, clips: Int64[np.ndarray, " chosen"], classes: Int64[np.ndarray, " scored"]
) -> Benchmark:
    """Make a benchmark of some clips and some classes of a dataset."""
    total = len(dataset.indices("validation"))
    notes = ["the labels are those of machines, not of people"]
    if len(clips) < total:
        notes.append(f"{len(clips):,} of {total:,} validation clips, chosen evenly")
    if len(classes) < len(dataset.classes):
        notes.append(f"{len(classes):,} of {len(dataset.classes):,} classes are scored")
    marks = _mark_labels(dataset, clips, classes)
    return Benchmark(
        name=DATASET,
        folder=dataset.path,
        classes=tuple(dataset.names[index] for index in classes),
        clips=tuple(
            BenchmarkClip(f"clip {clip}", tuple(int(label) for label in np.flatnonzero(row)), _FOLD)
            for clip, row in zip(clips, marks, strict=True)
        ),
        notes=tuple(notes),
        multi_label=True,
        given_splits=(Split(_FOLD, ()),),
    )


def _mark_labels(
    dataset: Dataset, clips: Int64[np.ndarray, " clips"], classes: Int64[np.ndarray, " scored"]
) -> Bool[np.ndarray, "clips scored"]:
    place = np.full(len(dataset.classes), -1, dtype=np.int64)
    place[classes] = np.arange(len(classes))
    marks = np.zeros((len(clips), len(classes)), dtype=np.bool_)
    for row, clip in enumerate(clips):
        labels = dataset.labels(int(clip))
        found = place[np.concatenate([labels.visual, labels.audio])]
        marks[row, found[found >= 0]] = True
    return marks
