from __future__ import annotations

import dataclasses
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
from hearsight.training.data.batches import SamplingConfig, ValidationBatches
from hearsight.training.data.targets import LabelTargets
from hearsight.training.step.device import Device
from hearsight.training.step.losses import binary_cross_entropy
from hearsight.training.step.objectives import make_objective
from hearsight.training.step.student import Student
from hearsight.training.validation import compute_accuracy, to_scores, validate
from tests.support.training import RATE, FakeDataset, SoftDataset, make_config

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


class FixedOutputs:
    """Logits of three clips for a head of two classes and a head of three; softmax ignores the sums of the exponentials."""

    logits = np.log(
        np.array(
            [[0.9, 0.1, 50.0, 30.0, 20.0], [0.4, 0.6, 0.1, 0.2, 0.7], [0.002, 0.008, 0.2, 0.5, 0.3]],
            dtype=np.float32,
        )
    )
    labels = np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 1, 0]], dtype=bool)


def test_heads_are_scored_by_their_own_softmax() -> None:
    """By hand, over the clips: class 0 AP 1; class 1 ranks 0.8, 0.6, 0.1, its clip second, AP 1/2; class 2 ranks 0.5, 0.2, 0.1, AP
    1/2; class 3 ranks 0.5, 0.3, 0.2, its clips first and second, AP 1; class 4 ranks 0.7, 0.3, 0.2, AP 1: mean 0.8. On raw logits
    class 1 would rank 0.6, 0.1, 0.008, and have AP 1. 1-best of head one: 2 hits of 2 labelled clips; of head two: clip 0 takes
    class 2 and misses, clips 1 and 2 hit, 2 of 3: mean 5/6."""
    scores = to_scores(torch.from_numpy(FixedOutputs.logits), (2, 3)).numpy()
    np.testing.assert_allclose(
        np.exp(scores.astype(np.float64)),
        [[0.9, 0.1, 0.5, 0.3, 0.2], [0.4, 0.6, 0.1, 0.2, 0.7], [0.2, 0.8, 0.2, 0.5, 0.3]],
        rtol=2e-3,
    )
    assert mean_average_precision(scores, FixedOutputs.labels) == pytest.approx(0.8)
    assert compute_accuracy(scores, FixedOutputs.labels, (2, 3)) == pytest.approx(5 / 6)
    raw = to_scores(torch.from_numpy(FixedOutputs.logits), ()).numpy()
    assert mean_average_precision(scores[:, :2], FixedOutputs.labels[:, :2]) == 0.75
    assert mean_average_precision(raw[:, :2], FixedOutputs.labels[:, :2]) == 1.0


def test_a_head_without_labels_and_clips_without_labels_do_not_count() -> None:
    scores = np.array([[0.0, -1.0, -3.0], [-1.0, 0.0, -3.0]], dtype=np.float16)
    labels = np.array([[1, 0, 0], [0, 0, 0]], dtype=bool)
    assert compute_accuracy(scores, labels, (2, 1)) == 1.0
    assert compute_accuracy(scores, labels, ()) == 1.0
    assert compute_accuracy(scores, np.zeros((2, 3), dtype=bool), (2, 1)) is None


@pytest.mark.parametrize("loss", ["kl", "l2"])
def test_validation_of_heads_does_not_depend_on_the_sum_of_a_heads_exponentials(
    soft: SoftDataset, tmp_path: Path, loss: str
) -> None:
    config = make_config(recipe="soundnet2016", model="soundnet-5", options={"width": 0.1}, loss=loss)
    student = Student.prepare(soft, config, DEVICE)

    def shift(waveform: torch.Tensor) -> torch.Tensor:
        """Add a constant to each head's logits of each clip: no softmax changes."""
        logits = student.objective.forward(waveform)
        offsets = 10.0 * torch.randn(len(logits), 2, generator=torch.Generator().manual_seed(0))
        return logits + offsets.repeat_interleave(torch.tensor(student.network.heads), dim=1)

    shifted = dataclasses.replace(student.objective, forward=shift)
    one, other = (
        validate(student.network, student.validation_batches, DEVICE, objective, tmp_path)
        for objective in (student.objective, shifted)
    )
    assert other.loss == pytest.approx(one.loss, rel=1e-4)
    assert (other.accuracy, other.mean_average_precision) == (one.accuracy, one.mean_average_precision)
