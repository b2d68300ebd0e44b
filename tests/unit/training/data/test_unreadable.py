from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from hearsight.dataset.layout import Layout
from hearsight.dataset.reader import Dataset
from hearsight.errors import DatasetError
from hearsight.training.data.dataset import name_clips
from hearsight.training.data.unreadable import MOST_IN_A_ROW, Unreadable
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from tests.support.datasets import InventedClip, InventedTeacher, write_dataset
from tests.support.training import make_config


def fail() -> None:
    raise DatasetError("shard", "damaged", "whole")


def test_a_damaged_file_is_reported_once_and_too_many_in_a_row_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    reader = Unreadable("left out", skip=True)
    for _ in range(MOST_IN_A_ROW):
        assert not reader.attempt(fail)
    assert reader.attempt(lambda: None)
    assert not reader.attempt(fail)
    assert capsys.readouterr().err == "warning: shard: damaged, wanted whole; left out\n"
    for _ in range(MOST_IN_A_ROW - 1):
        assert not reader.attempt(fail)
    strict = Unreadable("left out", skip=False)
    for each in (reader, strict):
        with pytest.raises(DatasetError):
            each.attempt(fail)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards, the first with all validation clips."""
    clips = [InventedClip(f"{number}.mp4", {"ear": {number % 2: 0.9}}) for number in range(24)]
    teachers = [InventedTeacher("ear", "audio", ["hum", "hiss"])]
    return write_dataset(tmp_path_factory.mktemp("whole") / "dataset", teachers, clips, seconds=2.0)


def test_clips_are_named_by_their_uuids_shard_by_shard(folder: Path) -> None:
    dataset = Dataset(folder)
    uuids = dataset.clips().column("uuid").to_pylist()
    assert dataset.name_clips(range(len(dataset))) == uuids
    assert name_clips(dataset, [20, 3, 1, 8, 2, 0]) == f"{uuids[20]}, {uuids[3]}, {uuids[1]}, {uuids[8]} and 2 more"


def damage(folder: Path, shard: int, copy: Path) -> Path:
    """Copy a dataset, and change a bit of a shard, which is found when its sound is first read."""
    path = Layout(shutil.copytree(folder, copy)).audio(shard)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    return copy


CONFIG = {"model": "wu-mlp", "options": {"width": 0.05}, "epochs": 1, "batch_size": 4, "log_every": 1}


@pytest.mark.parametrize("shard", [0, 1])
def test_training_goes_on_without_a_damaged_shard_and_says_so(
    shard: int, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(Dataset(folder).indices("validation")) > 0
    train(damage(folder, shard, tmp_path / "dataset"), tmp_path / "run", make_config(**CONFIG, bad_clips="skip"))
    printed = capsys.readouterr().err
    assert printed.count("damaged: its SHA-256 differs") == printed.count("another clip is taken in place") + (
        shard == 0
    )
    assert ("its clips are not scored" in printed) == (shard == 0)
    epoch = read_runlog(tmp_path / "run")[-1]
    assert (epoch["validation_num_clips"] == 0) == (shard == 0)
    assert 0.0 < epoch["loss"] < 2.0


def test_training_stops_at_a_damaged_shard_saves_the_state_and_continues_without_it(
    folder: Path, tmp_path: Path
) -> None:
    damaged, stopped = damage(folder, 1, tmp_path / "dataset"), tmp_path / "stopped"
    with pytest.raises(DatasetError, match="damaged: its SHA-256 differs"):
        train(damaged, stopped, make_config(**{**CONFIG, "batch_size": 2}, seed=3))
    saved = [path.name for path in (stopped / "checkpoints").iterdir()]
    train(damaged, stopped, make_config(**{**CONFIG, "batch_size": 2}, seed=3, bad_clips="skip"))
    train(damaged, tmp_path / "whole", make_config(**{**CONFIG, "batch_size": 2}, seed=3, bad_clips="skip"))
    losses = [[line["loss"] for line in read_runlog(run)[1:]] for run in (stopped, tmp_path / "whole")]
    np.testing.assert_array_equal(*losses)
    assert saved == ["step-00000002"]
