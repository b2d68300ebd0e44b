"""The scenes of three DCASE challenges, as they were published, with their official splits.

``tut2018``, TUT Urban Acoustic Scenes 2018, development set (8,640 clips of 10 s, one split by location)::

    meta.csv                                filename, scene_label, identifier, source_label (tab-separated)
    evaluation_setup/fold1_train.txt        audio/airport-barcelona-0-0-a.wav <tab> airport
    evaluation_setup/fold1_evaluate.txt     the same for the clips that are scored
    audio/                                  SCENE-CITY-LOCATION-SEGMENT-DEVICE.wav

``tut2016``, TUT Acoustic Scenes 2016 (1,170 clips of 30 s in four folds, and 390 clips of an evaluation set)::

    TUT-acoustic-scenes-2016-development/   meta.txt, evaluation_setup/fold[1-4]_{train,evaluate}.txt, audio/a001_0_30.wav
    TUT-acoustic-scenes-2016-evaluation/    meta.txt, audio/1.wav

``dcase2013``, scenes of the AASP challenge (100 clips of 30 s to learn from, 100 that are scored)::

    scenes_stereo/bus01.wav, scenes_stereo_testset/bus01.wav
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hearsight.errors import BenchmarkError, guess
from hearsight.evaluation.benchmarks.benchmark import Benchmark, BenchmarkClip, Split, leave_one_out, list_some
from hearsight.evaluation.benchmarks.folds import FIXED_SPLIT, TEST, TRAIN
from hearsight.evaluation.benchmarks.metadata import (
    find_files,
    note_count,
    note_extra,
    read_lines,
    read_records,
    require_files,
)

DEVELOPMENT_2018 = "TUT-urban-acoustic-scenes-2018-development"
DEVELOPMENT_2016 = "TUT-acoustic-scenes-2016-development"
EVALUATION_2016 = "TUT-acoustic-scenes-2016-evaluation"
TRAIN_2013, TEST_2013 = "scenes_stereo", "scenes_stereo_testset"

SCENES_2018 = (
    "airport",
    "bus",
    "metro",
    "metro_station",
    "park",
    "public_square",
    "shopping_mall",
    "street_pedestrian",
    "street_traffic",
    "tram",
)
SCENES_2016 = (
    "beach",
    "bus",
    "cafe/restaurant",
    "car",
    "city_center",
    "forest_path",
    "grocery_store",
    "home",
    "library",
    "metro_station",
    "office",
    "park",
    "residential_area",
    "train",
    "tram",
)
SCENES_2013 = (
    "bus",
    "busystreet",
    "office",
    "openairmarket",
    "park",
    "quietstreet",
    "restaurant",
    "supermarket",
    "tube",
    "tubestation",
)

NUM_CLIPS_2018 = 8640
NUM_FOLDS_2016, NUM_CLIPS_2016, NUM_EVALUATION_2016 = 4, 1170, 390
NUM_CLIPS_2013 = 100
"""Clips of either part."""

_EVALUATION_FOLD = NUM_FOLDS_2016 + 1
_NAME_2013 = re.compile(r"(?:test_)?([a-z]+)(\d{2})")


def read_tut2018(folder: Path) -> Benchmark:
    """Read TUT Urban Acoustic Scenes 2018 with its one split; the source of a clip is its location.

    Raises
    ------
    BenchmarkError
        When its tables are absent, name absent files or other scenes, or contradict each other.
    """
    root = _find_root(folder, DEVELOPMENT_2018, "meta.csv")
    table = root / "meta.csv"
    scenes: dict[str, str] = {}
    sources: dict[str, str] = {}
    for where, row in read_records(table, ("filename", "scene_label"), delimiter="\t"):
        _check_scene(where, row["scene_label"], SCENES_2018)
        scenes[row["filename"]] = row["scene_label"]
        sources[row["filename"]] = row.get("identifier") or _locate_2018(row["filename"])
    setup = root / "evaluation_setup"
    train = _read_setup(setup / "fold1_train.txt", scenes, SCENES_2018)
    test = _read_setup(setup / "fold1_evaluate.txt", scenes, SCENES_2018)
    _refuse_overlap(setup / "fold1_train.txt", train, test)
    listed = [*train, *test]
    require_files(setup, root, listed)
    notes = (
        *note_count(len(listed), NUM_CLIPS_2018),
        *note_extra(root, find_files(root / "audio", (".wav", ".flac")), listed),
    )
    folds = {**dict.fromkeys(train, TRAIN), **dict.fromkeys(test, TEST)}
    clips = _make_clips(root, root, {path: scenes[path] for path in listed}, SCENES_2018, folds, sources)
    return Benchmark(
        "tut2018", root, SCENES_2018, clips, 10.0, notes, given_splits=FIXED_SPLIT, missing=0, official=True
    )


def read_tut2016(folder: Path) -> Benchmark:
    """Read TUT Acoustic Scenes 2016: four folds of the development set, and the evaluation set where it is there.

    The source of a clip is its original recording. Given the development set's own folder, it is read without the evaluation set.

    Raises
    ------
    BenchmarkError
        When tables are absent, name absent files or other scenes, or a clip is to be scored in two folds.
    """
    root = _find_root(folder, DEVELOPMENT_2016, "meta.txt")
    scenes = _read_scenes(root / "meta.txt", SCENES_2016)
    folds: dict[str, int] = {}
    notes = note_count(len(scenes), NUM_CLIPS_2016)
    for fold in range(1, NUM_FOLDS_2016 + 1):
        table = root / "evaluation_setup" / f"fold{fold}_evaluate.txt"
        scored = _read_setup(table, scenes, SCENES_2016)
        twice = [path for path in scored if path in folds]
        if twice:
            raise BenchmarkError(table, f"{len(twice)} clips are in fold {folds[twice[0]]} as well: {list_some(twice)}")
        folds.update(dict.fromkeys(scored, fold))
        train = _read_setup(table.with_name(f"fold{fold}_train.txt"), scenes, SCENES_2016)
        _refuse_overlap(table.with_name(f"fold{fold}_train.txt"), train, scored)
    unscored = [path for path in scenes if path not in folds]
    if unscored:
        found = f"{len(unscored)} clips are in no fold: {list_some(unscored)}"
        raise BenchmarkError(root / "meta.txt", found, "each clip in one of four folds")
    require_files(root / "meta.txt", root, list(scenes))
    sources = {path: Path(path).name.split("_")[0] for path in scenes}
    clips = _make_clips(folder, root, scenes, SCENES_2016, folds, sources)
    splits = leave_one_out(folds.values())
    evaluation = folder / EVALUATION_2016
    if evaluation.is_dir():
        more, told = _read_evaluation_2016(folder, evaluation)
        clips, notes = (*clips, *more), (*notes, *told)
        splits = (*splits, Split(_EVALUATION_FOLD, tuple(split.fold for split in splits), held_out=True))
    else:
        notes = (*notes, f"no evaluation set: {EVALUATION_2016}/ does not lie in {folder}")
    notes = (*notes, *note_extra(root, find_files(root / "audio", (".wav", ".flac")), scenes))
    return Benchmark("tut2016", folder, SCENES_2016, clips, 30.0, notes, given_splits=splits, missing=0, official=True)


def _read_evaluation_2016(folder: Path, root: Path) -> tuple[tuple[BenchmarkClip, ...], tuple[str, ...]]:
    """Read the evaluation set, whose files are numbered; their recordings are known where a third column names them."""
    table = root / "meta.txt"
    if not table.is_file():
        table = root / "evaluation_setup" / "evaluate.txt"
    scenes = _read_scenes(table, SCENES_2016)
    require_files(table, root, list(scenes))
    originals = {cells[0]: cells[2] for _, cells in read_lines(table, 2) if len(cells) > 2}
    sources = {path: Path(original).name.split("_")[0] for path, original in originals.items()}
    folds = dict.fromkeys(scenes, _EVALUATION_FOLD)
    clips = _make_clips(folder, root, scenes, SCENES_2016, folds, sources)
    return clips, note_count(len(scenes), NUM_EVALUATION_2016, "clips of the evaluation set")


def read_dcase2013(folder: Path) -> Benchmark:
    """Read the scenes of DCASE 2013: the public set to learn from, the test set that is scored.

    Raises
    ------
    BenchmarkError
        When a part is absent or holds sounds of another name.
    """
    clips: list[BenchmarkClip] = []
    notes: tuple[str, ...] = ()
    for part, fold in ((TRAIN_2013, TRAIN), (TEST_2013, TEST)):
        if not (folder / part).is_dir():
            hint = f"both archives are wanted, unpacked side by side: {TRAIN_2013}.zip and {TEST_2013}.zip"
            raise BenchmarkError(folder, f"no folder {part} in it", "the two parts of DCASE 2013", hint)
        paths = list(find_files(folder / part, (".wav", ".flac")))
        matches = [(path, _NAME_2013.fullmatch(path.stem)) for path in paths]
        strange = [path.name for path, match in matches if not match or match[1] not in SCENES_2013]
        if strange:
            found = f"{len(strange)} sounds that are no clips of DCASE 2013: {list_some(strange)}"
            raise BenchmarkError(folder / part, found, "names like bus01.wav")
        for path, match in matches:
            if match:
                relative = path.relative_to(folder).as_posix()
                clips.append(BenchmarkClip(relative, (SCENES_2013.index(match[1]),), fold))
        notes = (*notes, *note_count(len(paths), NUM_CLIPS_2013, f"clips in {part}"))
    ordered = tuple(sorted(clips, key=lambda clip: clip.path))
    return Benchmark("dcase2013", folder, SCENES_2013, ordered, 30.0, notes, given_splits=FIXED_SPLIT, official=True)


def _find_root(folder: Path, name: str, table: str) -> Path:
    """Return the folder of a set: the one named, or the one within it that bears the archive's name."""
    for root in (folder / name, folder):
        if (root / table).is_file():
            return root
    raise BenchmarkError(folder, f"neither {table} nor {name}/{table} in it", f"the folder of {name}")


