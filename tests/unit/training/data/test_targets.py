from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hearsight.config import TrainConfig
from hearsight.errors import DatasetError, UsageError
from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.data.batches import SamplingConfig, TrainBatches, ValidationBatches
from hearsight.training.data.sounds import ResampledSounds
from hearsight.training.data.statistics import compute_statistics
from hearsight.training.data.targets import DistributionTargets, ProbabilityTargets, make_targets
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from tests.support.training import RATE, FakeDataset, SoftDataset, make_config

from ..test_loop import Killed, assert_same_runs, kill_after

SOUNDNET = {"recipe": "soundnet2016", "model": "soundnet-5", "options": {"width": 0.1}, "epochs": 2}
AUTOENCODER = {"model": "soundnet-autoencoder", "loss": "reconstruction", "options": {"width": 0.1}, "epochs": 2}


def test_the_targets_are_what_the_vision_teachers_said(soft: SoftDataset) -> None:
    targets = DistributionTargets(soft)
    assert targets.heads == (4, 6)
    assert targets.names == soft.names[:10]
    batch = TrainBatches(soft, targets, np.arange(16), SamplingConfig(RATE, 4)).make(1, np.arange(4))
    np.testing.assert_allclose(batch.targets, [soft.distribution(index)[:10] for index in range(4)])
    mixed = TrainBatches(soft, targets, np.arange(16), SamplingConfig(RATE, 4, mix=1.0)).make(1, np.arange(4))
    np.testing.assert_allclose(mixed.targets.sum(axis=1), 2.0, rtol=1e-5)


def test_the_targets_may_be_what_all_teachers_said(soft: SoftDataset) -> None:
    targets = ProbabilityTargets(soft)
    assert targets.names == soft.names
    said = np.stack([soft.probabilities(index) for index in range(16)])
    batch = TrainBatches(soft, targets, np.arange(16), SamplingConfig(RATE, 4)).make(1, np.arange(4))
    np.testing.assert_array_equal(batch.targets, said[:4])
    # in a mixture, what is heard in either sound is heard
    mixed = TrainBatches(soft, targets, np.arange(16), SamplingConfig(RATE, 4, mix=1.0)).make(1, np.arange(4)).targets
    for row in range(4):
        assert any(np.array_equal(mixed[row], np.maximum(said[row], other)) for other in said)
    survey = compute_statistics(targets, soft.indices("train"), labelled_only=False)
    np.testing.assert_allclose(survey.frequencies, said[survey.clips].mean(axis=0), rtol=1e-5)
    with pytest.raises(DatasetError, match=r"no soft labels of \d+ classes, wanted some, for targets soft"):
        make_targets(FakeDataset(16, 4), make_config(targets="soft"))


def test_validation_hears_distributions_and_counts_labels(soft: SoftDataset) -> None:
    sounds, targets = ResampledSounds(soft, 8_000), DistributionTargets(soft)
    (batch,) = ValidationBatches(sounds, targets, soft.indices("validation"), SamplingConfig(8_000, 4)).batches()
    np.testing.assert_allclose(batch.targets, [soft.distribution(index)[:10] for index in range(16, 20)])
    assert batch.labels is not None
    for index, row in zip(range(16, 20), batch.labels, strict=True):
        assert set(np.flatnonzero(row)) == set(soft.labels(index).visual.tolist())


def test_the_recipe_is_the_papers() -> None:
    config = TrainConfig(recipe="soundnet2016")
    assert (config.loss, config.loss_weight, config.model) == ("kl", 250.0, "soundnet-8")
    assert (config.learning_rate, config.batch_size, config.decay, config.l2_penalty) == (1e-3, 64, 1.0, 0.0)
    assert config.count_epochs(31_250) * 31_250 >= 100_000  # two million videos
    assert config.count_epochs(1_000) == 100


@pytest.mark.parametrize("loss", ["kl", "l2"])
def test_a_soundnet_learns_both_heads_and_is_read_back_with_them(soft: SoftDataset, tmp_path: Path, loss: str) -> None:
    train(soft, tmp_path, make_config(**{**SOUNDNET, "loss": loss, "epochs": 6, "learning_rate": 3e-3}))
    network, info = load_checkpoint(tmp_path)
    assert (network.heads, info.vocabulary) == ((4, 6), soft.names[:10])
    losses = [line["loss"] for line in read_runlog(tmp_path) if line["kind"] == "epoch"]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("values", [SOUNDNET, AUTOENCODER], ids=["kl", "reconstruction"])
def test_an_interrupted_run_of_any_loss_goes_on_to_the_same_losses(
    soft: SoftDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: dict[str, Any]
) -> None:
    config = make_config(**values)
    train(soft, tmp_path / "whole", config)
    with monkeypatch.context() as context:
        kill_after(context, 3)
        with pytest.raises(Killed):
            train(soft, tmp_path / "killed", config)
    train(soft, tmp_path / "killed", config)
    assert_same_runs(tmp_path / "whole", tmp_path / "killed")


def test_an_autoencoder_learns_sound_without_labels(tmp_path: Path) -> None:
    data = FakeDataset(16, 4)
    for index in range(10):
        data.set_labels(index, [], [])
    summary = train(data, tmp_path, make_config(**{**AUTOENCODER, "epochs": 8, "learning_rate": 3e-3}))
    assert summary.num_clips == 16
    assert summary.mean_average_precision is None
    lines = [line for line in read_runlog(tmp_path) if line["kind"] == "epoch"]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert lines[-1]["validation_loss"] > 0.0
    assert lines[-1]["validation_accuracy"] is None


def test_what_cannot_be_learned_is_refused(soft: SoftDataset, data: FakeDataset, tmp_path: Path) -> None:
    for loss in ("kl", "l2"):
        with pytest.raises(DatasetError, match=f"no soft labels of a vision teacher, wanted some, for the loss {loss}"):
            train(data, tmp_path / "one", make_config(**{**SOUNDNET, "loss": loss}))
    with pytest.raises(UsageError, match="which has no heads"):
        train(soft, tmp_path / "two", make_config(loss="kl"))
    with pytest.raises(UsageError, match="loss l2"):
        train(soft, tmp_path / "two", make_config(loss="l2"))
    with pytest.raises(UsageError, match="wanted a network that reconstructs its input"):
        train(soft, tmp_path / "three", make_config(loss="reconstruction"))
