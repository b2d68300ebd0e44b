"""Whatever a command is given, it ends with a sentence that names it, a documented exit code, and nothing left behind."""

from __future__ import annotations

import re
import subprocess
from itertools import groupby
from pathlib import Path

import numpy as np
import pytest

from hearsight.errors import EXIT_CODES
from tests.support.command_fuzz import Case, Inputs, list_cases, list_commands, make_wrong_path
from tests.support.layouts import write_sound
from tests.support.processes import run_command, run_each_command
from tests.support.videos import write_folder

COMMANDS = [" ".join(words) for words, _ in list_commands()]
SMALL = (
    "--model",
    "hearsight-conv-4",
    "--set",
    "train.epochs=1",
    "--set",
    "train.batch_size=4",
    "--set",
    "build.validation_share=0.5",
)
TEACHERS = ("--vision", "clusters:k=4", "--audio", "clusters:k=4")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    base = tmp_path_factory.mktemp("inputs")
    videos = write_folder(base / "videos", 6, seconds=8.0)
    done = run_command("learn", videos, "--out", base / "run", *SMALL, *TEACHERS)
    assert done.returncode == 0, done.stderr
    for label in range(2):
        for number in range(6):
            write_sound(base / "classes" / f"class {label}" / f"{number}.wav", label, number)
    hierarchy = base / "hierarchy.json"
    hierarchy.write_text("[]")
    (base / "tags.csv").write_text(
        "path,start,end,class,probability,judgement\n20240517_230000.wav,1,2,Owl,0.9,right\n"
    )
    write_sound(base / "sound.wav", 0, 0)
    np.savez(base / "weights.npz", weights=np.zeros(3))
    done = run_command("index", base / "sound.wav", "--model", base / "run", "--out", base / "index")
    assert done.returncode == 0, done.stderr
    return Inputs(
        dataset=base / "run" / "dataset",
        run=base / "run",
        sound=base / "sound.wav",
        videos=videos,
        classes=base / "classes",
        hierarchy=hierarchy,
        weights=base / "weights.npz",
        index=base / "index",
    )


@pytest.fixture(scope="module")
def cases(inputs: Inputs) -> dict[str, list[Case]]:
    return {" ".join(words): list(some) for words, some in groupby(list_cases(inputs), key=lambda case: case.command)}


@pytest.mark.parametrize("command", COMMANDS)
def test_absurd_arguments_are_named_without_a_traceback_and_leave_nothing(
    command: str, cases: dict[str, list[Case]], inputs: Inputs, tmp_path: Path
) -> None:
    before = list_files(inputs.run)
    folders: list[Path] = []
    for number, case in enumerate(cases.get(command, ())):
        folders.append(tmp_path / str(number))
        folders[-1].mkdir()
        make_wrong_path(case, folders[-1])
    there = [list_files(folder) for folder in folders]
    done = run_each_command(
        [(case.tokens, folder) for case, folder in zip(cases.get(command, ()), folders, strict=True)]
    )
    faults = [
        f"{case}: {fault}\n{one.stderr[-2000:]}"
        for case, folder, files, one in zip(cases.get(command, ()), folders, there, done, strict=True)
        for fault in find_faults(case, one, files, list_files(folder))
    ]
    assert not faults, "\n".join(faults)
    assert set(before) <= set(list_files(inputs.run))


def list_files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def find_faults(case: Case, done: subprocess.CompletedProcess[str], before: list[str], after: list[str]) -> list[str]:
    """Return what is wrong with how a command ended."""
    faults: list[str] = []
    if done.returncode not in EXIT_CODES or done.returncode == 1:
        faults.append(f"exit code {done.returncode}")
    if "Traceback" in done.stderr:
        faults.append("a traceback")
    if re.search("[\x00-\x09\x0b-\x1f\x7f]", done.stderr + done.stdout):
        faults.append("control characters")
    if done.returncode == 0:
        return faults
    if sum(line.startswith("error: ") for line in done.stderr.splitlines()) != 1:
        faults.append("not one error line")
    has_list = "rejected.parquet" in done.stderr  # names each file that a build could not use, and is meant to stay
    if not has_list and not any(name in done.stderr for name in case.names):
        faults.append(f"none of {case.names} is named")
    if not has_list and after != before:
        faults.append(f"left {sorted(set(after) ^ set(before))}")
    return faults
