from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hearsight.engine.engine import Failure
from hearsight.engine.engines import open_engine
from hearsight.engine.progress import report_progress
from hearsight.errors import DatasetError, UsageError, WorkerError


def make_doubler():
    return lambda unit: 2 * unit


def make_killer(fatal: int, folder: str | None = None, signal_number: int = signal.SIGKILL):
    """Die on one unit: always, or only the first time when a folder remembers it."""

    def work(unit: int) -> int:
        if unit == fatal:
            memory = None if folder is None else Path(folder) / "seen"
            if memory is None or not memory.exists():
                if memory is not None:
                    memory.touch()
                os.kill(os.getpid(), signal_number)
        time.sleep(0.01)
        return 2 * unit

    return work


def make_refuser():
    def work(unit: int) -> int:
        raise DatasetError(f"unit {unit}", "refused", "something else", "try again")

    return work


def make_failing(kind: str, *failing: int):
    """Fail on some units as a library might."""

    def work(unit: int) -> object:
        if unit not in failing:
            return 2 * unit
        if kind == "memory":
            raise MemoryError
        if kind == "exception":
            raise ZeroDivisionError("of\nall things")
        if kind == "unsendable":
            return lambda: unit
        os.kill(os.getpid(), signal.SIGSEGV)
        return None

    return work


def fail_setup(kind: str):
    if kind == "error":
        raise DatasetError("teacher", "absent", "a file")
    if kind == "exception":
        raise KeyError("weights")
    os.kill(os.getpid(), signal.SIGKILL)


def make_stalling(busy_units: tuple[int, ...], stalled_units: tuple[int, ...]):
    """Take long but report progress on some units; hang without returning to Python on others."""

    def work(unit: int) -> int:
        if unit in busy_units:
            for _ in range(30):
                time.sleep(0.1)
                report_progress()
        if unit in stalled_units:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            signal.sigwait({signal.SIGALRM})
        return 2 * unit

    return work


def make_printer():
    def work(unit: int) -> int:
        print("a library's chatter")
        os.write(1, b"from C too\n")
        return 2 * unit

    return work


@pytest.mark.parametrize("workers", [1, 2])
def test_every_unit_is_answered_exactly_once(workers: int) -> None:
    answers = list(open_engine("local", workers).run(make_doubler, list(range(23))))
    assert sorted((answer.unit, answer.result) for answer in answers) == [(unit, 2 * unit) for unit in range(23)]


def test_no_units_are_no_answers() -> None:
    assert list(open_engine("local", 2).run(make_doubler, [])) == []


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_a_unit_that_kills_its_worker_is_answered_as_a_death_and_all_others_survive(workers: int, number: int) -> None:
    stage = functools.partial(make_killer, 5, signal_number=number)
    answers = list(open_engine("local", workers).run(stage, list(range(12))))
    assert sorted(answer.unit for answer in answers) == list(range(12))
    (failed,) = [answer for answer in answers if answer.failed]
    assert (failed.unit, failed.failure.kind) == (5, "death")
    assert signal.Signals(number).name in failed.failure.message
    assert all(answer.result == 2 * answer.unit for answer in answers if not answer.failed)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_unit_whose_worker_was_killed_once_is_tried_again(tmp_path: Path, workers: int) -> None:
    stage = functools.partial(make_killer, 3, str(tmp_path))
    answers = list(open_engine("local", workers).run(stage, list(range(8))))
    assert sorted((answer.unit, answer.result) for answer in answers) == [(unit, 2 * unit) for unit in range(8)]


@pytest.mark.parametrize("kind", ["memory", "exception", "unsendable"])
def test_an_unexpected_exception_is_the_failure_of_its_unit_alone(kind: str) -> None:
    answers = list(open_engine("local", 1).run(functools.partial(make_failing, kind, 2), list(range(5))))
    (failed,) = [answer for answer in answers if answer.failed]
    assert (failed.unit, failed.failure.kind) == (2, "error")
    expected = {
        "memory": "MemoryError",
        "exception": "ZeroDivisionError: of all things",
        "unsendable": "cannot be sent",
    }
    assert expected[kind] in failed.failure.message
    assert sorted(answer.result for answer in answers if not answer.failed) == [0, 2, 6, 8]


