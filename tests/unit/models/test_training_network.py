"""A network on trained embeddings needs the network that they come from."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hearsight.errors import CheckpointError, UsageError
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.training_network import build_training_network, check_training_network
from hearsight.models.zoo import build_network

NAME, WIDTH = "hershey-aed-embedding", 0.03


def save_source(folder: Path, name: str = "hershey-resnet-50", **training: object) -> str:
    network = build_network(name, 3, seed=5, width=WIDTH)
    save_checkpoint(network, folder, vocabulary="abc", training=training)
    return str(folder)


def test_the_trained_layers_of_the_source_are_taken_over(tmp_path: Path) -> None:
    source = save_source(tmp_path, epochs=3)
    network = build_training_network(NAME, 4, {"width": WIDTH, "source": source}, seed=0)
    wanted = build_network("hershey-resnet-50", 3, seed=5, width=WIDTH).trunk.state_dict()
    found = network.trunk.source.state_dict()
    assert all(torch.equal(found[key], value) for key, value in wanted.items())
    assert network.options == {"width": WIDTH}
    assert not any(parameter.requires_grad for parameter in network.trunk.source.parameters())
    check_training_network(NAME, {"width": WIDTH, "source": source})


@pytest.mark.parametrize(
    "build", [check_training_network, lambda name, options: build_training_network(name, 2, options)]
)
def test_without_a_trained_source_it_is_refused(build, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no source of trained layers.*source=RUN"):
        build(NAME, {"width": WIDTH})
    with pytest.raises(UsageError, match="source 7"):
        build(NAME, {"width": WIDTH, "source": 7})
    with pytest.raises(CheckpointError, match="no such folder"):
        build(NAME, {"width": WIDTH, "source": str(tmp_path / "absent")})
    with pytest.raises(CheckpointError, match="an untrained hershey-resnet-50"):
        build(NAME, {"width": WIDTH, "source": save_source(tmp_path / "fresh")})
    with pytest.raises(UsageError, match="hershey-resnet-50 without bottleneck"):
        build(NAME, {"width": WIDTH, "source": save_source(tmp_path / "other", "hershey-fc", epochs=1)})


def test_other_networks_have_no_source() -> None:
    with pytest.raises(UsageError, match=r"option source: source=.*, which is unknown"):
        build_training_network("hershey-fc", 2, {"width": WIDTH, "source": "run"})
    assert build_training_network("hershey-fc", 2, {"width": WIDTH}, seed=0).num_classes == 2
