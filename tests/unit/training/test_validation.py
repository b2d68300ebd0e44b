from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.config import TrainConfig
from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.tagging import one_best_accuracy
from hearsight.models.network import Network
from hearsight.models.zoo import build_network
from hearsight.training import validation
from hearsight.training.batches import SamplingConfig, ValidationBatches
from hearsight.training.device import Device
from hearsight.training.losses import binary_cross_entropy
from hearsight.training.objectives import make_objective
from hearsight.training.targets import LabelTargets
from hearsight.training.validation import validate
from tests.support.training import RATE, FakeDataset

DEVICE = Device("cpu", 1, "float32", fast=False)


@pytest.fixture
def network(data: FakeDataset) -> Network:
    return build_network("jia-vggish-fcn", len(data.names), seed=0, width=0.02).train()


@pytest.mark.parametrize("in_memory", [2**20, 0])
def test_scores_are_those_of_the_middle_segments(
    data: FakeDataset, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_memory: int
) -> None:
    monkeypatch.setattr(validation, "IN_MEMORY", in_memory)
    clips = ValidationBatches(data, LabelTargets(data, 0.5), data.indices("validation"), SamplingConfig(RATE, 3))
    scores = validate(network, clips, DEVICE, make_objective(TrainConfig(), network), tmp_path)
    assert network.training
    assert not list(tmp_path.iterdir())

    waveforms = np.stack([data.read(clip, RATE * 3 // 4, RATE) for clip in data.indices("validation")]) / np.float32(
        32768
    )
    targets = np.concatenate([batch.targets for batch in clips.batches()])
    with torch.no_grad():
        logits = network.eval()(torch.from_numpy(waveforms)).logits[:, 0]
    assert scores.num_clips == 10
    assert scores.loss == pytest.approx(float(binary_cross_entropy(logits, torch.from_numpy(targets))), rel=1e-5)
    rounded = logits.numpy().astype(np.float16)
    assert scores.accuracy == one_best_accuracy(rounded, targets > 0)
    assert scores.mean_average_precision == pytest.approx(mean_average_precision(rounded, targets > 0), rel=1e-6)


def test_validation_leaves_the_statistics_of_the_normalisations_alone(
    data: FakeDataset, network: Network, tmp_path: Path
) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    validate(
        network,
        ValidationBatches(data, LabelTargets(data, 0.5), data.indices("validation"), SamplingConfig(RATE, 3)),
        DEVICE,
        make_objective(TrainConfig(), network),
        tmp_path,
    )
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_no_clips_give_no_scores(data: FakeDataset, network: Network, tmp_path: Path) -> None:
    clips = ValidationBatches(data, LabelTargets(data, 0.5), data.indices("validation")[:0], SamplingConfig(RATE, 3))
    scores = validate(network, clips, DEVICE, make_objective(TrainConfig(), network), tmp_path)
    assert (scores.loss, scores.accuracy, scores.mean_average_precision, scores.num_clips) == (None, None, None, 0)
    assert scores.describe() == "not validated"


def test_logits_that_are_no_numbers_give_a_loss_that_is_none(
    data: FakeDataset, network: Network, tmp_path: Path
) -> None:
    with torch.no_grad():
        network.output_layer.bias.fill_(math.nan)
    scores = validate(
        network,
        ValidationBatches(data, LabelTargets(data, 0.5), data.indices("validation"), SamplingConfig(RATE, 3)),
        DEVICE,
        make_objective(TrainConfig(), network),
        tmp_path,
    )
    assert scores.loss is not None
    assert math.isnan(scores.loss)
