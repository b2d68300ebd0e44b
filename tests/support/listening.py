"""Fixtures of the tests that run a trained network: a tiny run, its listener, and a writer of sound files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.listening.listener import Listener, load
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network

NAMES = ("bark", "rain", "bell")


@pytest.fixture(scope="session")
def run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    save_checkpoint(build_network("jia-mobilenet-v2", 3, seed=0, width=0.25), folder, vocabulary=NAMES)
    return folder


@pytest.fixture(scope="session")
def listener(run) -> Listener:
    return load(run, device="cpu")


@pytest.fixture
def write_sound(tmp_path):
    def write(name: str, seconds: float, sample_rate: int = 16_000, channels: int = 1, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        samples = 0.1 * rng.standard_normal((round(seconds * sample_rate), channels))
        path = tmp_path / name
        soundfile.write(
            path, samples.astype(np.float32), sample_rate, subtype="FLOAT" if name.endswith("wav") else None
        )
        return path

    return write
