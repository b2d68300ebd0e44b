"""Benchmarks' folders as they were published, with tiny sounds (or none) in place of theirs."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from hearsight.evaluation.benchmarks.dcase import SCENES_2013, SCENES_2016, SCENES_2018
from hearsight.evaluation.benchmarks.urbansound8k import CLASSES as URBAN

RATE = 8_000

Write = Callable[[Path, int, int], None]
"""Writes a sound of a class and a number."""


def write_sound(path: Path, label: int, number: int, seconds: float = 1.2) -> None:
    """A tone whose pitch is that of its class, or noise, each file a little other than the next."""
    rng = np.random.default_rng([label, number])
    times = np.arange(round(seconds * RATE)) / RATE
    pitch = 300.0 * (label + 1) * rng.uniform(0.97, 1.03)
    sound = 0.2 * np.sin(2 * np.pi * pitch * times) + 0.02 * rng.standard_normal(len(times))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound.astype(np.float32), RATE)


def touch(path: Path, label: int, number: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def write_esc50(folder: Path, torn: Mapping[int, tuple[int, int, int, int]]) -> Path:
    """ESC-50's layout, 2,000 empty files; ``torn`` are recordings of two clips: fold and target of one, and of the other."""
    names: dict[tuple[int, int], list[int]] = {
        (fold, target): [100_000 + 1_000 * target + 10 * fold + number for number in range(8)]
        for fold in range(1, 6)
        for target in range(50)
    }
    for source, (fold, target, other_fold, other_target) in torn.items():
        names[fold, target][0] = names[other_fold, other_target][0] = source
    rows = ["filename,fold,target,category,esc10,src_file,take"]
    for (fold, target), sources in names.items():
        for source in sources:
            touch(folder / "audio" / f"{fold}-{source}-A-{target}.ogg", target, source)
            rows.append(f"{fold}-{source}-A-{target}.ogg,{fold},{target},class {target},False,{source},A")
    write_lines(folder / "meta" / "esc50.csv", rows)
    return folder


AUDIOSET_CLASSES = (("/m/09x0r", "Speech"), ("/m/0bt9lr", "Dog"), ("/m/07bgp", "Sheep, goat"), ("/t/dd00066", "Fire"))


def write_audioset(folder: Path, counts: tuple[int, int] = (8, 6), write: Write = touch) -> Path:
    """Segments of one or two of four classes; the last class has none to be scored on."""
    write_lines(
        folder / "class_labels_indices.csv",
        ["index,mid,display_name", *(f'{index},{mid},"{name}"' for index, (mid, name) in enumerate(AUDIOSET_CLASSES))],
    )
    for table, count in zip(("balanced_train_segments", "eval_segments"), counts, strict=True):
        rows = []
        for number in range(count):
            label = number % (4 if table.startswith("bal") else 3)
            labels = [AUDIOSET_CLASSES[label][0], *([AUDIOSET_CLASSES[0][0]] if number % 2 else [])]
            video = f"{table[0]}-_{number:08d}"
            rows.append(f'{video}, {30 * number}.000, {30 * number + 10}.000, "{",".join(dict.fromkeys(labels))}"')
            write(folder / "wav" / table / f"{video}_{30 * number}.000.wav", label, number)
        head = [
            "# Segments csv created Sun Mar  5 10:56:58 2017",
            f"# num_ytids={count}, num_segs={count}, num_unique_labels=4, num_positive_labels={count}",
            "# YTID, start_seconds, end_seconds, positive_labels",
        ]
        write_lines(folder / f"{table}.csv", [*head, *rows])
    return folder


def write_tut2018(folder: Path, per_scene: int = 2, write: Write = touch, scenes: Sequence[str] = SCENES_2018) -> Path:
    """Two locations to learn from and one to be scored on for each scene."""
    meta, parts = ["filename\tscene_label\tidentifier\tsource_label"], {"train": [], "evaluate": []}
    for label, scene in enumerate(scenes):
        for place in range(3):
            for number in range(per_scene):
                path = f"audio/{scene}-barcelona-{3 * label + place}-{number}-a.wav"
                meta.append(f"{path}\t{scene}\tbarcelona-{3 * label + place}\ta")
                parts["evaluate" if place == 2 else "train"].append(f"{path}\t{scene}")
                write(folder / path, label, per_scene * place + number)
    write_lines(folder / "meta.csv", meta)
    for part, lines in parts.items():
        write_lines(folder / "evaluation_setup" / f"fold1_{part}.txt", lines)
    write_lines(folder / "evaluation_setup" / "fold1_test.txt", [line.split("\t")[0] for line in parts["evaluate"]])
    return folder


def write_tut2016(folder: Path, write: Write = touch, scenes: Sequence[str] = SCENES_2016) -> Path:
    """Four recordings of each scene, a fold each, of two clips; and one clip of each scene in the evaluation set."""
    development, evaluation = (folder / f"TUT-acoustic-scenes-2016-{part}" for part in ("development", "evaluation"))
    of_fold: dict[int, list[str]] = {fold: [] for fold in range(1, 5)}
    for label, scene in enumerate(scenes):
        for fold, lines in of_fold.items():
            for start in (0, 30):
                path = f"audio/{'abcdefghijklmnopqrs'[label]}{fold:03d}_{start}_{start + 30}.wav"
                lines.append(f"{path}\t{scene}")
                write(development / path, label, 10 * fold + start)
        write(evaluation / f"audio/{label + 1}.wav", label, 99)
    everything = [line for lines in of_fold.values() for line in lines]
    write_lines(development / "meta.txt", everything)
    for fold, lines in of_fold.items():
        write_lines(development / "evaluation_setup" / f"fold{fold}_evaluate.txt", lines)
        rest = [line for line in everything if line not in lines]
        write_lines(development / "evaluation_setup" / f"fold{fold}_train.txt", rest)
    write_lines(evaluation / "meta.txt", [f"audio/{label + 1}.wav\t{scene}" for label, scene in enumerate(scenes)])
    return folder


def write_dcase2013(folder: Path, per_scene: int = 10, write: Write = touch) -> Path:
    for part in ("scenes_stereo", "scenes_stereo_testset"):
        for label, scene in enumerate(SCENES_2013):
            for number in range(per_scene):
                write(folder / part / f"{scene}{number + 1:02d}.wav", label, number + (100 if "test" in part else 0))
    return folder


def write_urbansound8k(folder: Path, per_fold: int = 2, write: Write = touch, classes: int = 10) -> Path:
    rows = []
    for label in range(classes):
        for fold in range(1, 11):
            source = 10_000 * (label + 1) + fold
            for number in range(per_fold):
                name = f"{source}-{label}-0-{number}.wav"
                rows.append([name, source, 0.5 * number, 0.5 * number + 4, 1, fold, label, URBAN[label]])
                write(folder / "audio" / f"fold{fold}" / name, label, 100 * fold + number)
    (folder / "metadata").mkdir(parents=True, exist_ok=True)
    with (folder / "metadata" / "UrbanSound8K.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"])
        writer.writerows(rows)
    return folder
