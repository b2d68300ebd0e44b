"""The reference documents every key of models, kept scores and cells of studies."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
from pathlib import Path
from typing import Any

import pytest

from hearsight.evaluation import clip_scores
from hearsight.evaluation.result import Evaluation
from hearsight.models.checkpoint import save_checkpoint
from hearsight.models.checkpoint_config import CheckpointConfig
from hearsight.models.installed import list_installed
from hearsight.models.zoo import build_network
from hearsight.studies import record
from hearsight.studies.cells import Cell
from tools.pages import DOCS, ROOT

PAGE = (DOCS / "reference/models-and-scores.md").read_text(encoding="utf-8")


def find_missing(names: Any) -> list[str]:
    return [name for name in names if f"`{name}`" not in PAGE]


def test_every_key_and_file_of_a_model_is_documented(tmp_path: Path) -> None:
    save_checkpoint(build_network("hearsight-conv-4", 2, seed=0, width=0.1), tmp_path, vocabulary=("a", "b"))
    starter = ROOT / "src/hearsight/models/checkpoints/starter"
    assert [model.name for model in list_installed()] == ["starter"]
    names = [path.name for folder in (tmp_path, starter) for path in folder.iterdir()]
    written = [json.loads((folder / "config.json").read_text()) for folder in (tmp_path, starter)]
    keys = [key for config in written for key in config]
    assert find_missing([*names, *keys, *CheckpointConfig.model_fields, *written[1]["training"]]) == []


def test_every_key_and_array_of_a_score_is_documented() -> None:
    keys = {field.name for field in dataclasses.fields(Evaluation)} - {"clips", "score"}
    tree = ast.parse(inspect.getsource(clip_scores.write_clip_scores))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    (saved,) = [call for call in calls if ast.unparse(call.func) == "np.savez_compressed"]
    arrays = [str(keyword.arg) for keyword in saved.keywords]
    assert len(arrays) == 7
    assert find_missing([*keys, *arrays, "training_clips", "hyperparameters", *clip_scores.CONDITIONS]) == []


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Evaluation:
    """An evaluation of which only the name of the benchmark is written."""
    monkeypatch.setattr(record, "write_clip_scores", lambda path, evaluation: None)
    monkeypatch.setattr(Evaluation, "as_json", lambda self: {})
    made = object.__new__(Evaluation)
    object.__setattr__(made, "benchmark", "esc50")
    return made


def test_every_key_of_a_cell_is_documented(tmp_path: Path, scored: Evaluation) -> None:
    written = record.write_record(tmp_path / "cell.json", ("a",), 0, scored, {}, {"score": ""})
    assert find_missing(json.loads(written.path.read_text())) == []
    assert find_missing({field.name for field in dataclasses.fields(Cell)} & {"values", "seed", "score"}) == []


def test_a_cell_that_another_version_scored_is_scored_again(
    tmp_path: Path, scored: Evaluation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record.write_record(tmp_path / "cell.json", ("a",), 0, scored, {}, {}).path
    assert record.read_record(path) is not None
    monkeypatch.setattr(record, "VERSION", "99.0")
    assert record.read_record(path) is None
    assert "scored by hearsight" in capsys.readouterr().err
