"""A study from videos to its report: shared datasets and runs, failing cells, and going on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hearsight.errors import RunError, UsageError
from hearsight.files import lock, make_folder
from hearsight.studies.run import LOCK, StudyInputs, parse_teachers, run_study
from tests.support.processes import run_command
from tests.support.videos import write_clip, write_folder

STUDY = """
title = "Trained and fresh"
seeds = 2
[build]
vision = []
audio = ["{ear}"]
[mix]
clips = 30
[train]
recipe = "mixtures"
model = "wu-mlp"
options = { width = 0.05 }
batch_size = 8
max_steps = 4
[evaluate]
hyperparameter = 1.0
resamples = 200
[[axes]]
name = "weights"
reference = "fresh"
[axes.values.trained]
[axes.values.fresh]
score = "untrained:wu-mlp,width=0.05"
[axes.values.broken]
train.options = { no_such_option = 1 }
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("study")
    write_folder(folder / "videos", 4)
    for label, name in enumerate(("one", "two")):
        (folder / "sounds" / name).mkdir(parents=True)
        for number in range(5):
            write_clip(folder / "sounds" / name / f"{number}.mp4", 1.5, seed=100 * label + number)
    (folder / "study.toml").write_text(STUDY)
    return folder


def make_inputs(place: Path) -> StudyInputs:
    return StudyInputs((str(place / "videos"),), (f"folder={place / 'sounds'}",), {"ear": "clusters:k=4"})


def test_a_study_trains_scores_and_reports_and_its_second_run_does_nothing_anew(place, monkeypatch):
    monkeypatch.setenv("HEARSIGHT_CACHE", str(place / "cache"))
    out = place / "out"
    arguments = (
        "study", place / "study.toml", "--sources", place / "videos", "--benchmark", f"folder={place / 'sounds'}",
        "--teacher", "ear=clusters:k=4", "--out", out, "--json",
    )  # fmt: skip
    done = run_command(*arguments)
    assert done.returncode == 4, done.stderr
    assert "2 cells failed: broken: seed 0: " in done.stderr
    rows = {tuple(row["values"]): row for row in json.loads(done.stdout)["rows"]}
    assert len(rows["trained",]["runs"]) == len(rows["fresh",]["runs"]) == 2
    assert set(rows["trained",]["differences"]) == {"weights"}
    assert len(rows["broken",]["failures"]) == 2
    assert len(list((out / "datasets").iterdir())) == 2
    assert (out / "report.md").exists()
    stamps = {path: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    assert len(stamps) == 8
    again = run_study(place / "study.toml", out, make_inputs(place))
    assert {path: path.stat().st_mtime_ns for path in (out / "cells").iterdir()} == stamps
    assert [row.as_json() for row in again.rows] == json.loads(done.stdout)["rows"]
    # a cell without its record is made from the run that is there, with the same scores
    next(path for path in stamps if path.suffix == ".json").unlink()
    assert [row.as_json() for row in run_study(place / "study.toml", out, make_inputs(place)).rows] == [
        row.as_json() for row in again.rows
    ]


def test_a_study_is_refused_before_anything_is_made(place):
    inputs = make_inputs(place)
    with pytest.raises(UsageError, match="0 benchmarks"):
        run_study(place / "study.toml", place / "refused", StudyInputs(inputs.sources, (), inputs.teachers))
    with pytest.raises(UsageError, match="0 sources of videos"):
        run_study(place / "study.toml", place / "refused", StudyInputs((), inputs.benchmarks, inputs.teachers))
    assert not (place / "refused").exists()


def test_two_studies_in_one_folder_are_refused(place):
    make_folder(place / "busy")
    with lock(place / "busy" / LOCK), pytest.raises(RunError, match="another process runs a study here"):
        run_study(place / "study.toml", place / "busy", make_inputs(place))


@pytest.mark.parametrize("specs", [["ear"], ["=clusters:k=4"], ["ear=clusters"], ["a=b:c", "a=b:d"]])
def test_teachers_of_another_form_are_refused(specs):
    with pytest.raises(UsageError, match="--teacher"):
        parse_teachers(specs)
