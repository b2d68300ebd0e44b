"""ESC-50, and ESC-10 in its own layout and within it (Piczak 2015: "ESC: Dataset for environmental sound classification").

Both come with five folds. They were arranged so that the clips of one Freesound recording lie in one fold, but four recordings of
ESC-50 (131943, 134049, 209698 and 234879) have clips of two classes in two folds; ESC-10 has none of these. A score is comparable
with published ones only on exactly these clips, so anything else is refused.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip, describe_counts, list_some
from hearsight.evaluation.benchmarks.metadata import read_records, require_files
from hearsight.files import describe_path

CLIP_SECONDS = 5.0
"""Length of an ESC clip; the Ogg release strays from it by a few milliseconds, and in two clips by seconds."""
CLIPS_PER_CLASS, NUM_FOLDS = 40, 5
NUM_CLASSES_10, NUM_CLASSES_50 = 10, 50

_CLASS_FOLDER = re.compile(r"(\d{3}) - (.+)")
_OWN_NAME = re.compile(r"([1-5])-(.+)-([A-Z]+)\.(ogg|wav|flac)")
_ESC50_NAME = re.compile(r"([1-5])-(.+)-([A-Z]+)-(\d+)\.(wav|ogg|flac)")
_ESC50_COLUMNS = ("filename", "fold", "target", "category", "esc10", "src_file")


def read_esc10(folder: Path) -> Benchmark:
    """Read ESC-10 from ``NNN - Class/FOLD-SOURCE-TAKE.ogg``, or from ESC-50's ``meta/esc50.csv`` and ``audio/``.

    Raises
    ------
    BenchmarkError
        When the layout is neither, or there are not exactly 400 clips, 40 in each of 10 classes, 80 in each of 5 folds; when files
        are missing or have other names.
    """
    within_esc50 = (folder / "meta" / "esc50.csv").is_file()
    benchmark = _read_esc50_layout(folder, "esc10") if within_esc50 else _read_own_layout(folder)
    _check_counts(benchmark, NUM_CLASSES_10)
    return benchmark


def read_esc50(folder: Path) -> Benchmark:
    """Read ESC-50 from ``meta/esc50.csv`` and ``audio/``.

    Raises
    ------
    BenchmarkError
        When there are not exactly 2,000 clips, 40 in each of 50 classes, 400 in each of 5 folds; when files are missing or have
        other names.
    """
    if not (folder / "meta" / "esc50.csv").is_file():
        raise BenchmarkError(
            folder,
            f"no meta/esc50.csv in it: {describe_path(folder)}",
            "the folder of ESC-50",
            "it holds meta/ and audio/",
        )
    benchmark = _read_esc50_layout(folder, "esc50")
    _check_counts(benchmark, NUM_CLASSES_50)
    return benchmark


def _read_own_layout(folder: Path) -> Benchmark:
    folders = sorted(entry for entry in folder.iterdir() if entry.is_dir() and _CLASS_FOLDER.fullmatch(entry.name))
    if len(folders) != NUM_CLASSES_10:
        raise BenchmarkError(
            folder,
            f"{len(folders)} folders named like '001 - Dog bark', and no meta/esc50.csv",
            f"{NUM_CLASSES_10} such folders, or the layout of ESC-50",
            "the folder is the one that holds the class folders",
        )
    clips: list[BenchmarkClip] = []
    strange: list[str] = []
    for label, entry in enumerate(folders):
        for path in sorted(entry.iterdir()):
            match = _OWN_NAME.fullmatch(path.name)
            if match:
                clips.append(BenchmarkClip(f"{entry.name}/{path.name}", (label,), int(match[1]), match[2]))
            elif not path.name.startswith("."):
                strange.append(f"{entry.name}/{path.name}")
    if strange:
        found = f"{len(strange)} files that are no ESC-10 clips: {list_some(strange)}"
        raise BenchmarkError(folder, found, "FOLD-SOURCE-TAKE.ogg")
    names = tuple(entry.name.partition(" - ")[2] for entry in folders)
    return Benchmark("esc10", folder, names, tuple(clips), CLIP_SECONDS, official=True)


def _read_esc50_layout(folder: Path, name: str) -> Benchmark:
    table = folder / "meta" / "esc50.csv"
    rows = _read_rows(table)
    if name == "esc10":
        rows = [row for row in rows if row["esc10"] == "True"]
    numbers = sorted({(int(row["target"]), row["category"]) for row in rows})
    labels = {target: label for label, (target, _) in enumerate(numbers)}
    clips = [
        BenchmarkClip(f"audio/{row['filename']}", (labels[int(row["target"])],), int(row["fold"]), row["src_file"])
        for row in rows
    ]
    require_files(table, folder, [clip.path for clip in clips])
    names = tuple(category for _, category in numbers)
    ordered = tuple(sorted(clips, key=lambda clip: clip.path))
    return Benchmark(name, folder, names, ordered, CLIP_SECONDS, missing=0, official=True)


def _read_rows(table: Path) -> list[dict[str, str]]:
    """Read the rows and check them against the names of their files."""
    rows: list[dict[str, str]] = []
    for where, row in read_records(table, _ESC50_COLUMNS):
        match = _ESC50_NAME.fullmatch(row["filename"])
        if not match or (match[1], match[4]) != (row["fold"], row["target"]):
            told = f"fold {row['fold']} and target {row['target']}"
            raise BenchmarkError(where, f"{row['filename']!r} in a row with {told}", "FOLD-SOURCE-TAKE-TARGET.wav")
        rows.append(row)
    return rows


def _check_counts(benchmark: Benchmark, num_classes: int) -> None:
    per_fold = num_classes * CLIPS_PER_CLASS // NUM_FOLDS
    classes = Counter(clip.label for clip in benchmark.clips)
    folds = Counter(clip.fold for clip in benchmark.clips)
    whole = dict.fromkeys(range(1, NUM_FOLDS + 1), per_fold)
    if len(classes) == num_classes and folds == whole and set(classes.values()) == {CLIPS_PER_CLASS}:
        return
    uneven = [
        f"{benchmark.classes[label]}: {classes[label]}"
        for label in range(len(benchmark.classes))
        if classes[label] != CLIPS_PER_CLASS
    ]
    found = f"{len(benchmark)} clips in {len(classes)} classes ({describe_counts(benchmark)}"
    found += f"; {list_some(uneven)})" if uneven else ")"
    total = num_classes * CLIPS_PER_CLASS
    raise BenchmarkError(
        benchmark.folder,
        found,
        f"{total} clips, {CLIPS_PER_CLASS} in each of {num_classes} classes, {per_fold} in each of {NUM_FOLDS} folds",
        f"to score what is there by other folds: --benchmark folder={benchmark.folder}",
    )
