"""Any folder of sounds with a class each, as a benchmark.

Folds are, in this order of preference:

- those of a table ``folds.csv`` in the folder, with the columns ``path``, ``label``, ``fold`` and, where it is known, ``source``;
- those of sub-folders ``fold1/CLASS/…``, ``fold2/CLASS/…``;
- five made from ``CLASS/…``: the clips of each class, in the order of their content's SHA-256, are dealt in turn. Thus they
  depend neither on file names nor on the machine, every class is spread evenly, and copies of one file share a fold. Where clips
  were cut from the same recording, that is not enough: write a ``folds.csv`` with a column ``source``.
"""

from __future__ import annotations

import csv
import dataclasses
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hearsight.errors import BenchmarkError
from hearsight.evaluation.protocol import Benchmark, BenchmarkClip, digest_files, list_some

NUM_FOLDS = 5
_SOUND = ".wav .wave .w64 .flac .ogg .oga .opus .mp3 .m4a .aac .aif .aiff .aifc .au .caf .wma .amr .ac3 .mka"
_VIDEO = ".mp4 .m4v .mov .mkv .webm .avi .flv .wmv .mpg .mpeg .ogv .3gp .ts"
SUFFIXES = frozenset(f"{_SOUND} {_VIDEO}".split(" "))
"""Names that a sound or video file may end in; other files are left out and counted."""

_FOLD_FOLDER = re.compile(r"fold[ _-]?(\d+)", re.IGNORECASE)


def read_labelled_folder(folder: Path) -> Benchmark:
    """Read a folder with a class per sub-folder, with the folds it brings or with five made from content.

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
    made = _assemble(folder, _list_classes(folder, fold=0))
    return _deal_folds(made)


@dataclasses.dataclass(frozen=True)
class _Found:
    """A file in a class folder; ``None`` as path where the class folder holds no sound."""

    path: Path | None
    label: str
    fold: int
    source: str = ""
    others: tuple[str, ...] = ()


def _list_classes(parent: Path, fold: int) -> list[_Found]:
    found: list[_Found] = []
    for entry in sorted(parent.iterdir()):
        if not entry.is_dir() or entry.name.startswith("."):
            continue
        files = sorted(path for path in entry.rglob("*") if path.is_file() and not path.name.startswith("."))
        sounds = [path for path in files if path.suffix.lower() in SUFFIXES]
        others = tuple(str(path) for path in files if path.suffix.lower() not in SUFFIXES)
        found.append(_Found(None, entry.name, fold, others=others))
        found += [_Found(path, entry.name, fold) for path in sounds]
    return found


def _assemble(folder: Path, found: Sequence[_Found]) -> Benchmark:
    names = tuple(sorted({one.label for one in found}))
    labels = {name: index for index, name in enumerate(names)}
    clips = sorted(
        (
            BenchmarkClip(one.path.relative_to(folder).as_posix(), labels[one.label], one.fold, one.source)
            for one in found
            if one.path is not None
        ),
        key=lambda clip: clip.path,
    )
    if not names:
        raise BenchmarkError(folder, "no sub-folders", "a sub-folder of sounds for each class")
    counts = Counter(clip.label for clip in clips)
    empty = [name for name in names if not counts[labels[name]]]
    if empty:
        found_text = f"no sounds in {list_some(empty)}"
        raise BenchmarkError(folder, found_text, "files such as .wav, .flac, .ogg, .mp3 or .mp4 in every class")
    others = [other for one in found for other in one.others]
    notes = (f"{len(others)} files that are no sounds by name left out: {list_some(others)}",) if others else ()
    return Benchmark("folder", folder, names, tuple(clips), notes=notes)


def _deal_folds(benchmark: Benchmark) -> Benchmark:
    digests = digest_files([benchmark.locate(clip) for clip in benchmark.clips])
    of_class: dict[int, dict[str, list[int]]] = {}
    for index, (clip, digest) in enumerate(zip(benchmark.clips, digests, strict=True)):
        of_class.setdefault(clip.label, {}).setdefault(digest, []).append(index)
    _refuse_shared(benchmark, of_class)
    folds: dict[int, int] = {}
    dealt = copies = 0
    for label, members in sorted(of_class.items()):
        if len(members) < 2:
            name = benchmark.classes[label]
            raise BenchmarkError(
                benchmark.folder, f"one clip in class {name!r}", "at least two different clips per class"
            )
        for digest in sorted(members):
            folds.update(dict.fromkeys(members[digest], 1 + dealt % NUM_FOLDS))
            copies += len(members[digest]) - 1
            dealt += 1
    clips = tuple(dataclasses.replace(clip, fold=folds[index]) for index, clip in enumerate(benchmark.clips))
    notes = [*benchmark.notes, f"{len(set(folds.values()))} folds dealt by content"]
    if copies:
        notes.append(f"{copies} clips are copies of others, in the same fold")
    return dataclasses.replace(benchmark, clips=clips, notes=tuple(notes))


def _refuse_shared(benchmark: Benchmark, of_class: dict[int, dict[str, list[int]]]) -> None:
    first: dict[str, int] = {}
    for members in of_class.values():
        for digest, indices in members.items():
            other = first.setdefault(digest, indices[0])
            if other != indices[0]:
                one, two = benchmark.clips[other].path, benchmark.clips[indices[0]].path
                raise BenchmarkError(benchmark.folder, f"{one} and {two} are the same file", "one class for each file")


def _read_table(folder: Path, table: Path) -> Benchmark:
    found: list[_Found] = []
    try:
        with table.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            lacking = [column for column in ("path", "label", "fold") if column not in (reader.fieldnames or ())]
            if lacking:
                raise BenchmarkError(table, f"no column {', '.join(lacking)}", "the columns path, label and fold")
            for number, row in enumerate(reader, start=2):
                found.append(_read_row(folder, table, number, row))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BenchmarkError(table, f"cannot be read ({error})", "a CSV table") from error
    missing = [str(one.path) for one in found if one.path is not None and not one.path.is_file()]
    if missing:
        raise BenchmarkError(
            table, f"{len(missing)} of {len(found)} clips are missing: {list_some(missing)}", "all of them"
        )
    repeated = [path for path, count in Counter(str(one.path) for one in found).items() if count > 1]
    if repeated:
        raise BenchmarkError(table, f"{len(repeated)} clips are named twice: {list_some(repeated)}", "one row per clip")
    if not found:
        raise BenchmarkError(table, "no rows", "one row per clip")
    benchmark = _assemble(folder, found)
    listed = {clip.path for clip in benchmark.clips}
    sounds = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    extra = sorted(path.relative_to(folder).as_posix() for path in sounds)
    extra = [path for path in extra if path not in listed]
    notes = (f"{len(extra)} sounds that folds.csv does not name left out: {list_some(extra)}",) if extra else ()
    return dataclasses.replace(benchmark, notes=(*benchmark.notes, *notes))


def _read_row(folder: Path, table: Path, number: int, row: dict[str, str]) -> _Found:
    where = f"{table} line {number}"
    path, label, fold = row["path"], row["label"], row["fold"]
    if not path or not label:
        raise BenchmarkError(where, "no path or no label", "both")
    try:
        fold_number = int(fold)
    except (TypeError, ValueError) as error:
        raise BenchmarkError(where, f"fold {fold!r}", "a whole number") from error
    relative = Path(path)
    if relative.is_absolute() or ".." in relative.parts:
        raise BenchmarkError(where, f"path {path!r}", "a path within the folder")
    return _Found(folder / relative, label, fold_number, row.get("source") or "")
