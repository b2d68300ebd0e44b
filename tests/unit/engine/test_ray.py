from __future__ import annotations

import functools
import os
import signal
import time
from pathlib import Path

import pytest

from hearsight.engine.engines import open_engine
from hearsight.errors import DatasetError, HearsightError, MissingExtraError, WorkerError

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


def fail_setup(kind: str):
    if kind == "error":
        raise DatasetError("teacher", "absent", "a file")
    raise KeyError("weights")


@pytest.mark.parametrize(
    ("kind", "message"), [("error", "teacher: absent"), ("exception", r"cannot be set up \(KeyError: 'weights'\)")]
)
def test_a_stage_that_cannot_be_set_up_ends_the_run_with_its_own_message_on_ray(kind: str, message: str) -> None:
    with pytest.raises(HearsightError, match=message):
        list(open_engine("ray", 2).run(functools.partial(fail_setup, kind), list(range(9))))


def make_failing(*failing: int):
    def work(unit: int) -> int:
        if unit in failing:
            raise MemoryError
        return 2 * unit

    return work


def test_an_unexpected_exception_is_the_failure_of_its_unit_alone_on_ray() -> None:
    answers = list(open_engine("ray", 2).run(functools.partial(make_failing, 2), list(range(5))))
    assert {answer.unit: answer.failed for answer in answers} == {unit: unit == 2 for unit in range(5)}
    with pytest.raises(WorkerError, match="6 units of work failed"):
        list(open_engine("ray", 2).run(functools.partial(make_failing, *range(50)), list(range(50))))


def make_stalling():
    def work(unit: int) -> int:
        if unit == 1:
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            signal.sigwait({signal.SIGALRM})
        return 2 * unit

    return work


def test_a_unit_without_progress_is_given_up_on_ray() -> None:
    answers = list(open_engine("ray", 2, deadline=1.0).run(make_stalling, list(range(3))))
    assert {answer.unit: answer.result for answer in answers} == {0: 0, 1: None, 2: 4}


def test_actors_are_spread_over_all_nodes_and_as_many_as_the_cluster_has_processors() -> None:
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2})
    try:
        for _ in range(2):
            cluster.add_node(num_cpus=2)
        ray.init(address=cluster.address, log_to_driver=False, configure_logging=False)
        answers = list(open_engine("ray").run(make_locator, list(range(24))))
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert len({answer.result for answer in answers}) == 3


def make_locator():
    import ray

    node = ray.get_runtime_context().get_node_id()

    def work(unit: int) -> str:
        time.sleep(0.3)
        return node

    return work


def test_an_error_raised_on_purpose_reaches_the_caller_from_ray() -> None:
    with pytest.raises(HearsightError, match="unit 7: refused"):
        list(open_engine("ray", 1).run(make_refuser, [7]))


def test_without_ray_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(MissingExtraError, match=r"wanted the extra 'ray'"):
        open_engine("ray", 1)
