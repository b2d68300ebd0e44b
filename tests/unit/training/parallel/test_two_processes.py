"""Real processes that train one network together, and one of them killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hearsight.errors import UsageError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from tests.support.training import FakeDataset, make_config

VALUES: dict[str, Any] = {
    "options": {"width": 0.02},
    "epochs": 2,
    "batch_size": 4,
    "global_batch_size": 8,
    "log_every": 1,
    "checkpoint_steps": 1,
    "average": 0.9,
}
"""Two parts in each step, with batch normalisation."""
SCRIPT = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.support.training import FakeDataset, make_config
from hearsight.errors import HearsightError
from hearsight.training.loop import train
from hearsight.training.step.student import Student
real = Student.train_step
def slow(*arguments):
    time.sleep(float(sys.argv[4]))
    return real(*arguments)
Student.train_step = slow
runs = eval(sys.argv[3])
try:
    for number, values in enumerate(runs):
        os.environ["MASTER_PORT"] = sys.argv[5 + number]
        out = Path(sys.argv[2]) / str(number) if len(runs) > 1 else Path(sys.argv[2])
        train(FakeDataset(), out, make_config(**values))
except HearsightError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""


def start(run: Path, size: int, pause: float = 0.0, runs: tuple[dict[str, Any], ...] = (VALUES,)) -> list[Any]:
    """Start the processes of a run, by hand and with ports of our choice, as Slurm would; several runs are trained one by one."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in runs]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        ports = [str(each.getsockname()[1]) for each in sockets]
    root = str(Path(__file__).parents[4])
    command = [sys.executable, "-c", SCRIPT, root, str(run), repr(list(runs)), str(pause), *ports]
    common = {**os.environ, "OMP_NUM_THREADS": "1", "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1"}
    common |= {"HEARSIGHT_JOIN_SECONDS": "120"}
    return [
        subprocess.Popen(command, env={**common, "RANK": str(rank)}, stderr=subprocess.PIPE, text=True)
        for rank in range(size)
    ]


def read_losses(run: Path) -> list[float]:
    return [line["loss"] for line in read_runlog(run)[1:]]


def assert_alike(one: Path, other: Path) -> None:
    """The order of sums differs in the last digits; Adam's first steps are signs, which makes some of them larger."""
    assert read_losses(one) == pytest.approx(read_losses(other), rel=1e-4)
    first, second = (load_checkpoint(run)[0].state_dict() for run in (one, other))
    for name, value in first.items():
        torch.testing.assert_close(second[name], value, rtol=1e-2, atol=3e-4, msg=name)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("alone")
    train(FakeDataset(), run, make_config(**VALUES))
    return run


def test_two_processes_train_as_one_and_only_the_first_writes(alone: Path, tmp_path: Path) -> None:
    processes = start(tmp_path, 2)
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    assert_alike(alone, tmp_path)
    assert "epoch 2/2" in errors[0]
    assert "epoch" not in errors[1]


def test_a_killed_process_ends_the_run_and_one_process_continues_it(alone: Path, tmp_path: Path) -> None:
    processes = start(tmp_path, 2, pause=0.2)
    while not list(tmp_path.glob("checkpoints/step-*[3-9]")):
        assert processes[0].poll() is None, processes[0].communicate()
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGKILL)
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [7, -signal.SIGKILL]
    assert "process 0 of 2: the connection to another process is lost" in errors[0]
    assert "the same command continues" in errors[0]
    assert not (tmp_path / "config.json").exists()
    train(FakeDataset(), tmp_path, make_config(**VALUES))
    assert_alike(alone, tmp_path)


def test_shared_statistics_are_those_of_one_batch_and_local_steps_are_averaged(alone: Path, tmp_path: Path) -> None:
    plain = {key: value for key, value in VALUES.items() if key not in ("average", "checkpoint_steps")}
    shared, local = {**plain, "sync_batch_norm": True}, {**plain, "sync_every": 2, "checkpoint_steps": 3}
    processes = start(tmp_path / "pair", 2, runs=(shared, local))
    train(FakeDataset(), tmp_path / "whole", make_config(**{**plain, "batch_size": 8}))
    errors = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], errors
    together, found = read_losses(tmp_path / "whole"), read_losses(tmp_path / "pair" / "0")
    assert found[:4] == pytest.approx(together[:4], rel=1e-4)  # later, signs of tiny gradients tell the sums apart
    assert found == pytest.approx(together, rel=2e-2)
    assert read_losses(alone)[0] != pytest.approx(together[0], rel=1e-4)  # with the statistics of each part
    # each process learns from its own half, and still the network learns: its losses are near those of steps together
    apart = read_losses(tmp_path / "pair" / "1")
    assert len(apart) == len(together)
    assert apart != together
    assert apart[-1] == pytest.approx(together[-1], rel=0.2)
    (tmp_path / "pair" / "1" / "config.json").unlink()
    with pytest.raises(UsageError, match="sync_every: 1 processes"):
        train(FakeDataset(), tmp_path / "pair" / "1", make_config(**local))


@pytest.mark.slow
def test_a_signal_to_one_process_saves_and_stops_all(alone: Path, tmp_path: Path) -> None:
    processes = start(tmp_path, 2, pause=0.2)
    while not list(tmp_path.glob("checkpoints/step-*[2-9]")):
        assert processes[0].poll() is None, processes[0].communicate()
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGTERM)
    for process in processes:
        process.communicate()
    assert [process.returncode for process in processes] == [-signal.SIGTERM, -signal.SIGTERM]
    assert list(tmp_path.glob("checkpoints/step-*"))
    train(FakeDataset(), tmp_path, make_config(**VALUES))
    assert_alike(alone, tmp_path)


LONG = {**VALUES, "epochs": 8, "learning_rate": 1e-4}


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [(1,), (2,), (2, 1)], ids=["one", "two", "two and one"])
def test_a_run_that_is_killed_at_ten_random_moments_is_the_undisturbed_one(
    sizes: tuple[int, ...], tmp_path: Path
) -> None:
    """Each time a process that is chosen at random is killed, at any moment: also while it saves, or before it has begun."""
    train(FakeDataset(), tmp_path / "alone", make_config(**LONG))
    random = np.random.default_rng(len(sizes) + sizes[0])
    run, kills = tmp_path / "killed", 0
    while kills < 10:
        size = sizes[kills % len(sizes)]
        processes = start(run, size, pause=0.3, runs=(LONG,))
        before = read_step(run)
        wanted = before + int(random.integers(0, 4))
        while read_step(run) < wanted and all(process.poll() is None for process in processes):
            time.sleep(0.005)
        time.sleep(float(random.uniform(0.0, 0.6)))
        assert not (run / "config.json").exists(), f"finished after {kills} kills"
        processes[int(random.integers(size))].kill()
        kills += 1
        for process in processes:
            process.communicate()
    assert read_step(run) > 0
    for process in start(run, sizes[-1], runs=(LONG,)):
        errors = process.communicate()[1]
        assert process.returncode == 0, errors
    assert len(read_losses(run)) == len(read_losses(tmp_path / "alone"))
    assert_alike(tmp_path / "alone", run)


def read_step(run: Path) -> int:
    """The last step that is saved."""
    steps = [int(path.name.removeprefix("step-")) for path in run.glob("checkpoints/step-*")]
    epochs = [int(path.name.removeprefix("epoch-")) * 5 for path in run.glob("checkpoints/epoch-*")]
    return max([0, *steps, *epochs])
