from __future__ import annotations

import pytest

from tests.support.training import FakeDataset, SoftDataset


@pytest.fixture
def data() -> FakeDataset:
    return FakeDataset()


@pytest.fixture
def soft() -> SoftDataset:
    return SoftDataset(16, 4)
