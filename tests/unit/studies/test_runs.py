from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsight.errors import InputError, UsageError
from hearsight.evaluation.clip_scores import keep_score
from hearsight.evaluation.evaluate import evaluate
from hearsight.metrics.intervals import bootstrap_interval
from hearsight.studies.runs import COLUMNS, COMPARED, compare_runs, draw_runs, list_runs
from hearsight.training import epoch as epoch_module
from hearsight.training.loop import train
from hearsight.training.run.folder import lock_run
from tests.support.layouts import write_sound
from tests.support.training import FakeDataset, make_config

CONFIG = {"model": "hearsight-conv-4", "options": {"width": 0.1}, "epochs": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs that differ by their seed, and one that was interrupted at the end of its second epoch."""
    folder = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        train(FakeDataset(), folder / "pair" / f"seed-{seed}", make_config(**CONFIG, seed=seed))
    whole, calls = epoch_module.validate, []

    def stop(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return whole(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(epoch_module, "validate", stop)
        with pytest.raises(KeyboardInterrupt):
            train(FakeDataset(), folder / "stopped", make_config(**CONFIG))
    return folder


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    for label, name in enumerate(("high", "low")):
        (tmp_path / "sounds" / name).mkdir(parents=True)
        for number in range(10):
            write_sound(tmp_path / "sounds" / name / f"{number}.wav", label, number, 1.2)
    return tmp_path / "sounds"


def test_runs_are_found_wherever_they_are_and_described_in_every_state(folder: Path) -> None:
    found = {run.name: run for run in list_runs([folder])}
    assert list(found) == ["pair/seed-0", "pair/seed-1", "stopped"]
    row = dict(zip(COLUMNS, found["pair/seed-1"].row(), strict=True))
    assert (row["network"], row["recipe"], row["steps"], row["state"]) == (
        "hearsight-conv-4",
        "jia2019",
        "10 of 10",
        "finished",
    )
    assert float(row["best mAP"]) > 0.0
    assert dict(zip(COLUMNS, found["stopped"].row(), strict=True))["state"] == "interrupted"
    with lock_run(folder / "stopped"):
        (state,) = (run.state for run in list_runs([folder / "stopped"]))
    assert state is not None
    assert state.progress == "training"
    assert (state.epochs, state.step, state.planned_steps) == (1, 10, 10)
    assert "within epoch 2, at step 10 of 10" in state.describe()


def test_a_damaged_run_is_listed_with_its_reason(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "pair" / "seed-0", tmp_path / "run")
    (tmp_path / "run" / "run.json").write_text("{")
    (run,) = list_runs([tmp_path])
    assert run.row()[7].startswith("unreadable: ")
    assert run.as_json()["state"] is None
    with pytest.raises(InputError, match="no such folder"):
        list_runs([tmp_path / "absent"])
    with pytest.raises(InputError, match="1 runs, none of which"):
        draw_runs([run])


def test_scores_on_the_same_clips_are_compared_in_pairs(folder: Path, tmp_path: Path, sounds: Path) -> None:
    kept = []
    for seed in (0, 1):
        run = shutil.copytree(folder / "pair" / f"seed-{seed}", tmp_path / "runs" / f"seed-{seed}")
        kept.append(evaluate(run, f"folder={sounds}", probe="knn", hyperparameter=1.0, cache=False, seed=seed))
        keep_score(run, kept[-1])
    runs = list_runs([tmp_path / "runs"])
    (difference,) = compare_runs(runs, tmp_path / "runs" / "seed-0")
    values = kept[1].score.hits.astype(float) - kept[0].score.hits
    assert difference.run == "seed-1"
    assert difference.difference == pytest.approx(kept[1].accuracy - kept[0].accuracy)
    assert difference.interval == bootstrap_interval(values[None], kept[0].clips.folds)
    assert dict(zip(COMPARED, difference.row(), strict=True))["clips"] == "20"
    other = dataclasses.replace(kept[1], clips=dataclasses.replace(kept[1].clips, clips=kept[1].clips.clips[::-1]))
    keep_score(tmp_path / "runs" / "seed-1", other)
    with pytest.raises(UsageError, match=r"with folder-knn \d+\.\d %, wanted another run with one on the same clips"):
        compare_runs(list_runs([tmp_path / "runs"]), tmp_path / "runs" / "seed-0")


def rewrite(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_score_of_what_a_run_no_longer_is_is_marked_and_not_compared(
    folder: Path, tmp_path: Path, sounds: Path
) -> None:
    runs = tmp_path / "runs"
    for seed in (0, 1):
        run = shutil.copytree(folder / "pair" / f"seed-{seed}", runs / f"seed-{seed}")
        score = keep_score(run, evaluate(run, f"folder={sounds}", probe="knn", hyperparameter=1.0, cache=False))
    own = dict(json.loads(score.read_text()))
    assert len(compare_runs(list_runs([runs]), runs / "seed-0")) == 1
    place = list(COLUMNS).index("scores")
    for changes, why in (
        ({"hearsight_version": "0.0.9"}, "(scored by hearsight 0.0.9)"),
        ({"hearsight_version": None}, "(scored by an unknown version)"),
        ({"weights_sha256": "0" * 64}, "(of other weights)"),
        ({"pool": "max"}, ""),
    ):
        score.write_text(json.dumps({**own, **changes}))
        cell = list_runs([runs])[1].row()[place]
        assert cell.startswith("folder-knn ")
        assert cell.endswith(why or " %")
        for base in ("seed-0", "seed-1"):
            with pytest.raises(UsageError, match="scored in the same way"):
                compare_runs(list_runs([runs]), runs / base)
    score.write_text(json.dumps(own))
    rewrite(runs / "seed-1" / "config.json", weights_sha256="1" * 64)  # trained on, or replaced
    assert list_runs([runs])[1].row()[place].endswith("(of other weights)")


def test_learning_curves_have_a_line_for_each_run(folder: Path) -> None:
    figure = draw_runs([run for run in list_runs([folder]) if run.name.startswith("pair")])
    losses, precisions = figure.axes
    assert [line.get_label() for line in losses.lines] == ["pair/seed-0", "pair/seed-1"]
    np.testing.assert_array_equal(losses.lines[0].get_xdata(), [5, 10])
    assert len(precisions.lines) == 2
