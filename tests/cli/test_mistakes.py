"""The same mistake has the same exit code and the same shape of message in every command."""

from __future__ import annotations

import dataclasses
import re
import subprocess
from pathlib import Path

import pytest

from hearsight.errors import CONTINUE
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from tests.support.command_fuzz import list_commands
from tests.support.layouts import write_sound
from tests.support.processes import run_command, run_each_command
from tests.support.videos import write_folder

EVERY = [" ".join(words) for words, _ in list_commands()]


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A mistake, and how every command that can meet it ends.

    Attributes
    ----------
    code
        Exit code.
    found
        Pattern of the message after ``error:``, the same for all commands.
    commands
        Command lines, where places stand as ``{name}``.
    """

    code: int
    found: str
    commands: tuple[str, ...]


NO_FILE = r"\S*absent\S*: (cannot be read \()?([Nn]o such (file|folder|file or folder)|nothing of that name)\b.*"
MISTAKES = {
    "a file that is missing": Mistake(
        3,
        NO_FILE,
        (
            "tag absent.wav --model {run}",
            "tag {sound} --model absent",
            "embed {sound} --model absent --out {out}.csv",
            "build absent.mp4 --out {out}",
            "learn absent.mp4 --out {out}",
            "label absent --out {out}",
            "mix absent --out {out}",
            "train absent --out {out}",
            "stats absent",
            "inspect absent",
            "verify absent",
            "export absent --out {out}.onnx",
            "push absent owner/name",
            "convert vggish absent.npz --out {out}",
            "evaluate absent --benchmark folder={classes}",
            "evaluate baseline:log-mel --benchmark folder=absent",
            "plot labels absent --out {out}.png",
            "plot traces absent.wav --model {run} --out {out}.png",
        ),
    ),
    "no dataset": Mistake(
        3,
        r"\S*empty: no dataset.json in it: an empty folder, wanted a dataset",
        (
            "train {empty} --out {out}",
            "mix {empty} --out {out}",
            "label {empty} --out {out}",
            "stats {empty}",
            "inspect {empty}",
            "verify {empty}",
            "plot labels {empty} --out {out}.png",
        ),
    ),
    "no run": Mistake(
        3,
        r"\S*empty: no config.json in it, wanted a checkpoint",
        (
            "tag {sound} --model {empty}",
            "embed {sound} --model {empty} --out {out}.csv",
            "export {empty} --out {out}.onnx",
            "push {empty} owner/name",
            "evaluate {empty} --benchmark folder={classes}",
        ),
    ),
    "damaged JSON": Mistake(
        3,
        r"\S*damaged/(config|dataset)\.json: not JSON \(line 1: .*\), wanted .*",
        (
            "tag {sound} --model {damaged}",
            "embed {sound} --model {damaged} --out {out}.csv",
            "export {damaged} --out {out}.onnx",
            "evaluate {damaged} --benchmark folder={classes}",
            "push {damaged} owner/name",
            "train {damaged} --out {out}",
            "mix {damaged} --out {out}",
            "label {damaged} --out {out}",
            "stats {damaged}",
            "inspect {damaged}",
            "verify {damaged}",
            "info {damaged}",
        ),
    ),
    "an output below a file": Mistake(
        7,
        r"\S*file/below\S*: cannot be written \(\S*file is not a folder\)",
        (
            "build {videos} --out {file}/below",
            "learn {videos} --out {file}/below",
            "label {dataset} --out {file}/below",
            "mix {dataset} --out {file}/below",
            "train {dataset} --out {file}/below --model hearsight-conv-4",
            "demo --out {file}/below",
            "embed {sound} --model {run} --out {file}/below.csv",
            "export {run} --out {file}/below.onnx",
            "inspect {dataset} --page {file}/below.html",
            "plot labels {dataset} --out {file}/below.png",
        ),
    ),
    "an output that is a folder": Mistake(
        7,
        r"\S*empty\.\w+: cannot be written \(a folder, not a regular file\)",
        (
            "embed {sound} --model {run} --out {empty}.csv",
            "export {run} --out {empty}.onnx",
            "inspect {dataset} --page {empty}.html",
            "plot labels {dataset} --out {empty}.png",
        ),
    ),
    "an unknown network": Mistake(
        2,
        r".*'?hearsight-conv-5'?.*, wanted .*",
        (
            "train {dataset} --out {out} --model hearsight-conv-5",
            "learn {videos} --out {out} --model hearsight-conv-5",
        ),
    ),
    "an unknown class": Mistake(
        2,
        r"\S*.*'unicorn'.*, wanted .*",
        ("inspect {dataset} --class unicorn",),
    ),
    "an unknown key": Mistake(
        2,
        r"--set: unknown key 'nonsense'(, wanted .*)?",
        tuple(
            f"{command} --set nonsense=1"
            for command in (
                "build {videos} --out {out}",
                "learn {videos} --out {out}",
                "label {dataset} --out {out}",
                "mix {dataset} --out {out}",
                "train {dataset} --out {out}",
                "evaluate baseline:log-mel --benchmark folder={classes}",
            )
        ),
    ),
    "a value out of range": Mistake(
        2,
        "--set: seed = -1, wanted at least 0",
        tuple(
            f"{command} --set seed=-1"
            for command in (
                "build {videos} --out {out}",
                "learn {videos} --out {out}",
                "mix {dataset} --out {out}",
                "train {dataset} --out {out}",
                "evaluate baseline:log-mel --benchmark folder={classes}",
            )
        ),
    ),
    "a damaged configuration": Mistake(
        2,
        r"\S*damaged\.toml: .*line 1.*",
        tuple(
            f"{command} --config {{damaged}}.toml"
            for command in (
                "build {videos} --out {out}",
                "learn {videos} --out {out}",
                "label {dataset} --out {out}",
                "mix {dataset} --out {out}",
                "train {dataset} --out {out}",
                "evaluate baseline:log-mel --benchmark folder={classes}",
            )
        ),
    ),
    "an unknown kind of teacher": Mistake(
        2,
        "teacher 'litret:a': 'litret' is not a kind of teacher, wanted kind:where",
        tuple(
            f"{command} --audio litret:a"
            for command in (
                "build {videos} --out {out}",
                "learn {videos} --out {out}",
                "label {dataset} --out {out}",
                "mix {dataset} --out {out}",
            )
        ),
    ),
    "an unknown option": Mistake(
        2,
        r"Unknown option: --nonsense( \(a file of this name is written \./--nonsense\))?\.( Did you mean --[a-z]+\?)?",
        (
            *(f"{command} --nonsense" for command in EVERY if command not in ("plan", "serve", "search")),
            "plan --clips 1000 --nonsense",  # --clips is asked for first
            "serve --model {run} --nonsense",
            "search {run} --index {run} --nonsense",
        ),
    ),
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("places")
    videos = write_folder(base / "videos", 3, seconds=4.0)
    teachers = ("--vision", "clusters:k=4", "--audio", "clusters:k=4")
    done = run_command("build", videos, "--out", base / "dataset", *teachers, "--workers", "1")
    assert done.returncode == 0, done.stderr
    save_checkpoint(build_network("hearsight-conv-4", 2, seed=0), base / "run", vocabulary=("bark", "rain"))
    for label in range(2):
        for number in range(3):
            write_sound(base / "classes" / f"class {label}" / f"{number}.wav", label, number)
    for name in ("empty", "empty.csv", "empty.onnx", "empty.html", "empty.png", "damaged", "stopped"):
        (base / name).mkdir()
    for name in ("config.json", "dataset.json"):
        (base / "damaged" / name).write_text('{"format_version": 1, "classes": [')
    (base / "damaged.toml").write_text("= =")
    (base / "file").write_bytes(b"a file")
    (base / "stopped" / "dataset").mkdir()
    names = ("videos", "dataset", "run", "classes", "empty", "damaged", "file", "stopped", "out")
    return {**{name: base / name for name in names}, "sound": base / "classes" / "class 0" / "0.wav"}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_has_one_exit_code_and_one_shape_of_message(
    name: str, places: dict[str, Path], tmp_path: Path
) -> None:
    mistake = MISTAKES[name]
    lines = [[word.format(**places) for word in command.split()] for command in mistake.commands]
    done = run_each_command([(line, tmp_path) for line in lines])
    faults = [
        f"{command}: {fault}\n{one.stderr[-600:]}"
        for command, one in zip(mistake.commands, done, strict=True)
        for fault in find_faults(mistake, one)
    ]
    assert not faults, "\n".join(faults)
    assert not list(tmp_path.iterdir())
    assert not places["out"].exists()


def find_faults(mistake: Mistake, done: subprocess.CompletedProcess[str]) -> list[str]:
    faults = [] if done.returncode == mistake.code else [f"exit code {done.returncode}, not {mistake.code}"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    if len(errors) != 1 or not re.fullmatch(f"error: {mistake.found}", errors[0]):
        faults.append("another message")
    if sum(line.startswith("hint: ") for line in done.stderr.splitlines()) > 1:
        faults.append("more than one hint")
    if done.stdout:
        faults.append("something on stdout")
    return faults


@pytest.mark.parametrize(
    "command", ["info {stopped}", "tag {sound} --model {stopped}", "export {stopped} --out {out}.onnx"]
)
def test_a_learn_that_was_stopped_before_training_has_one_advice(command: str, places: dict[str, Path]) -> None:
    done = run_command(*(word.format(**places) for word in command.split()))
    assert done.returncode == 3
    assert "a run that has not begun to train" in done.stderr
    assert f"hint: {CONTINUE}\n" in done.stderr
