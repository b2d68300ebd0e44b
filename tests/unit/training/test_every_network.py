"""Each network of the zoo goes through the training loop, narrow, on a small dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hearsight.models.checkpoint import load_checkpoint
from hearsight.models.zoo import NETWORKS
from hearsight.training import student
from hearsight.training.batches import Batch
from hearsight.training.loop import train
from hearsight.training.runlog import read_runlog
from tests.support.training import FakeDataset, make_config


@pytest.fixture(scope="module")
def clips() -> FakeDataset:
    return FakeDataset(8, 2, seconds=1.2)


@pytest.mark.parametrize("name", NETWORKS)
def test_two_epochs_of_training_move_the_weights_and_leave_a_checkpoint(
    name: str, clips: FakeDataset, tmp_path: Path
) -> None:
    config = make_config(model=name, options={"width": 0.03}, epochs=2, batch_size=4, learning_rate=1e-3, threads=1)
    train(clips, tmp_path, config)
    losses = [line["loss"] for line in read_runlog(tmp_path) if line["kind"] == "epoch"]
    assert len(losses) == 2
    assert losses[0] != losses[1]
    network, info = load_checkpoint(tmp_path)
    assert info.name == name
    assert info.training["sample_rate"] == clips.sample_rate
    output = network(0.1 * torch.randn(1, 30_000, generator=torch.Generator().manual_seed(0)))
    assert torch.isfinite(output.logits).all()
    assert torch.isfinite(output.embeddings).all()
    for key, value in network.state_dict().items():
        if key.endswith("num_frames"):
            # two epochs, eight clips, a patch of 100 frames of each
            assert int(value) == 2 * 8 * 100


class Killed(BaseException):
    """What a test raises in the place of a kill -9."""


@pytest.mark.parametrize("name", ["wu-alexnet-bn-gap", "hershey-aed-embedding", "soundnet-autoencoder"])
def test_what_a_network_learns_besides_its_weights_is_resumed_too(
    name: str, clips: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(model=name, options={"width": 0.03}, epochs=2, batch_size=4, learning_rate=1e-3, threads=1)
    train(clips, tmp_path / "whole", config)
    whole = student.Student.train_step

    def train_step(self: student.Student, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        if step > 3:
            raise Killed
        return whole(self, batch, epoch, step)

    monkeypatch.setattr(student.Student, "train_step", train_step)
    with pytest.raises(Killed):
        train(clips, tmp_path / "killed", config)
    monkeypatch.undo()
    train(clips, tmp_path / "killed", config, resume=True)
    first, second = (load_checkpoint(tmp_path / run)[0].state_dict() for run in ("whole", "killed"))
    assert all(torch.equal(first[key], second[key]) for key in first)
