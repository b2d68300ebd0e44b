"""Each network of the zoo goes through the training loop, narrow, on a small dataset."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hearsight.models.checkpoint import load_checkpoint, save_checkpoint
from hearsight.models.meta_device import build_on_meta_device
from hearsight.models.zoo import NETWORKS, build_network
from hearsight.training.data.batches import Batch
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from hearsight.training.step import student
from tests.support.training import FakeDataset, make_config


@pytest.fixture(scope="module")
def clips() -> FakeDataset:
    return FakeDataset(8, 2, seconds=1.2)


def choose_options(name: str, folder: Path) -> dict[str, object]:
    """Options of a narrow network, with a trained source where it needs one."""
    if name != "hershey-aed-embedding":
        return {"width": 0.03}
    source = build_network("hershey-resnet-50", 3, seed=5, width=0.03)
    save_checkpoint(source, folder / "source", vocabulary="abc", training={"epochs": 1})
    return {"width": 0.03, "source": str(folder / "source")}


@pytest.mark.parametrize("name", NETWORKS)
def test_two_epochs_of_training_move_the_weights_and_leave_a_checkpoint(
    name: str, clips: FakeDataset, tmp_path: Path
) -> None:
    options = choose_options(name, tmp_path)
    config = make_config(model=name, options=options, epochs=2, batch_size=4, learning_rate=1e-3, threads=1)
    train(clips, tmp_path / "run", config)
    losses = [line["loss"] for line in read_runlog(tmp_path / "run") if line["kind"] == "epoch"]
    assert len(losses) == 2
    assert losses[0] != losses[1]
    network, info = load_checkpoint(tmp_path / "run")
    assert info.name == name
    assert info.training["sample_rate"] == clips.sample_rate
    output = network(0.1 * torch.randn(1, 30_000, generator=torch.Generator().manual_seed(0)))
    assert torch.isfinite(output.logits).all()
    assert torch.isfinite(output.embeddings).all()
    for key, value in network.state_dict().items():
        if key.endswith("num_frames"):
            # two epochs, eight clips, a patch of 100 frames of each
            assert int(value) == 2 * 8 * 100


def list_dropout_networks() -> list[str]:
    """Names of the networks that draw from torch's generators while they are trained."""
    ghosts = {name: build_on_meta_device(name, 3, width=0.03) for name in NETWORKS}
    kinds = (torch.nn.modules.dropout._DropoutNd, torch.nn.RNNBase)
    return [name for name, ghost in ghosts.items() if any(_drops(module, kinds) for module in ghost.modules())]


def _drops(module: torch.nn.Module, kinds: tuple[type, ...]) -> bool:
    rate = getattr(module, "p", 0.0) if isinstance(module, kinds[0]) else getattr(module, "dropout", 0.0)
    return isinstance(module, kinds) and rate > 0.0


DROPOUT_NETWORKS = list_dropout_networks()
OTHER_STATE = ["wu-alexnet-bn-gap", "hershey-aed-embedding", "soundnet-autoencoder"]
"""Networks that keep running sums besides their weights."""


def test_fourteen_networks_have_dropout() -> None:
    assert len(DROPOUT_NETWORKS) == 14


class Killed(BaseException):
    """What a test raises in the place of a kill -9."""


@pytest.mark.parametrize("name", sorted({*DROPOUT_NETWORKS, *OTHER_STATE}))
def test_a_run_is_repeated_and_resumed_to_the_same_weights(
    name: str, clips: FakeDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = choose_options(name, tmp_path)
    config = make_config(model=name, options=options, epochs=2, batch_size=4, learning_rate=1e-3, threads=1)
    train(clips, tmp_path / "whole", config)
    torch.manual_seed(12345)  # another state of the process's generators must not matter
    train(clips, tmp_path / "again", config)
    whole = student.Student.train_step

    def train_step(self: student.Student, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        if step > 3:
            raise Killed
        return whole(self, batch, epoch, step)

    monkeypatch.setattr(student.Student, "train_step", train_step)
    with pytest.raises(Killed):
        train(clips, tmp_path / "killed", config)
    monkeypatch.undo()
    train(clips, tmp_path / "killed", config)
    first, *others = (load_checkpoint(tmp_path / run)[0].state_dict() for run in ("whole", "again", "killed"))
    for other in others:
        assert all(torch.equal(first[key], other[key]) for key in first)


def test_the_generators_of_the_process_are_left_as_they_were(clips: FakeDataset, tmp_path: Path) -> None:
    torch.manual_seed(7)
    wanted = torch.rand(3)
    torch.manual_seed(7)
    train(clips, tmp_path, make_config(model="wu-mlp", options={"width": 0.03}, epochs=1, batch_size=4))
    assert torch.equal(torch.rand(3), wanted)
