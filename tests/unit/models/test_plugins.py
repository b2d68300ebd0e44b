"""Networks of other packages, by a fake entry point."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import pytest
import torch

from hearsight.models import plugins
from hearsight.models.architectures.conv4 import build_hearsight_conv_4
from hearsight.models.checkpoint import load_checkpoint, save_checkpoint
from hearsight.models.plugins import load_plugins
from hearsight.models.row import NetworkRow
from hearsight.models.zoo import NETWORKS, build_network

ROW = NetworkRow("other-conv", "Other 2026", "Table 1", build_hearsight_conv_4, "log-mel", 2)


class FakeEntryPoint:
    """Stands for what a package declares in its ``pyproject.toml``."""

    dist = None
    value = "other.networks:NETWORKS"

    def __init__(self, offered: Any) -> None:
        self.offered = offered

    def load(self) -> Any:
        if isinstance(self.offered, Exception):
            raise self.offered
        return self.offered


def declare(monkeypatch: pytest.MonkeyPatch, *offered: Any) -> None:
    def entry_points(*, group: str) -> list[FakeEntryPoint]:
        assert group == "hearsight.networks"
        return [FakeEntryPoint(one) for one in offered]

    monkeypatch.setattr(importlib.metadata, "entry_points", entry_points)
    assert plugins.importlib.metadata.entry_points is entry_points


def test_a_network_of_another_package_is_built_saved_and_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    declare(monkeypatch, ROW)
    (row,) = load_plugins(NETWORKS)
    monkeypatch.setitem(NETWORKS, row.name, row)
    network = build_network("other-conv", 2, seed=0, width=0.1)
    save_checkpoint(network, tmp_path, vocabulary=("a", "b"))
    loaded, info = load_checkpoint(tmp_path)
    assert (info.name, info.options) == ("other-conv", {"width": 0.1})
    sound = torch.zeros(1, 16_000)
    assert torch.equal(loaded(sound).logits, network.eval()(sound).logits)


def test_several_networks_may_be_offered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, (ROW,), [])
    assert load_plugins(NETWORKS) == [ROW]


@pytest.mark.parametrize(
    ("offered", "told"),
    [
        (ImportError("no module named other"), "no module named other"),
        ("conv", "a str is offered"),
        (7, "not iterable"),
        (NetworkRow("wu-mlp", "", "", build_hearsight_conv_4, "", 2), "the name 'wu-mlp' is taken"),
    ],
)
def test_a_package_that_offers_something_else_is_named_and_left_out(
    offered: Any, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    declare(monkeypatch, offered, ROW)
    assert load_plugins(NETWORKS) == [ROW]
    printed = capsys.readouterr().err
    assert "networks of the package other.networks:NETWORKS are left out" in printed
    assert told in printed