@pytest.mark.parametrize("kind", ["death", "exception"])
def test_a_run_of_which_most_units_fail_ends_early(kind: str) -> None:
    stage = functools.partial(make_failing, kind, *range(2, 100))
    answered: list[int] = []
    with pytest.raises(WorkerError, match=r"6 units of work failed and \d finished") as raised:
        answered.extend(answer.unit for answer in open_engine("local", 2).run(stage, list(range(100))))
    assert ("SIGSEGV" if kind == "death" else "ZeroDivisionError") in str(raised.value)
    assert {0, 1} & set(answered)  # which worker is first to fail differs from run to run
    assert len(answered) < 10


def test_failures_that_are_the_minority_do_not_end_a_run() -> None:
    stage = functools.partial(make_failing, "exception", *range(0, 40, 3))
    answers = list(open_engine("local", 1).run(stage, list(range(40))))
    assert len(answers) == 40
    assert sum(answer.failed for answer in answers) == 14


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(
    ("kind", "error", "message"),
    [
        ("error", DatasetError, "teacher: absent, wanted a file"),
        ("exception", WorkerError, r"cannot be set up \(KeyError: 'weights'\)"),
        ("death", WorkerError, "its process was killed .* 2 times in a row"),
    ],
)
def test_a_stage_that_cannot_be_set_up_ends_the_run_with_its_own_message(
    kind: str, error: type[Exception], message: str, workers: int
) -> None:
    with pytest.raises(error, match=message):
        list(open_engine("local", workers).run(functools.partial(fail_setup, kind), list(range(9))))


def test_a_unit_without_progress_is_given_up_and_a_long_one_with_progress_is_not() -> None:
    stage = functools.partial(make_stalling, (1,), (2,))
    answers = {answer.unit: answer for answer in open_engine("local", 2, deadline=1.5).run(stage, list(range(4)))}
    assert {unit: answer.result for unit, answer in answers.items()} == {0: 0, 1: 2, 2: None, 3: 6}
    assert answers[2].failure == Failure("timeout", "no progress within 1.5 s")


def test_what_a_library_prints_does_not_disturb_the_answers(capfd: pytest.CaptureFixture[str]) -> None:
    assert [answer.result for answer in open_engine("local", 1).run(make_printer, [1, 2])] == [2, 4]
    written = capfd.readouterr()
    assert written.out == ""
    assert written.err.count("from C too") == 2


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
    with pytest.raises(UsageError, match="more than 0"):
        open_engine("local", 1, deadline=0.0)


SCRIPT = """
import sys
from hearsight.engine.engines import open_engine
print("started")
def stage():
    return lambda unit: 2 * unit
"""


@pytest.mark.parametrize("stage", ["functools.partial(operator.methodcaller, 'bit_length')", "stage"])
def test_a_script_without_a_guard_runs_once_and_one_that_workers_must_import_says_why_not(
    tmp_path: Path, stage: str
) -> None:
    program = tmp_path / "script.py"
    run = f"print(sorted(answer.result for answer in open_engine('local', 2).run({stage}, [1, 2, 3])))\n"
    program.write_text("import functools, operator\n" + SCRIPT + run)
    done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300)
    if stage == "stage":
        assert done.returncode != 0
        assert 'put it under `if __name__ == "__main__":`' in done.stderr
        program.write_text("import functools, operator\n" + SCRIPT + "if __name__ == '__main__':\n    " + run)
        done = subprocess.run([sys.executable, str(program)], capture_output=True, text=True, timeout=300)
        assert done.stdout == "started\n[2, 4, 6]\n"
    else:
        assert done.stdout == "started\n[1, 2, 2]\n", done.stderr


def test_ctrl_c_ends_all_workers_without_a_word_from_them(tmp_path: Path) -> None:
    program = tmp_path / "script.py"
    program.write_text(
        "import time, functools\n"
        "from hearsight.engine.engines import open_engine\n"
        "try:\n"
        "    for answer in open_engine('local', 2).run(functools.partial(functools.partial, time.sleep), [0, 60, 60]):\n"
        "        print('working', flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "working\n"
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=300)
    assert (out, err) == ("interrupted\n", "")
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


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
