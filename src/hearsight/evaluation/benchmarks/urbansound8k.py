"""UrbanSound8K (Salamon 2014, "A dataset and taxonomy for urban sound research"): 8,732 clips of at most 4 s, 10 official folds.

::

    metadata/UrbanSound8K.csv   slice_file_name,fsID,start,end,salience,fold,classID,class
    audio/fold1/7061-6-0-0.wav  FSID-CLASSID-OCCURRENCE-SLICE.wav, in the folder of its fold

The folds keep the slices of one Freesound recording together; other folds are known to give scores that are far too high.
"""

from __future__ import annotations

import re
from pathlib import Path

from hearsight.errors import BenchmarkError
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip
from hearsight.evaluation.benchmarks.metadata import find_files, note_count, note_extra, read_records, require_files

NUM_CLIPS = 8732
NUM_FOLDS = 10
CLASSES = (
    "air_conditioner",
    "car_horn",
    "children_playing",
    "dog_bark",
    "drilling",
    "engine_idling",
    "gun_shot",
    "jackhammer",
    "siren",
    "street_music",
)

_COLUMNS = ("slice_file_name", "fsID", "fold", "classID", "class")
_NAME = re.compile(r"(\d+)-(\d+)-\d+-\d+\.wav")


def read_urbansound8k(folder: Path) -> Benchmark:
    """Read UrbanSound8K with its ten folds; the source of a clip is its Freesound recording.

    Raises
    ------
    BenchmarkError
        When the table is absent, contradicts the names of the files, names another class or fold, or files are missing.
    """
    table = folder / "metadata" / "UrbanSound8K.csv"
    if not table.is_file():
        found = "no metadata/UrbanSound8K.csv in it"
        raise BenchmarkError(folder, found, "the folder of UrbanSound8K", "it holds metadata/ and audio/")
    clips = [_read_clip(where, row) for where, row in read_records(table, _COLUMNS)]
    paths = [clip.path for clip in clips]
    require_files(table, folder, paths)
    if len(set(paths)) < len(paths):
        raise BenchmarkError(table, f"{len(paths) - len(set(paths))} clips are named twice", "one row per clip")
    notes = (
        *note_count(len(clips), NUM_CLIPS),
        *note_extra(folder, find_files(folder / "audio", (".wav", ".flac", ".ogg")), paths),
    )
    ordered = tuple(sorted(clips, key=lambda clip: clip.path))
    return Benchmark("urbansound8k", folder, CLASSES, ordered, notes=notes, missing=0, official=True)


def _read_clip(where: str, row: dict[str, str]) -> BenchmarkClip:
    name, class_name = row["slice_file_name"], row["class"]
    match = _NAME.fullmatch(name)
    if not match or (match[1], match[2]) != (row["fsID"], row["classID"]):
        told = f"fsID {row['fsID']} and classID {row['classID']}"
        raise BenchmarkError(where, f"{name!r} in a row with {told}", "FSID-CLASSID-OCCURRENCE-SLICE.wav")
    if int(match[2]) >= len(CLASSES) or CLASSES[int(match[2])] != class_name:
        raise BenchmarkError(where, f"class {class_name!r} with number {match[2]}", "one of UrbanSound8K's ten classes")
    if row["fold"] not in {str(fold) for fold in range(1, NUM_FOLDS + 1)}:
        raise BenchmarkError(where, f"fold {row['fold']!r}", f"1 to {NUM_FOLDS}")
    return BenchmarkClip(f"audio/fold{row['fold']}/{name}", (int(match[2]),), int(row["fold"]), match[1])
