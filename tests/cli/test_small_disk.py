"""On a disk that is full or read-only every command ends with one sentence, keeps its work, and goes on when there is room."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hearsight.files import find_temporary_files
from hearsight.media.info import read_media
from hearsight.records import Source
from tests.support.layouts import write_sound
from tests.support.processes import digest_tree, run_command
from tests.support.small_disk import SmallDisk, open_small_disk
from tests.support.videos import write_folder

TEACHERS = ("--vision", "clusters:k=4", "--audio", "clusters:k=4")
NETWORK = ("--model", "wu-mlp", "--set", "options.width=0.1", "--set", "recipe=quick", "--set", "batch_size=4")


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What the commands read, on a disk with room."""

    videos: Path
    dataset: Path
    run: Path
    sound: Path
    classes: Path
    study: Path
    taught: Path
    index: Path
    tags: Path
    judged: Path


STUDY = """
title = "Two baselines"
seeds = 1

[evaluate]
probe = "knn"
resamples = 200

[[axes]]
name = "front end"
reference = "mel"

[axes.values.mel]
score = "baseline:log-mel"

[axes.values.mfcc]
score = "baseline:mfcc"
"""


@dataclasses.dataclass(frozen=True)
class Case:
    """A command that writes: its words, where inputs stand as ``{videos}`` and the disk as ``{disk}``, and what it leaves.

    Attributes
    ----------
    words
        The command.
    result
        Pattern of the files that are the same bytes, however often the command was interrupted.
    share
        How much of what the command leaves fits onto the small disk.
    given
        Name of the input that is copied to ``{disk}/given`` first: what the command writes into.
    """

    words: str
    result: str = "*"
    share: float = 0.0
    given: str = ""


