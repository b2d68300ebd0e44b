from __future__ import annotations

import functools
import os
import signal
from pathlib import Path

import pytest

from hearsight.engine.engines import open_engine
from hearsight.errors import DatasetError, HearsightError, MissingExtraError

pytestmark = [
    pytest.mark.slow,
    # Ray itself leaves sockets and files to the interpreter's end.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray", "ignore::DeprecationWarning"),
]


def make_doubler():
    return lambda unit: 2 * unit


def make_killer(fatal: int, folder: str, times: int):
    def work(unit: int) -> int:
        deaths = len(list(Path(folder).iterdir()))
        if unit == fatal and deaths < times:
            (Path(folder) / str(deaths)).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * unit

    return work


def make_refuser():
    def work(unit: int) -> int:
        raise DatasetError(f"unit {unit}", "refused", "something else")

    return work


@pytest.fixture(autouse=True)
def _needs_ray() -> None:
    pytest.importorskip("ray", reason="the extra 'ray' is not installed")


def test_every_unit_is_answered_exactly_once_on_ray() -> None:
    answers = list(open_engine("ray", 2).run(make_doubler, list(range(9))))
    assert sorted((answer.unit, answer.result) for answer in answers) == [(unit, 2 * unit) for unit in range(9)]


@pytest.mark.parametrize(("times", "result"), [(1, 6), (9, None)])
def test_a_killed_actor_loses_nothing_and_a_deadly_unit_is_given_up(
    tmp_path: Path, times: int, result: int | None
) -> None:
    stage = functools.partial(make_killer, 3, str(tmp_path), times)
    answers = {answer.unit: answer.result for answer in open_engine("ray", 2).run(stage, list(range(6)))}
    assert answers == {**{unit: 2 * unit for unit in range(6)}, 3: result}


def test_an_error_raised_on_purpose_reaches_the_caller_from_ray() -> None:
    with pytest.raises(HearsightError, match="unit 7: refused"):
        list(open_engine("ray", 1).run(make_refuser, [7]))


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"hearsight\[ray\]"):
        open_engine("ray", 1)
