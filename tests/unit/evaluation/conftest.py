from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.support.layouts import write_sound


@pytest.fixture
def make_folder(tmp_path):
    """Make a folder with a class per sub-folder."""

    def make(counts: dict[str, int], name: str = "sounds", seconds: float = 1.2) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for label, (class_name, count) in enumerate(counts.items()):
            (folder / class_name).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                write_sound(folder / class_name / f"{number}.wav", label, number, seconds)
        return folder

    return make


CLASSES = (
    "Dog bark",
    "Rain",
    "Sea waves",
    "Baby cry",
    "Clock tick",
    "Sneeze",
    "Helicopter",
    "Chainsaw",
    "Rooster",
    "Fire",
)


@pytest.fixture
def esc10(tmp_path) -> Path:
    """ESC-10's own layout with empty files."""
    folder = tmp_path / "esc10"
    for label, name in enumerate(CLASSES):
        entry = folder / f"{label + 1:03d} - {name}"
        entry.mkdir(parents=True)
        for number in range(40):
            (entry / f"{number % 5 + 1}-{1000 * label + number}-A.ogg").touch()
    (folder / "README.txt").write_text("ESC-10")
    return folder


@pytest.fixture
def esc50(tmp_path) -> Path:
    """ESC-50's layout with empty files, some of them in no class of ESC-10."""
    folder = tmp_path / "esc50"
    (folder / "audio").mkdir(parents=True)
    (folder / "meta").mkdir()
    rows = []
    for label, target in enumerate((0, 1, 10, 11, 12, 20, 21, 38, 40, 41, 7)):
        for number in range(40):
            fold, source = number % 5 + 1, 1000 * label + number
            name = f"{fold}-{source}-A-{target}.wav"
            (folder / "audio" / name).touch()
            rows.append([name, fold, target, f"class {target}", target != 7, source, "A"])
    with (folder / "meta" / "esc50.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["filename", "fold", "target", "category", "esc10", "src_file", "take"])
        writer.writerows(rows)
    return folder