def _read_scenes(table: Path, scenes: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for where, (path, scene, *_) in read_lines(table, 2):
        _check_scene(where, scene, scenes)
        if path in found:
            raise BenchmarkError(where, f"{path} is named twice", "one line per clip")
        found[path] = scene
    return found


def _read_setup(table: Path, known: dict[str, str], scenes: Sequence[str]) -> list[str]:
    """Read one list of a split, and check it against the metadata."""
    found = _read_scenes(table, scenes)
    absent = [path for path in found if path not in known]
    if absent:
        told = f"{len(absent)} of its {len(found)} clips are not in the metadata: {list_some(absent)}"
        raise BenchmarkError(table, told, "clips of the metadata")
    other = [path for path, scene in found.items() if known[path] != scene]
    if other:
        raise BenchmarkError(
            table, f"{len(other)} scenes are not those of the metadata: {list_some(other)}", "one scene"
        )
    return list(found)


def _check_scene(where: str, scene: str, scenes: Sequence[str]) -> None:
    if scene not in scenes:
        raise BenchmarkError(where, f"scene {scene!r}", "a scene of this data set", guess(scene, scenes))


def _refuse_overlap(table: Path, train: Sequence[str], scored: Sequence[str]) -> None:
    both = sorted(set(train) & set(scored))
    if both:
        raise BenchmarkError(
            table, f"{len(both)} clips are to be scored as well: {list_some(both)}", "each on one side"
        )


def _locate_2018(path: str) -> str:
    """Return the location in the name of a clip: ``barcelona-0`` of ``airport-barcelona-0-0-a.wav``."""
    return "-".join(Path(path).stem.split("-")[1:-2])


def _make_clips(
    folder: Path,
    root: Path,
    scenes: dict[str, str],
    names: Sequence[str],
    folds: dict[str, int],
    sources: dict[str, str],
) -> tuple[BenchmarkClip, ...]:
    prefix = root.relative_to(folder).as_posix() + "/" if root != folder else ""
    return tuple(
        BenchmarkClip(prefix + path, (names.index(scenes[path]),), folds[path], sources.get(path, ""))
        for path in sorted(scenes)
    )
