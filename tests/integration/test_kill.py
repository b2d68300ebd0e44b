"""kill -9 at any moment, then the same command again: the same bytes, the same losses."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path

import pytest

from tests.support.processes import digest_tree, kill_after, run_command
from tests.support.videos import write_folder

TEACHERS = ("--vision", "clusters:k=4", "--audio", "clusters:k=4", "--set", "shard_clips=8")
QUICK = ("--model", "wu-mlp", "--set", "epochs=4", "--set", "batch_size=4", "--set", "options.width=0.25")
FEW, MANY = 3, 10


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("videos"), 12)


@pytest.fixture(scope="module")
def reference(videos: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    out = tmp_path_factory.mktemp("reference") / "dataset"
    started = time.monotonic()
    done = run_command("build", videos, "--out", out, *TEACHERS, "--workers", "2")
    assert done.returncode == 0, done.stderr
    return out, time.monotonic() - started


def kill_at_random(kills: int, seconds: float, out: Path, *command: object) -> None:
    """Kill a command so many times, at random moments up to ``seconds`` after its start.

    A command that ends before its moment begins anew, with earlier moments: ``seconds`` were measured while the machine may have
    been busier. The earliest moment is before Python has imported anything.
    """
    moments = random.Random(kills)
    for _ in range(kills):
        while not kill_after(moments.uniform(0.0, seconds), *command):
            shutil.rmtree(out)
            seconds /= 2


@pytest.mark.parametrize("kills", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_build_killed_at_random_moments_ends_in_the_same_bytes(
    kills: int, videos: Path, reference: tuple[Path, float], tmp_path: Path
) -> None:
    expected, seconds = reference
    out = tmp_path / "dataset"
    command = ("build", videos, "--out", out, *TEACHERS, "--workers", "2")
    kill_at_random(kills, seconds, out, *command)
    done = run_command(*command)
    assert done.returncode == 0, done.stderr
    assert digest_tree(out) == digest_tree(expected)


def read_losses(run: Path) -> list[dict[str, object]]:
    """Return the run log without times."""
    lines = [json.loads(line) for line in (run / "runlog.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if "seconds" not in key and "time" not in key} for line in lines]


@pytest.mark.parametrize("kills", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_a_training_killed_at_random_moments_has_the_same_losses(
    kills: int, reference: tuple[Path, float], tmp_path: Path
) -> None:
    dataset, _ = reference
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    started = time.monotonic()
    done = run_command("train", dataset, "--out", whole, *QUICK)
    assert done.returncode == 0, done.stderr
    seconds = time.monotonic() - started
    command = ("train", dataset, "--out", broken, "--resume", *QUICK)
    kill_at_random(kills, seconds, broken, *command)
    done = run_command(*command)
    assert done.returncode == 0, done.stderr
    assert read_losses(broken) == read_losses(whole)
    assert (broken / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    shutil.rmtree(broken)
