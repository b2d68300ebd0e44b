from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hearsight.engine.engines import open_engine
from hearsight.errors import DatasetError, UsageError


def make_doubler():
    return lambda unit: 2 * unit


def make_killer(fatal: int, folder: str | None = None):
    """Die on one unit: always, or only the first time when a folder remembers it."""

    def work(unit: int) -> int:
        if unit == fatal:
            memory = None if folder is None else Path(folder) / "seen"
            if memory is None or not memory.exists():
                if memory is not None:
                    memory.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.01)
        return 2 * unit

    return work


def make_refuser():
    def work(unit: int) -> int:
        raise DatasetError(f"unit {unit}", "refused", "something else", "try again")

    return work


@pytest.mark.parametrize("workers", [1, 2])
def test_every_unit_is_answered_exactly_once(workers: int) -> None:
    answers = list(open_engine("local", workers).run(make_doubler, list(range(23))))
    assert sorted((answer.unit, answer.result) for answer in answers) == [(unit, 2 * unit) for unit in range(23)]


def test_no_units_are_no_answers() -> None:
    assert list(open_engine("local", 2).run(make_doubler, [])) == []


def test_a_unit_that_kills_its_worker_is_answered_as_crashed_and_all_others_survive() -> None:
    answers = list(open_engine("local", 2).run(functools.partial(make_killer, 5), list(range(12))))
    assert sorted(answer.unit for answer in answers) == list(range(12))
    assert {answer.unit for answer in answers if answer.crashed} == {5}
    assert all(answer.result == 2 * answer.unit for answer in answers if not answer.crashed)


def test_a_unit_whose_worker_was_killed_once_is_tried_again(tmp_path: Path) -> None:
    stage = functools.partial(make_killer, 3, str(tmp_path))
    answers = list(open_engine("local", 2).run(stage, list(range(8))))
    assert sorted((answer.unit, answer.result) for answer in answers) == [(unit, 2 * unit) for unit in range(8)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_raised_on_purpose_reaches_the_caller_whole(workers: int) -> None:
    with pytest.raises(DatasetError) as raised:
        list(open_engine("local", workers).run(make_refuser, [7]))
    assert str(raised.value) == "unit 7: refused, wanted something else\nhint: try again"


def test_an_unknown_engine_guesses_the_meant_one() -> None:
    with pytest.raises(UsageError, match="did you mean 'local'"):
        open_engine("locl")
    with pytest.raises(UsageError, match="at least 1"):
        open_engine("local", 0)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import os, sys, time\n"
        "from hearsight.engine.engines import open_engine\n"
        "def stage():\n"
        "    open(os.path.join(sys.argv[1], str(os.getpid())), 'w').close()\n"
        "    return lambda unit: time.sleep(86400) or 1\n"
        "if __name__ == '__main__':\n"
        "    list(open_engine('local', 2).run(stage, [1, 2, 3, 4]))\n"
    )
    pids = tmp_path / "pids"
    pids.mkdir()
    parent = subprocess.Popen([sys.executable, str(program), str(pids)])
    wait_until(lambda: len(list(pids.iterdir())) == 2)
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(Path(f"/proc/{path.name}").exists() for path in pids.iterdir()))


def make_counter():
    import numpy as np
    from threadpoolctl import threadpool_info

    def work(unit: int) -> int:
        np.ones((unit, unit)) @ np.ones((unit, unit))
        return max(library["num_threads"] for library in threadpool_info())

    return work


@pytest.mark.parametrize("workers", [1, 2])
def test_a_unit_of_work_is_one_threads_work(workers: int) -> None:
    answers = list(open_engine("local", workers).run(make_counter, [8, 16, 32, 64]))
    assert [answer.result for answer in answers] == [1, 1, 1, 1]


def wait_until(condition) -> None:
    while not condition():  # pytest-timeout ends a test that waits for ever
        time.sleep(0.05)
