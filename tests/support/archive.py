"""An index of a few recordings, made once, for tests of what is searched, taught and reviewed behind a server."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hearsight.listening.recordings import find_recordings
from hearsight.search.build import IndexOptions, index_recordings
from hearsight.search.metadata import read_metadata

RATE = 16_000
SOUNDS = {"low": 300.0, "middle": 1500.0, "high": 5000.0}
"""Hz of the tone in each recording."""


def make_tone(hertz: float, seconds: float = 3.0, seed: int = 0) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    noise = 0.01 * np.random.default_rng(seed).standard_normal(len(time))
    return (0.4 * np.sin(2 * np.pi * hertz * time) + noise).astype(np.float32)


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a recording per tone, and two more of each in ``more/``."""
    folder = tmp_path_factory.mktemp("sounds")
    (folder / "more").mkdir()
    for name, hertz in SOUNDS.items():
        soundfile.write(folder / f"{name}.wav", make_tone(hertz), RATE)
        for number in range(2):
            soundfile.write(folder / "more" / f"{name}-{number}.wav", make_tone(hertz * 1.03, 2.0, 1 + number), RATE)
    return folder


@pytest.fixture(scope="session")
def index(run: Path, sounds: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index of these recordings, with a column ``site``."""
    folder = tmp_path_factory.mktemp("indexed")
    table = folder / "sites.csv"
    lines = [f"{name}.wav,{'north' if name == 'low' else 'south'}" for name in SOUNDS]
    table.write_text("file,site\n" + "\n".join(lines) + "\n")
    out = folder / "index"
    index_recordings(str(run), find_recordings([sounds], []), out, IndexOptions(map=True), read_metadata(table))
    return out
