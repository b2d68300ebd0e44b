from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsight.config import TrainConfig
from hearsight.errors import BenchmarkError, InputError, RunError, UsageError
from hearsight.evaluation.clip_scores import list_scores, read_clip_scores
from hearsight.evaluation.finetuning import finetune
from hearsight.listening.listener import load
from hearsight.models.checkpoint import load_checkpoint, save_checkpoint
from hearsight.models.zoo import build_network

KNOBS = {"recipe": "finetune", "epochs": 6, "batch_size": 4, "learning_rate": 5e-3, "threads": 1, "device": "cpu"}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    network = build_network("hearsight-conv-4", 2, seed=5, width=0.25)
    save_checkpoint(network, tmp_path / "run", vocabulary=["a", "high"], training={"epochs": 1})
    return tmp_path / "run"


@pytest.fixture
def sounds(make_folder) -> Path:
    folder = make_folder({"high": 6, "low": 6})
    lines = [f"{label}/{number}.wav,{label},{number % 3}" for label in ("high", "low") for number in range(6)]
    (folder / "folds.csv").write_text("\n".join(["path,label,fold", *lines]) + "\n")
    return folder


def test_a_network_gets_the_classes_of_labelled_sounds_and_a_score_of_clips_it_never_saw(
    run: Path, sounds: Path, tmp_path: Path
) -> None:
    summary = finetune(str(run), str(sounds), tmp_path / "tuned", TrainConfig.parse(KNOBS, "test"), fold=1)
    score = summary.score
    assert score is not None
    assert (score.num_clips, len(score.folds), score.finetune_epochs) == (4, 1, 6)
    assert score.accuracy == 1.0
    assert score.interval[0] <= score.accuracy <= score.interval[1]
    network, info = load_checkpoint(tmp_path / "tuned")
    assert info.vocabulary == ("high", "low")
    assert network.heads == (2,)
    assert info.training["begun_with"]["kept_classes"] == 1
    assert "machine teachers" not in (tmp_path / "tuned" / "README.md").read_text()
    tags = load(tmp_path / "tuned").tag(sounds / "low" / "1.wav", top=1)
    assert {tag.name for tag in tags} == {"low"}
    (kept,) = list_scores(tmp_path / "tuned")
    assert (kept.name, kept.accuracy) == ("folder-finetune", 1.0)
    assert json.loads(kept.path.read_text())["finetune_epochs"] == 6
    rows = read_clip_scores(kept.path.with_suffix(".npz"), "")
    np.testing.assert_array_equal(rows.hits, [True] * 4)
    assert any("accuracy 100.0 %" in line for line in summary.describe())


def test_the_same_call_does_nothing_twice_and_another_fold_needs_another_folder(
    run: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TrainConfig.parse({**KNOBS, "epochs": 1}, "test")
    first = finetune(str(run), f"folder={sounds}", tmp_path / "tuned", config)
    again = finetune(str(run), f"folder={sounds}", tmp_path / "tuned", config)
    assert first.training.loss == again.training.loss
    assert first.score is not None
    assert again.score is not None
    assert first.score.accuracy == again.score.accuracy
    with pytest.raises(RunError, match="the dataset is"):
        finetune(str(run), f"folder={sounds}", tmp_path / "tuned", config, fold=2)
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setattr("hearsight.evaluation.finetuning.train", lambda *_: first.training)
    assert finetune(str(run), f"folder={sounds}", tmp_path / "tuned", config).score is None


def test_clips_that_cannot_be_read_are_named_and_left_out(
    run: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sounds / "high" / "0.wav").write_bytes(b"no sound")
    said: list[str] = []
    monkeypatch.setattr("hearsight.evaluation.finetuning.print_message", said.append)
    config = TrainConfig.parse({**KNOBS, "epochs": 1}, "test")
    summary = finetune(str(run), str(sounds), tmp_path / "tuned", config)
    assert summary.training.num_clips == 8
    assert "1 of 12 clips cannot be read, and are left out: high/0.wav" in said[0]


def test_a_fold_that_is_not_there_and_a_folder_without_classes_are_refused(
    run: Path, sounds: Path, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="one of 0, 1, 2"):
        finetune(str(run), str(sounds), tmp_path / "tuned", fold=7)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BenchmarkError, match="no sub-folders"):
        finetune(str(run), str(tmp_path / "empty"), tmp_path / "tuned")
    assert not (tmp_path / "tuned").exists()


def test_a_damaged_score_is_named(tmp_path: Path) -> None:
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "esc10-linear.json").write_text('{"accuracy": "high"}')
    with pytest.raises(InputError, match=r"esc10-linear\.json: accuracy 'high'"):
        list_scores(tmp_path)
    with pytest.raises(InputError, match="no scores of clips"):
        read_clip_scores(tmp_path / "scores" / "esc10-linear.npz", "score it again")


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 cut", "flipped", os.mkfifo])
def test_damaged_scores_are_named_whatever_the_damage(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "scores.npz"
    np.savez(path, shape=np.array([1, 2]), clips=np.array("digest"), hits=np.zeros(64))
    content = bytearray(path.read_bytes())
    path.unlink()
    if callable(damage):
        damage(path)
    else:
        content[200] ^= 4
        path.write_bytes(content if damage == "flipped" else damage)
    with pytest.raises(InputError, match=r"scores\.npz: no scores of clips"):
        read_clip_scores(path, "score it again")


def test_a_folder_of_recordings_and_the_choice_of_an_epoch_by_what_is_scored_are_refused(
    run: Path, sounds: Path, tmp_path: Path
) -> None:
    before = sorted(sounds.rglob("*"))
    with pytest.raises(UsageError, match=r"a folder with .*, wanted a new or empty folder, or a run"):
        finetune(str(run), str(sounds), sounds, TrainConfig.parse(KNOBS, "test"), fold=1)
    assert sorted(sounds.rglob("*")) == before
    best = TrainConfig.parse({**KNOBS, "deliver": "best"}, "test")
    with pytest.raises(UsageError, match="would choose the epoch by the clips that are scored, wanted deliver = last"):
        finetune(str(run), str(sounds), tmp_path / "best", best, fold=1)
    assert not (tmp_path / "best").exists()