CASES = {
    "build": Case("build {videos} --out {disk}/ds --workers 1 " + " ".join(TEACHERS), share=0.5),
    "label": Case("label {dataset} --out {disk}/ds --workers 1 --set policy.audio_top=1", share=0.5),
    "mix": Case("mix {dataset} --out {disk}/ds --clips 70 --workers 1", share=0.5),
    "train": Case(
        "train {dataset} --out {disk}/run " + " ".join(NETWORK) + " --set epochs=2", "run/*.safetensors", share=0.6
    ),
    "embed": Case("embed {sound} --model {run} --out {disk}/e.parquet"),
    "embed as CSV": Case("embed {sound} --model {run} --out {disk}/e.csv"),
    "embed for NumPy": Case("embed {sound} --model {run} --out {disk}/e.npz"),
    "export": Case("export {run} --out {disk}/m.onnx", share=0.5),
    "plot": Case("plot labels {dataset} --out {disk}/a.png"),
    "inspect": Case("inspect {dataset} --page {disk}/page.html"),
    "evaluate": Case(
        "evaluate {disk}/given --benchmark folder={classes} --probe knn --keep", "given/scores/*.npz", given="run"
    ),
    "study": Case("study {study} --out {disk}/study --benchmark folder={classes}", "study/cells/*.npz"),
    "study that reports": Case(
        "study {study} --out {disk}/study --benchmark folder={classes}", "study/cells/*.npz", share=0.6
    ),
    "index": Case("index {classes} --model {run} --out {disk}/index", "index/*.npy", share=0.5),
    "teach": Case("teach {classes} --model {run} --out {disk}/taught", "taught/*.safetensors", share=0.5),
    "finetune": Case(
        "finetune {run} --data {classes} --out {disk}/tuned --set epochs=1 --set batch_size=4",
        "tuned/*.safetensors",
        share=0.5,
    ),
    "suggest": Case("suggest {index} --model {taught} --out {disk}/judge.csv"),
    "counts": Case("counts {tags} --figure {disk}/counts.png"),
    "review": Case("review {judged} --out {disk}/thresholds.csv"),
    "review with a figure": Case("review {judged} --figure {disk}/precision.png"),
    "review to draw": Case("review {tags} --draw --out {disk}/judge.csv"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    base = tmp_path_factory.mktemp("inputs")
    videos = write_folder(base / "videos", 4)
    done = run_command(
        "build", videos, "--out", base / "dataset", *TEACHERS, "--set", "validation_share=0.3", "--workers", "1"
    )
    assert done.returncode == 0, done.stderr
    done = run_command("train", base / "dataset", "--out", base / "run", *NETWORK, "--set", "epochs=1")
    assert done.returncode == 0, done.stderr
    for label in range(2):
        for number in range(4):
            write_sound(base / "classes" / f"class {label}" / f"{number}.wav", label, number)
    sound = base / "classes" / "class 0" / "0.wav"
    (base / "study.toml").write_text(STUDY)
    for words in (
        ("teach", base / "classes", "--model", base / "run", "--out", base / "taught"),
        ("index", base / "classes", "--model", base / "run", "--out", base / "index"),
    ):
        done = run_command(*words)
        assert done.returncode == 0, done.stderr
    rows = [f"SITE_20240517_0{hour}0000.wav,{hour},1,owl,{hour / 10}" for hour in range(10)]
    head = "path,start,duration,class,probability"
    (base / "tags.csv").write_text("\n".join([head, *rows]) + "\n")
    judged = [f"{row},{'right' if place > 3 else 'wrong'}" for place, row in enumerate(rows)]
    (base / "judged.csv").write_text("\n".join([f"{head},judgement", *judged]) + "\n")
    return Inputs(
        base / "videos",
        base / "dataset",
        base / "run",
        sound,
        base / "classes",
        base / "study.toml",
        base / "taught",
        base / "index",
        base / "tags.csv",
        base / "judged.csv",
    )


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisk]:
    with open_small_disk(tmp_path_factory.mktemp("disk")) as opened:
        yield opened


def run_case(case: Case, disk: SmallDisk, inputs: Inputs) -> subprocess.CompletedProcess[str]:
    places = {**{name: str(path) for name, path in vars(inputs).items()}, "disk": str(disk.path)}
    return disk.run(*(word.format(**places) for word in case.words.split()))


def make_disk(case: Case, disk: SmallDisk, inputs: Inputs, size_bytes: int | None = None) -> None:
    """Make a disk with what the command writes into, and room for so much more; with room for everything by default."""
    given = getattr(inputs, case.given) if case.given else None
    if size_bytes is None:
        disk.make()
    else:
        # a file takes whole pages
        used = sum(path.stat().st_size + 4096 for path in given.rglob("*")) if given else 0
        disk.make(size_bytes + used)
    if given:
        shutil.copytree(given, disk.view / "given")


def check_refusal(done: subprocess.CompletedProcess[str], disk: SmallDisk, reason: str) -> None:
    """Check that a command ended with one sentence about its own output."""
    assert done.returncode == 7, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    (error,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert re.fullmatch(rf"error: {re.escape(str(disk.path))}\S*: cannot be written \({reason}\)", error), error
    assert not re.search(r"[.-][0-9a-f]{8}\.tmp", error), error
    assert "hint: " in done.stderr
    assert not list(find_temporary_files(disk.view))


def digest_result(case: Case, disk: SmallDisk) -> dict[str, str]:
    """Return the SHA-256 of what a command leaves by its name, without the random part that an index puts into names."""
    found = {name: digest for name, digest in digest_tree(disk.view).items() if Path(name).match(case.result)}
    return {re.sub(r"-[0-9a-f]{16}\b", "", name): digest for name, digest in found.items()}


@pytest.mark.parametrize("name", CASES)
def test_a_full_disk_ends_a_command_in_one_sentence_and_it_goes_on_when_there_is_room(
    name: str, disk: SmallDisk, inputs: Inputs
) -> None:
    case = CASES[name]
    make_disk(case, disk, inputs)
    done = run_case(case, disk, inputs)
    assert done.returncode == 0, done.stderr
    whole = digest_result(case, disk)
    assert whole
    used = shutil.disk_usage(disk.view).used
    make_disk(case, disk, inputs, max(4096, round(case.share * used)))
    if not case.share:
        disk.fill()
    check_refusal(run_case(case, disk, inputs), disk, "No space left on device")
    disk.free()
    done = run_case(case, disk, inputs)
    assert done.returncode == 0, done.stderr
    assert digest_result(case, disk) == whole


@pytest.mark.parametrize("name", CASES)
def test_a_read_only_disk_ends_a_command_in_one_sentence(name: str, disk: SmallDisk, inputs: Inputs) -> None:
    make_disk(CASES[name], disk, inputs)
    disk.forbid_writing()
    check_refusal(run_case(CASES[name], disk, inputs), disk, "Read-only file system")


def test_what_a_command_replaces_stays_when_the_disk_is_full(disk: SmallDisk, inputs: Inputs) -> None:
    disk.make()
    for name in ("embed", "export", "plot"):
        assert run_case(CASES[name], disk, inputs).returncode == 0
    before = digest_tree(disk.view)
    disk.fill()
    for name in ("embed", "export", "plot"):
        check_refusal(run_case(CASES[name], disk, inputs), disk, "No space left on device")
    disk.free()
    assert digest_tree(disk.view) == before


def test_a_demo_on_a_full_disk_keeps_the_videos_that_it_has_made(disk: SmallDisk) -> None:
    for size, reason in ((4096, "No space left on device"), (400_000, "No space left on device")):
        disk.make(size)
        check_refusal(disk.run("demo", "--out", disk.path / "demo", "--workers", "2"), disk, reason)
    videos = list(disk.view.rglob("*.mp4"))
    assert all((read_media(Source(str(path))).duration or 0.0) > 1.0 for path in videos)
    disk.make()
    disk.forbid_writing()
    check_refusal(disk.run("demo", "--out", disk.path / "demo"), disk, "Read-only file system")


def test_tags_that_cannot_be_printed_are_an_error(inputs: Inputs) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "hearsight", "tag", str(inputs.sound), "--model", str(inputs.run), "--json"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 7, done.stderr
    assert "error: standard output: cannot be written (No space left on device)" in done.stderr
