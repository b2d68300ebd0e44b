from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from hearsight.errors import UsageError
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.zoo import NETWORKS, build_network


@pytest.mark.parametrize("name", ["jia-mobilenet-v2", "wu-bgru-att", "soundnet-5", "hearsight-conv-4"])
def test_a_network_on_the_meta_device_has_its_shapes_and_no_memory(name: str) -> None:
    shapes, network = build_on_meta_device(name, 3), build_network(name, 3)
    assert {key: (one.shape, one.dtype) for key, one in shapes.state_dict().items()} == {
        key: (one.shape, one.dtype) for key, one in network.state_dict().items()
    }
    assert all(one.is_meta for one in shapes.parameters())


def test_drawing_works_as_before_after_building_on_the_meta_device() -> None:
    build_on_meta_device("hearsight-conv-4", 3)
    assert torch.empty(4).normal_().std() > 0.0
    assert torch.nn.Linear(3, 4).weight.std() > 0.0


def test_an_unknown_network_is_refused() -> None:
    with pytest.raises(UsageError, match="a network of the zoo"):
        build_on_meta_device("hearsight-conf-4", 3)


def test_building_on_the_meta_device_does_not_import_the_compiler() -> None:
    """Torch's compiler takes three seconds to import, and would be at the start of every command that loads a model."""
    lines = [
        "import sys",
        "from hearsight.models.meta_device import build_on_meta_device",
        f"for name in {list(NETWORKS)}: build_on_meta_device(name, 3)",
        "print('torch._dynamo' in sys.modules)",
    ]
    answer = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
