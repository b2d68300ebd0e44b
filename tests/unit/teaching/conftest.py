from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.listening.listener import load
from hearsight.teaching.teach import teach
from tests.support.teaching import write_examples, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def examples(tmp_path_factory) -> Path:
    return write_examples(tmp_path_factory.mktemp("examples"))


@pytest.fixture(scope="session")
def taught(model, examples, tmp_path_factory):
    out = tmp_path_factory.mktemp("taught") / "new"
    return teach([examples], out, model=model), load(out, device="cpu")
