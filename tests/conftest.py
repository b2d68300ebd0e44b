"""Shape and type checking of the whole package, and the fixtures that every kind of test may use."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Generator
from pathlib import Path

# read when torch loads its runtime: threads that wait for each other sleep, as in the command line
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

# a shell starts background jobs with Ctrl-C ignored, and the processes that tests interrupt would inherit it
signal.signal(signal.SIGINT, signal.default_int_handler)

# there is a process of tests for each processor, and their networks are small: a second thread would wait for the first
torch.set_num_threads(1)

# how long an example takes says how busy the machine is; a test that hangs is stopped by pytest-timeout
settings.register_profile("hearsight", deadline=None)
settings.load_profile("hearsight")

# To beartype, as to Python's type checkers, an int is a float.
install_import_hook("hearsight", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def forked_workers() -> Generator[None]:
    """Fork the worker processes of this process, and of the commands that it runs, from one that has imported everything."""
    from tests.support.workers import close_server, use_server

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        use_server(Path(folder), os.getpid())
        yield
        close_server()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real videos, teachers and benchmarks; tests that ask for it are skipped where it is absent."""
    folder = Path(os.environ.get("HEARSIGHT_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "videos").is_dir():
        pytest.skip(f"no real data at {folder}: set HEARSIGHT_DATA to a folder with videos/, teachers/ and esc10/")
    return folder.resolve()
