"""A build on a Ray cluster of two nodes ends in the bytes of a local one, whatever dies meanwhile."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from hearsight.config import BuildConfig, load_config
from hearsight.console import ProgressEvent
from hearsight.dataset.build import build_dataset
from tests.support.faulty import install_faulty_teacher, write_loud_clip
from tests.support.processes import digest_tree
from tests.support.videos import write_clip

pytestmark = [
    pytest.mark.slow,
    # Ray itself leaves sockets and files to the interpreter's end.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray", "ignore::DeprecationWarning"),
]

CONFIG = load_config(
    BuildConfig, "build", None, ['vision=["clusters:k=4"]', 'audio=["faulty:x"]', "shard_clips=3", "policy.audio_top=2"]
)
NUM_QUIET = 6


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for seed in range(NUM_QUIET):
        write_clip(folder / f"quiet-{seed}.mp4", 8.0, seed)
    write_loud_clip(folder / "loud.mp4", 8.0)
    return folder


@pytest.fixture
def build(videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that builds with a fault, by an engine."""
    install_faulty_teacher(tmp_path / "site", monkeypatch)
    # actors have the path of their node, not that of the driver
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "site"), str(Path(__file__).parents[2])]))

    def run(name: str, engine: str, fault: str = "", **options: Any) -> Path:
        monkeypatch.setenv("FAULT", fault)
        build_dataset([videos], tmp_path / name, CONFIG, workers=2, engine=engine, **options)
        return tmp_path / name

    return run


@pytest.fixture
def cluster() -> Iterator[Callable[[], Any]]:
    """Return a function that starts a cluster of two nodes on this machine, with the environment of that moment."""
    ray = pytest.importorskip("ray", reason="the extra 'ray' is not installed")
    from ray.cluster_utils import Cluster

    started: list[Any] = []

    def start() -> Any:
        started.append(Cluster(initialize_head=True, head_node_args={"num_cpus": 1}))
        started[0].second = started[0].add_node(num_cpus=1)
        ray.init(address=started[0].address, log_to_driver=False, configure_logging=False)
        return started[0]

    yield start
    ray.shutdown()
    for one in started:
        one.shutdown()


def list_reasons(dataset: Path) -> dict[str, str]:
    rows = pq.read_table(dataset / "rejected.parquet").to_pylist()
    return {Path(row["path"]).name: row["reason"] for row in rows}


def test_a_node_that_dies_costs_no_file_and_the_bytes_are_those_of_a_local_build(
    build: Callable[..., Path], cluster: Callable[[], Any]
) -> None:
    reference = digest_tree(build("local", "local"))
    nodes = cluster()
    killed: list[int] = []

    def kill_node(event: ProgressEvent) -> None:
        if event.stage == "labelling" and event.done >= 1 and not killed:
            killed.append(event.done)
            nodes.remove_node(nodes.second, allow_graceful=False)

    assert digest_tree(build("ray", "ray", progress=kill_node)) == reference
    assert killed
    assert killed[0] < NUM_QUIET


def test_an_actor_that_is_killed_costs_no_file(
    build: Callable[..., Path], cluster: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference, fault = digest_tree(build("local", "local")), f"kill-once {tmp_path / 'killed'}"
    monkeypatch.setenv("FAULT", fault)
    cluster()
    assert digest_tree(build("ray", "ray", fault)) == reference
    assert (tmp_path / "killed").exists()


def test_a_file_that_kills_its_actors_is_rejected_and_the_others_are_the_dataset(
    build: Callable[..., Path], cluster: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    local = build("local", "local", "segfault")
    monkeypatch.setenv("FAULT", "segfault")
    cluster()
    remote = build("ray", "ray", "segfault")
    assert list_reasons(remote) == list_reasons(local) == {"loud.mp4": "crashed"}
    kinds = ("audio", "clips", "labels")
    found, wanted = (
        {name: one for name, one in digest_tree(folder).items() if name.startswith(kinds)} for folder in (remote, local)
    )
    assert found == wanted
    assert found
