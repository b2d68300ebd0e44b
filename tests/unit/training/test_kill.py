"""Real processes, really killed: what no exception can stand in for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hearsight.models.checkpoint import WEIGHTS
from hearsight.training.run.log import read_runlog

SCRIPT = """
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from tests.support.training import FakeDataset, make_config
from hearsight.training.loop import train

config = make_config(model="wu-mlp", options={"width": 0.05}, epochs=6, log_every=1)
train(FakeDataset(60, 12), Path(sys.argv[2]), config)
"""


def start(run: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parents[3]), str(run)]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})


def count_lines(run: Path) -> int:
    log = run / "runlog.jsonl"
    return len(log.read_bytes().splitlines()) if log.exists() else 0


KILLS = (3, 25, 30)
"""Lines in the log at which a process is killed."""


def test_a_process_killed_again_and_again_ends_in_the_same_bytes(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    undisturbed = start(whole)
    for wanted in KILLS:
        process = start(killed)
        while count_lines(killed) < wanted:
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        assert not (killed / "config.json").exists()
    assert start(killed).wait() == 0
    assert undisturbed.wait() == 0
    logs = [[{k: v for k, v in line.items() if k != "seconds"} for line in read_runlog(run)] for run in (whole, killed)]
    assert logs[0] == logs[1]
    assert len(logs[0]) == 1 + 6 * (8 + 1)
    assert (whole / WEIGHTS).read_bytes() == (killed / WEIGHTS).read_bytes()
