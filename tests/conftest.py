"""Shape and type checking of the whole package, and the fixtures that every kind of test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from jaxtyping import install_import_hook

# To beartype, as to Python's type checkers, an int is a float.
install_import_hook("hearsight", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Give the folder of real videos, teachers and benchmarks; tests that ask for it are skipped where it is absent."""
    folder = Path(os.environ.get("HEARSIGHT_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "videos").is_dir():
        pytest.skip(f"no real data at {folder}: set HEARSIGHT_DATA to a folder with videos/, teachers/ and esc10/")
    return folder.resolve()
