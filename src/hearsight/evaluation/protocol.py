"""What a benchmark is: clips with one label and one fold each, and the checks that keep its score honest."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64

from hearsight.errors import BenchmarkError


@dataclasses.dataclass(frozen=True)
class BenchmarkClip:
    """One clip of a benchmark.

    Attributes
    ----------
    path
        Where it is, relative to the benchmark's folder, with forward slashes.
    label
        Index of its class.
    fold
        Number of its fold, as the benchmark counts them.
    source
        The recording it was cut from; empty where nobody knows. Clips of one source never lie in two folds.
    """

    path: str
    label: int
    fold: int
    source: str = ""


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Clips with their labels and folds; scored by leaving out one fold at a time.

    Attributes
    ----------
    name, folder
        What it is and where it lies.
    classes
        Class names, in the order of the labels.
    clips
        In the order of their paths.
    clip_seconds
        The length that its clips are published with; None where they may have any. Clips are cut or filled up with silence at
        their end to this length.
    notes
        What a reader of the score should know: files left out, how folds were made.
    """

    name: str
    folder: Path
    classes: tuple[str, ...]
    clips: tuple[BenchmarkClip, ...]
    clip_seconds: float | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.clips)

    @property
    def labels(self) -> Int64[np.ndarray, " clips"]:
        """Class index of every clip."""
        return np.array([clip.label for clip in self.clips], dtype=np.int64)

    @property
    def folds(self) -> Int64[np.ndarray, " clips"]:
        """Fold of every clip."""
        return np.array([clip.fold for clip in self.clips], dtype=np.int64)

    def locate(self, clip: BenchmarkClip) -> Path:
        """Give the path of a clip's file."""
        return self.folder / clip.path

    def without(self, left_out: Sequence[BenchmarkClip], notes: Sequence[str]) -> Benchmark:
        """Give the benchmark without some clips, saying so in its notes.

        Raises
        ------
        BenchmarkError
            When what remains cannot be scored.
        """
        gone = set(left_out)
        clips = tuple(clip for clip in self.clips if clip not in gone)
        smaller = dataclasses.replace(self, clips=clips, notes=(*self.notes, *notes))
        check_folds(smaller)
        return smaller


def check_folds(benchmark: Benchmark) -> None:
    """Refuse a benchmark that cannot be scored by leaving out one fold at a time.

    Raises
    ------
    BenchmarkError
        When there are fewer than two classes or folds, a source lies in several folds, or no two classes remain to learn from
        when a fold is left out.
    """
    where = benchmark.folder
    labels, folds = benchmark.labels, benchmark.folds
    present = np.unique(labels)
    if len(present) < 2:
        found = f"{len(present)} class{'' if len(present) == 1 else 'es'} with clips"
        raise BenchmarkError(where, found, "at least two classes")
    if len(np.unique(folds)) < 2:
        raise BenchmarkError(where, f"all clips are in fold {folds[0]}", "at least two folds")
    for fold in np.unique(folds):
        left = np.unique(labels[folds != fold])
        if len(left) < 2:
            only = benchmark.classes[left[0]]
            raise BenchmarkError(where, f"without fold {fold} only class {only!r} is left", "two classes in every rest")
    _check_sources(benchmark)


def _check_sources(benchmark: Benchmark) -> None:
    folds_of: dict[str, set[int]] = {}
    for clip in benchmark.clips:
        if clip.source:
            folds_of.setdefault(clip.source, set()).add(clip.fold)
    split = sorted(source for source, folds in folds_of.items() if len(folds) > 1)
    if split:
        shown = ", ".join(f"{source} (folds {sorted(folds_of[source])})" for source in split[:5])
        raise BenchmarkError(
            benchmark.folder, f"{len(split)} sources lie in several folds: {shown}", "each source in one fold"
        )


def describe_counts(benchmark: Benchmark) -> str:
    """Say how many clips each fold has."""
    counts = Counter(clip.fold for clip in benchmark.clips)
    return ", ".join(f"fold {fold}: {counts[fold]}" for fold in sorted(counts))


def digest_files(paths: Sequence[Path]) -> list[str]:
    """Give the SHA-256 of the content of each file.

    Raises
    ------
    BenchmarkError
        When one cannot be read.
    """
    digests: list[str] = []
    for path in paths:
        try:
            with path.open("rb") as file:
                digests.append(hashlib.file_digest(file, "sha256").hexdigest())
        except OSError as error:
            raise BenchmarkError(path, f"cannot be read ({error.strerror})", "a clip of the benchmark") from error
    return digests


def list_some(names: Sequence[str], most: int = 5) -> str:
    """Name some of many: the first few, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
