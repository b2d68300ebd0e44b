from __future__ import annotations

from pathlib import Path

import pytest

from hearsight.errors import InputError, MachineError
from hearsight.studies import run as run_module
from hearsight.studies.run import StudyInputs, run_study
from tests.support.layouts import write_sound

TRAINED = """
title = "Two widths"
seeds = 1
[build]
vision = []
audio = ["clusters:k=4"]
[train]
model = "wu-mlp"
[[axes]]
name = "width"
reference = "narrow"
[axes.values.narrow]
train.options.width = 0.1
[axes.values.wide]
train.options.width = 0.2
"""
BASELINE = """
title = "A baseline"
seeds = 1
[evaluate]
probe = "knn"
resamples = 100
[[axes]]
name = "model"
reference = "mel"
[axes.values.mel]
score = "baseline:log-mel"
"""


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sounds")
    for label in range(2):
        for number in range(5):
            write_sound(folder / f"class {label}" / f"{number}.wav", label, number)
    return folder


@pytest.mark.parametrize("stage", ["build_dataset", "evaluate"])
def test_a_limit_of_the_machine_ends_a_study_and_a_fault_of_a_cell_does_not(
    stage: str, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "study.toml").write_text(TRAINED if stage == "build_dataset" else BASELINE)
    inputs = StudyInputs((str(sounds),), (f"folder={sounds}",))
    calls: list[str] = []

    def fail(error: Exception) -> None:
        def stop(*_: object, **__: object) -> None:
            calls.append(stage)
            raise error

        monkeypatch.setattr(run_module, stage, stop)

    fail(MachineError(tmp_path, "cannot be written (No space left on device)"))
    with pytest.raises(MachineError, match="No space left"):
        run_study(tmp_path / "study.toml", tmp_path / "out", inputs)
    assert len(calls) == 1
    fail(InputError(tmp_path, "no video"))
    report = run_study(tmp_path / "study.toml", tmp_path / "out", inputs)
    assert len(report.failures) == len(calls) - 1 > 0
