"""The examples in the docstrings of the top-level names run, in a folder with the files that they name."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest
import soundfile

import hearsight
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.zoo import build_network
from tests.support.videos import make_waveform, write_folder

NAMES = sorted(name for name in hearsight.__all__ if not name.startswith("_"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write videos, a dataset, a run, a recording and labelled sounds under the names that the examples use."""
    folder = tmp_path_factory.mktemp("docstrings")
    write_folder(folder / "videos", 3)
    hearsight.build_dataset([folder / "videos"], folder / "dataset", workers=1)
    network = build_network("hearsight-conv-4", 3, seed=0, width=0.5)
    save_checkpoint(network, folder / "run", vocabulary=("bark", "rain", "bell"))
    soundfile.write(folder / "recording.wav", make_waveform(2.5, 0), 16_000)
    for label, pitch in (("low", 220.0), ("high", 1760.0)):
        (folder / "sounds" / label).mkdir(parents=True)
        for number in range(10):
            wave = 0.2 * np.sin(2.0 * np.pi * (pitch + 10.0 * number) * np.arange(16_000) / 16_000)
            soundfile.write(folder / "sounds" / label / f"{number}.wav", wave, 16_000)
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_top_level_name_has_an_example_that_runs(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HEARSIGHT_CACHE", str(folder / "cache"))
    value = getattr(hearsight, name)
    found = doctest.DocTestFinder(recurse=False).find(value, name, globs={"hearsight": hearsight})
    examples = [example for test in found for example in test.examples]
    assert examples, f"hearsight.{name} has no example in its docstring"
    assert not [example for example in examples if doctest.SKIP in example.options]
    report: list[str] = []
    for test in found:
        doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=report.append)
    assert not report, "".join(report)
