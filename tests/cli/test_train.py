"""The command ``train`` in processes of its own: stopped, refused, described, and without space on the disk."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from hearsight.models.checkpoint import WEIGHTS
from tests.support.processes import run_command
from tests.support.videos import write_folder

KNOBS = ("--model", "wu-mlp", "--set", "options.width=0.1", "--set", "batch_size=4", "--set", "recipe=quick")


ENDLESS = 100_000
"""Epochs that no machine finishes before it is stopped."""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    done = run_command(
        "build", write_folder(folder / "videos", 5), "--out", folder / "dataset",
        "--vision", "clusters:k=4", "--audio", "clusters:k=4", "--set", "validation_share=0.3",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "dataset"


def start(*arguments: object) -> subprocess.Popen[str]:
    # a shell starts background jobs, such as a run of these tests, with Ctrl-C ignored, and every child inherits that
    restored = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    code = f"{restored}import sys; from hearsight.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("number", "code", "ended"), [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "terminated")]
)
def test_a_stopped_training_says_how_to_go_on_and_goes_on_by_the_same_command(
    dataset: Path, tmp_path: Path, number: int, code: int, ended: str
) -> None:
    command = ("train", dataset, "--out", tmp_path / "run", *KNOBS, "--set", f"epochs={ENDLESS}")
    process = start(*command)
    while not (tmp_path / "run" / "checkpoints" / "epoch-0002").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    told = run_command("info", tmp_path / "run", "--json")
    assert json.loads(told.stdout)["run"]["progress"] == "training"
    process.send_signal(number)
    _, messages = process.communicate()
    assert process.returncode == code
    assert messages.splitlines()[-1] == f"{ended}; run the same command again to continue where it stopped"
    assert "Traceback" not in messages
    told = run_command("info", tmp_path / "run")
    assert "run of recipe quick, interrupted: wu-mlp" in told.stdout
    assert f"of {ENDLESS} epochs" in told.stdout
    process = start(*command)
    lines = iter(process.stderr or ())
    assert next((line for line in lines if "epoch" in line or "step" in line), "").startswith("continuing after ")
    process.kill()
    process.communicate()


def test_train_prints_one_line_of_json_and_goes_on_with_the_flag_of_older_scripts(
    dataset: Path, tmp_path: Path
) -> None:
    command = ("train", dataset, "--out", tmp_path / "run", *KNOBS, "--set", "epochs=2")
    done = run_command(*command, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    summary = json.loads(done.stdout)
    assert summary["epochs"] == 2
    again = run_command(*command, "--resume", "--json")
    assert json.loads(again.stdout) == summary
    told = run_command("info", tmp_path / "run", "--json")
    state = json.loads(told.stdout)["run"]
    assert (state["progress"], state["recipe"], state["epochs"], state["planned_epochs"]) == ("finished", "quick", 2, 2)
    assert state["mean_average_precision"] == summary["mean_average_precision"]


def test_another_configuration_is_refused_by_the_names_of_its_keys(dataset: Path, tmp_path: Path) -> None:
    command = ("train", dataset, "--out", tmp_path / "run", *KNOBS)
    assert run_command(*command, "--set", "epochs=1").returncode == 0
    done = run_command(*command, "--set", "epochs=2", "--set", "seed=5")
    assert done.returncode == 3
    assert "epochs is 1 there and 2 now; seed is 0 there and 5 now" in done.stderr


def test_a_full_disk_ends_training_in_one_sentence(dataset: Path, tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: weights are the first file that is larger."""
    command = ("train", dataset, "--out", tmp_path / "run", *KNOBS, "--set", "epochs=2")
    limit = 20_000
    code = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {resource.RLIM_INFINITY})); "
        "from hearsight.cli import main; main(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 7, done.stderr
    error, hint = done.stderr.splitlines()[-2:]
    assert error.startswith("error: ")
    assert error.endswith(f"{WEIGHTS}: cannot be written (File too large)")
    assert hint.startswith("hint: raise the limit")
    assert not list((tmp_path / "run" / "checkpoints").iterdir())
    done = run_command(*command)
    assert done.returncode == 0, done.stderr


def write_sounds(folder: Path) -> Path:
    for name, pitch in (("high", 3000.0), ("low", 300.0)):
        (folder / name).mkdir(parents=True)
        for number in range(10):
            tone = 8_000 * np.sin(2 * np.pi * (pitch + 20 * number) * np.arange(16_000) / 16_000)
            with wave.open(str(folder / name / f"{number}.wav"), "wb") as file:
                file.setparams((1, 2, 16_000, 0, "NONE", ""))
                file.writeframes(tone.astype("<i2").tobytes())
    return folder


def test_train_in_two_processes_by_devices_and_goes_on_from_another_run(dataset: Path, tmp_path: Path) -> None:
    command = ("train", dataset, "--out", tmp_path / "run", *KNOBS, "--set", "epochs=1")
    assert run_command(*command).returncode == 0
    command = ("train", dataset, "--out", tmp_path / "pair", "--from", tmp_path / "run", "--devices", "2")
    knobs = ("--set", "batch_size=4", "--set", "global_batch_size=8", "--set", "max_steps=2", "--freeze", "trunk")
    done = run_command(*command, *knobs, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["steps"] == 2
    record = json.loads((tmp_path / "pair" / "run.json").read_text())
    assert (record["parts"], record["config"]["model"], record["config"]["freeze"]) == (2, "wu-mlp", ["trunk"])
    assert record["initial"]["kept_classes"] == record["dataset"]["num_classes"]
    sounds = write_sounds(tmp_path / "sounds")
    command = ("finetune", tmp_path / "run", "--data", sounds, "--out", tmp_path / "tuned", "--devices", "2")
    done = run_command(*command, "--set", "max_steps=3", "--set", "batch_size=4", "--json")
    assert done.returncode == 0, done.stderr
    score = json.loads(done.stdout)
    assert (score["training"]["steps"], score["training"]["num_classes"]) == (3, 2)
    assert json.loads((tmp_path / "tuned" / "run.json").read_text())["parts"] == 2
    found = run_command("runs", tmp_path, "--json")
    states = {Path(run["run"]).name: run["state"]["step"] for run in json.loads(found.stdout)["runs"]}
    assert states["pair"] == 2
    assert states["run"] >= 1
