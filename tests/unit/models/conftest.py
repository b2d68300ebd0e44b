from __future__ import annotations

import pytest

from hearsight.models.network import Network
from hearsight.models.zoo import build_network


@pytest.fixture
def tiny() -> Network:
    """A network of the zoo, narrow enough for tests, in evaluation mode."""
    return build_network("jia-mobilenet-v2", 7, seed=0, width=0.1).eval()
