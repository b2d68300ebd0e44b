from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from hearsight.errors import UsageError
from hearsight.models.ghost import build_ghost
from hearsight.models.zoo import NETWORKS, build_network


@pytest.mark.parametrize("name", ["jia-mobilenet-v2", "wu-bgru-att", "soundnet-5", "hearsight-conv-4"])
def test_a_ghost_has_the_shapes_of_the_network_and_no_memory(name: str) -> None:
    ghost, network = build_ghost(name, 3), build_network(name, 3)
    assert {key: (one.shape, one.dtype) for key, one in ghost.state_dict().items()} == {
        key: (one.shape, one.dtype) for key, one in network.state_dict().items()
    }
    assert all(one.is_meta for one in ghost.parameters())


def test_drawing_is_as_ever_after_a_ghost() -> None:
    build_ghost("hearsight-conv-4", 3)
    assert torch.empty(4).normal_().std() > 0.0
    assert torch.nn.Linear(3, 4).weight.std() > 0.0


def test_what_is_no_network_is_no_ghost() -> None:
    with pytest.raises(UsageError, match="a network of the zoo"):
        build_ghost("hearsight-conf-4", 3)


def test_no_ghost_loads_the_compiler() -> None:
    """Torch's compiler takes three seconds to import, and would be at the start of every command that loads a model."""
    lines = [
        "import sys",
        "from hearsight.models.ghost import build_ghost",
        f"for name in {list(NETWORKS)}: build_ghost(name, 3)",
        "print('torch._dynamo' in sys.modules)",
    ]
    answer = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
