from __future__ import annotations

import socket

import pytest
import torch

from hearsight.errors import MachineError, UsageError
from hearsight.training.group import SOLO, join_group, read_places


@pytest.fixture(autouse=True)
def places(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_USE_AGENT_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEARSIGHT_JOIN_SECONDS", "0.3")
    return monkeypatch


def find_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_a_process_alone_is_a_group_of_one() -> None:
    with join_group("cpu") as group:
        assert (group.rank, group.size, group.is_leader) == (0, 1, True)
        value = torch.ones(2)
        group.add([value])
        group.wait()
        assert group.share("word", 3) == 3
        assert value.tolist() == [1.0, 1.0]
    assert group is SOLO


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"RANK": "2", "WORLD_SIZE": "2"}, "RANK: 2 with WORLD_SIZE 2, wanted 0 to 1"),
        ({"RANK": "one", "WORLD_SIZE": "2"}, "RANK: 'one', wanted a number"),
        ({"RANK": "0", "WORLD_SIZE": "2"}, "MASTER_ADDR '' and MASTER_PORT ''"),
    ],
)
def test_an_incomplete_environment_is_named(places: pytest.MonkeyPatch, values: dict[str, str], match: str) -> None:
    for name, value in values.items():
        places.setenv(name, value)
    with pytest.raises(UsageError, match=match), join_group("cpu"):
        pass


def set_places(places: pytest.MonkeyPatch, port: int, rank: int = 0) -> None:
    for name, value in {"RANK": rank, "WORLD_SIZE": 3, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}.items():
        places.setenv(name, str(value))


def test_a_process_that_never_comes_is_named(places: pytest.MonkeyPatch) -> None:
    set_places(places, find_port())
    with pytest.raises(MachineError, match=r"after 0\.3 s, process 1, 2 has not come"), join_group("cpu"):
        pass


def test_a_leader_that_never_comes_is_named(places: pytest.MonkeyPatch) -> None:
    set_places(places, find_port(), rank=1)
    with pytest.raises(MachineError, match="process 0 cannot be reached"), join_group("cpu"):
        pass


def test_a_port_in_use_is_named(places: pytest.MonkeyPatch) -> None:
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        set_places(places, used.getsockname()[1])
        with pytest.raises(UsageError, match=r"MASTER_PORT: port \d+ is in use"), join_group("cpu"):
            pass


def test_the_place_on_this_machine_is_the_rank_unless_it_is_given(places: pytest.MonkeyPatch) -> None:
    places.setenv("RANK", "3")
    places.setenv("WORLD_SIZE", "8")
    assert read_places() == (3, 8, 3)
    places.setenv("LOCAL_RANK", "1")
    assert read_places() == (3, 8, 1)
