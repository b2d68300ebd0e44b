"""Any folder of sounds with a class each, as a benchmark.

Folds are, in this order of preference:

- those of a table ``folds.csv`` in the folder, with the columns ``path``, ``label``, ``fold`` and, where it is known, ``source``;
- those of sub-folders ``fold1/CLASS/…``, ``fold2/CLASS/…``;
- five made from ``CLASS/…``: the clips of each class, in the order of their content's SHA-256, are assigned in turn. Thus they
  depend neither on file names nor on the machine, every class is spread evenly, and copies of one file share a fold. Where clips
  were cut from the same recording, that is not enough: write a ``folds.csv`` with a column ``source``.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip, list_some
from hearsight.evaluation.benchmarks.folds import assign_folds
from hearsight.evaluation.benchmarks.labelled_table import read_folds, read_rows
from hearsight.files import describe_path
from hearsight.listening.files import AUDIO_SUFFIXES

_VIDEO = ".mp4 .m4v .mov .mkv .webm .avi .flv .wmv .mpg .mpeg .ogv .3gp .ts"
VIDEO_SUFFIXES = frozenset(_VIDEO.split(" "))
SUFFIXES = AUDIO_SUFFIXES | VIDEO_SUFFIXES
"""Names that a sound or video file may end in; other files are left out and counted."""

_FOLD_FOLDER = re.compile(r"fold[ _-]?(\d+)", re.IGNORECASE)


def read_labelled_folder(folder: Path) -> Benchmark:
    """Read a folder with a class per sub-folder, with its own folds or with five made from content.

    Raises
    ------
    BenchmarkError
        When there are no classes or clips, a class has fewer than two different clips, ``folds.csv`` is broken or names absent
        clips, or one file lies in two classes.
    """
    if (folder / "folds.csv").is_file():
        return _read_table(folder, folder / "folds.csv")
    entries = sorted(entry for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    matches = [_FOLD_FOLDER.fullmatch(entry.name) for entry in entries]
    if entries and all(matches):
        numbers = [int(match[1]) for match in matches if match]
        found = [clip for entry, number in zip(entries, numbers, strict=True) for clip in _list_classes(entry, number)]
        return _assemble(folder, found)
    return assign_folds(list_labelled_folder(folder))


def list_labelled_folder(folder: Path, name: str = "folder", suffixes: frozenset[str] = SUFFIXES) -> Benchmark:
    """Find the files of every class folder, without folds.

    Raises
    ------
    BenchmarkError
        When there are no classes, or one has no file whose name ends as wanted.
    """
    made = _assemble(folder, _list_classes(folder, fold=0, suffixes=suffixes))
    return dataclasses.replace(made, name=name)


@dataclasses.dataclass(frozen=True)
class _Found:
    """A file in a class folder; ``None`` as path where the class folder holds no sound."""

    path: Path | None
    label: str
    fold: int
    source: str = ""
    others: tuple[str, ...] = ()


def _list_classes(parent: Path, fold: int, suffixes: frozenset[str] = SUFFIXES) -> list[_Found]:
    found: list[_Found] = []
    for entry in sorted(parent.iterdir()):
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        files = sorted(path for path in entry.rglob("*") if path.is_file() and not path.name.startswith("."))
        sounds = [path for path in files if path.suffix.lower() in suffixes]
        others = tuple(str(path) for path in files if path.suffix.lower() not in suffixes)
        found.append(_Found(None, entry.name, fold, others=others))
        found += [_Found(path, entry.name, fold) for path in sounds]
    return found


def _assemble(folder: Path, found: Sequence[_Found]) -> Benchmark:
    names = tuple(sorted({one.label for one in found}))
    labels = {name: index for index, name in enumerate(names)}
    clips = sorted(
        (
            BenchmarkClip(one.path.relative_to(folder).as_posix(), (labels[one.label],), one.fold, one.source)
            for one in found
            if one.path is not None
        ),
        key=lambda clip: clip.path,
    )
    if not names:
        raise BenchmarkError(
            folder, f"no sub-folders: {describe_path(folder)}", "a sub-folder of sounds for each class"
        )
    counts = Counter(clip.label for clip in clips)
    empty = [name for name in names if not counts[labels[name]]]
    if empty:
        found_text = f"no sounds in {list_some(empty)}"
        raise BenchmarkError(folder, found_text, "files such as .wav, .flac, .ogg, .mp3 or .mp4 in every class")
    others = [other for one in found for other in one.others]
    notes = (f"{len(others)} files that are no sounds by name left out: {list_some(others)}",) if others else ()
    return Benchmark("folder", folder, names, tuple(clips), notes=notes)


def _read_table(folder: Path, table: Path) -> Benchmark:
    rows = read_rows(table, ("path", "label", "fold"), within=True)
    folds, splits = read_folds(rows)
    if folds is None:
        raise BenchmarkError(rows[0].where, f"fold {rows[0].fold!r}", "a whole number")
    pairs = zip(rows, folds, strict=True)
    found = [_Found(folder / row.path, row.label, fold, row.source) for row, fold in pairs]
    benchmark = dataclasses.replace(_assemble(folder, found), given_splits=splits, missing=0)
    listed = {clip.path for clip in benchmark.clips}
    sounds = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    extra = sorted(path.relative_to(folder).as_posix() for path in sounds)
    extra = [path for path in extra if path not in listed]
    notes = (f"{len(extra)} sounds that folds.csv does not name left out: {list_some(extra)}",) if extra else ()
    return dataclasses.replace(benchmark, notes=(*benchmark.notes, *notes))
