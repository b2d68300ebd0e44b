"""Folds for benchmarks without their own: assigned by content, so that they depend neither on file names nor on the machine.

The clips of each class, in the order of their content's SHA-256, are assigned in turn. Copies of one file share a fold,
and so do the clips of one source where sources are known.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, Split, digest_files

CROSS_VALIDATION = (1, 2, 3, 4, 5)
"""Folds that are assigned in turn for a cross-validation."""
TRAIN, TEST = 0, 1
"""Folds of a fixed split: what is fitted on, and what is scored."""
SIXTY_TO_FORTY = (TRAIN, TEST, TRAIN, TEST, TRAIN)
"""Six to four of each class, after Aytar 2016, section 4.3."""
FIXED_SPLIT = (Split(TEST, (TRAIN,)),)


def assign_folds(benchmark: Benchmark, turns: Sequence[int] = CROSS_VALIDATION) -> Benchmark:
    """Assign a fold to every clip of a single-label benchmark.

    Parameters
    ----------
    benchmark
        Its clips; their folds are not looked at.
    turns
        The folds in their order: ``CROSS_VALIDATION``, or ``SIXTY_TO_FORTY`` for a fixed split, which starts again with each
        class.

    Raises
    ------
    BenchmarkError
        When a class has fewer than two different clips (or sources), or one file lies in two classes.
    """
    digests = digest_files([benchmark.locate(clip) for clip in benchmark.clips])
    _refuse_shared(benchmark, digests)
    fixed = len(set(turns)) < len(turns)
    members: dict[str, list[int]] = {}
    for index, (clip, digest) in enumerate(zip(benchmark.clips, digests, strict=True)):
        members.setdefault(f"source {clip.source}" if clip.source else digest, []).append(index)
    # a source is known by the least digest of its clips, and assigned with the class of that clip
    first = {key: min(rows, key=lambda row: digests[row]) for key, rows in members.items()}
    folds: dict[int, int] = {}
    assigned = 0
    for label, name in enumerate(benchmark.classes):
        groups = sorted((digests[row], key) for key, row in first.items() if benchmark.clips[row].label == label)
        if len(groups) < 2:
            found = f"one clip in class {name!r}" if groups else f"no separate clip in class {name!r}"
            raise BenchmarkError(benchmark.folder, found, "at least two different clips (or sources) per class")
        assigned = 0 if fixed else assigned
        for _, key in groups:
            folds.update(dict.fromkeys(members[key], turns[assigned % len(turns)]))
            assigned += 1
    clips = tuple(dataclasses.replace(clip, fold=folds[index]) for index, clip in enumerate(benchmark.clips))
    kind = "a split of six to four" if fixed else f"{len(set(folds.values()))} folds"
    notes = [*benchmark.notes, f"{kind} assigned by content"]
    copies = len(digests) - len(set(digests))
    if copies:
        notes.append(f"{copies} clips are copies of others, in the same fold")
    splits = FIXED_SPLIT if fixed else ()
    return dataclasses.replace(benchmark, clips=clips, notes=tuple(notes), given_splits=splits)


def _refuse_shared(benchmark: Benchmark, digests: Sequence[str]) -> None:
    first: dict[str, int] = {}
    for index, digest in enumerate(digests):
        other = first.setdefault(digest, index)
        if benchmark.clips[other].label != benchmark.clips[index].label:
            one, two = benchmark.clips[other].path, benchmark.clips[index].path
            raise BenchmarkError(benchmark.folder, f"{one} and {two} are the same file", "one class for each file")
