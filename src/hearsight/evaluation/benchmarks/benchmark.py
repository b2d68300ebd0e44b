"""What a benchmark is: clips with their labels and folds, which folds are scored, and the checks that keep a score honest."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Int64

from hearsight.errors import BenchmarkError
from hearsight.files import hash_file


@dataclasses.dataclass(frozen=True)
class BenchmarkClip:
    """One clip of a benchmark.

    Attributes
    ----------
    path
        Where it is, relative to the benchmark's folder, with forward slashes.
    labels
        Indices of its classes: exactly one, unless the benchmark is multi-label.
    fold
        Number of its fold, as the benchmark counts them.
    source
        The recording it was cut from; empty if it is unknown.
    """

    path: str
    labels: tuple[int, ...]
    fold: int
    source: str = ""

    @property
    def label(self) -> int:
        """The one class of a clip that has one."""
        (label,) = self.labels
        return label


@dataclasses.dataclass(frozen=True)
class Split:
    """One fold that is scored, and the folds that its classifier is fitted on.

    Attributes
    ----------
    fold
        The fold that is scored.
    fitted_on
        The folds that are not: all others in cross-validation, the training part where the benchmark has a fixed split.
    held_out
        Whether it is an evaluation set apart from the cross-validation, which is scored once and separately.
    """

    fold: int
    fitted_on: tuple[int, ...]
    held_out: bool = False


def leave_one_out(folds: Iterable[int]) -> tuple[Split, ...]:
    """Split for cross-validation: each fold is scored once, by what was fitted on all others."""
    numbers = sorted(set(folds))
    return tuple(Split(fold, tuple(other for other in numbers if other != fold)) for fold in numbers)


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Clips with their labels and folds, and how they are scored.

    Attributes
    ----------
    name, folder
        Its name and its folder.
    classes
        Class names, in the order of the labels.
    clips
        In the order of their paths.
    clip_seconds
        The length that its clips are published with; None where they may have any. Clips are cut or filled up with silence at
        their end to this length.
    notes
        What a reader of the score should know: files left out, how folds were made.
    multi_label
        Whether a clip may have several classes, or none.
    given_splits
        The official splits; empty for cross-validation over all folds.
    missing
        Clips that the benchmark lists and that are not there; None where it does not list any.
    official
        Whether its folds are published ones. They are scored as they are, and clips of one recording that lie in several of them
        are noted; your own folds are refused then.
    leak_free
        Whether a probe is fitted without the clips whose recording has a clip in the fold that is scored.
    """

    name: str
    folder: Path
    classes: tuple[str, ...]
    clips: tuple[BenchmarkClip, ...]
    clip_seconds: float | None = None
    notes: tuple[str, ...] = ()
    multi_label: bool = False
    given_splits: tuple[Split, ...] = ()
    missing: int | None = None
    official: bool = False
    leak_free: bool = False

    def __len__(self) -> int:
        """Count the clips."""
        return len(self.clips)

    @property
    def splits(self) -> tuple[Split, ...]:
        """What is scored, and what its classifier is fitted on."""
        return self.given_splits or leave_one_out(clip.fold for clip in self.clips)

    @property
    def labels(self) -> Int64[np.ndarray, " clips"]:
        """Class index of every clip, where each has one."""
        return np.array([clip.label for clip in self.clips], dtype=np.int64)

    @property
    def targets(self) -> Bool[np.ndarray, "clips classes"]:
        """Which classes are true of which clips."""
        targets = np.zeros((len(self.clips), len(self.classes)), dtype=bool)
        for row, clip in enumerate(self.clips):
            targets[row, list(clip.labels)] = True
        return targets

    @property
    def folds(self) -> Int64[np.ndarray, " clips"]:
        """Fold of every clip."""
        return np.array([clip.fold for clip in self.clips], dtype=np.int64)

    def find_fitted(self, split: Split) -> Bool[np.ndarray, " clips"]:
        """Find the clips that a split's probe is fitted on."""
        fitted = np.isin(self.folds, split.fitted_on)
        if not self.leak_free:
            return fitted
        scored = {clip.source for clip in self.clips if clip.fold == split.fold and clip.source}
        return fitted & np.array([clip.source not in scored for clip in self.clips])

    def find_shared_sources(self) -> dict[str, tuple[int, ...]]:
        """Find the recordings that have clips in several folds, and which folds these are."""
        folds: dict[str, set[int]] = {}
        for clip in self.clips:
            if clip.source:
                folds.setdefault(clip.source, set()).add(clip.fold)
        return {source: tuple(sorted(folds[source])) for source in sorted(folds) if len(folds[source]) > 1}

    def locate(self, clip: BenchmarkClip) -> Path:
        """Return the path of a clip's file."""
        return self.folder / clip.path

    def without(self, left_out: Sequence[BenchmarkClip], notes: Sequence[str]) -> Benchmark:
        """Return the benchmark without some clips, with a note about them.

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
    """Refuse a benchmark whose splits cannot be scored.

    Raises
    ------
    BenchmarkError
        When there are fewer than two classes or folds, a fold to be scored is empty, no two classes remain to learn from when a
        fold is left out, or a source lies in several folds of a benchmark whose folds are not official.
    """
    where = benchmark.folder
    targets, folds = benchmark.targets, benchmark.folds
    num_present = int(targets.any(axis=0).sum())
    if num_present < 2:
        found = f"{num_present} class{'' if num_present == 1 else 'es'} with clips"
        raise BenchmarkError(where, found, "at least two classes")
    if benchmark.given_splits and not any(split.fitted_on for split in benchmark.given_splits):
        return  # nothing is fitted, and the clips may all be of one fold
    if len(np.unique(folds)) < 2:
        raise BenchmarkError(where, f"all clips are in fold {folds[0]}", "at least two folds")
    for split in benchmark.splits:
        if not (folds == split.fold).any():
            raise BenchmarkError(where, f"no clip in fold {split.fold}, which is to be scored", "at least one")
        left = np.flatnonzero(targets[benchmark.find_fitted(split)].any(axis=0))
        if len(left) < 2:
            only = f"only class {benchmark.classes[left[0]]!r} is" if len(left) else "no class is"
            raise BenchmarkError(where, f"without fold {split.fold} {only} left", "two classes in every rest")
    shared = {} if benchmark.official else benchmark.find_shared_sources()
    if shared:
        found = f"{len(shared)} sources lie in several folds: {_list_sources(shared)}"
        raise BenchmarkError(where, found, "each source in one fold")


def note_shared_sources(benchmark: Benchmark) -> Benchmark:
    """Add a note of the recordings that official folds tear apart, and of what is done about it."""
    shared = benchmark.find_shared_sources()
    if not shared:
        return benchmark
    note = f"{len(shared)} recordings lie in several of the official folds: {_list_sources(shared)}"
    if benchmark.leak_free:
        left_out = sum(
            int((np.isin(benchmark.folds, split.fitted_on) & ~benchmark.find_fitted(split)).sum())
            for split in benchmark.splits
        )
        note += f"; leak-free: {left_out} clips of these left out of fitting where their recording is scored"
    else:
        note += "; leak_free=true fits without them"
    return dataclasses.replace(benchmark, notes=(*benchmark.notes, note))


def _list_sources(shared: dict[str, tuple[int, ...]]) -> str:
    return list_some([f"{source} (folds {', '.join(map(str, folds))})" for source, folds in shared.items()])


def describe_counts(benchmark: Benchmark) -> str:
    """Return, in words, how many clips each fold has."""
    counts = Counter(clip.fold for clip in benchmark.clips)
    return ", ".join(f"fold {fold}: {counts[fold]}" for fold in sorted(counts))


def digest_files(paths: Sequence[Path]) -> list[str]:
    """Return the SHA-256 of the content of each file.

    Raises
    ------
    BenchmarkError
        When one cannot be read.
    """
    digests: list[str] = []
    for path in paths:
        try:
            digests.append(hash_file(path))
        except OSError as error:
            raise BenchmarkError(path, f"cannot be read ({error.strerror})", "a clip of the benchmark") from error
    return digests


def list_some(names: Sequence[str], most: int = 5) -> str:
    """Name some of many: the first few, and how many more there are."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
