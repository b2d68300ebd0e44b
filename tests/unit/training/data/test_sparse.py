from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from hearsight.models.checkpoint import load_checkpoint
from hearsight.training.data import sparse as sparse_module
from hearsight.training.data.batches import SamplingConfig, TrainBatches
from hearsight.training.data.sparse import SparseTargets
from hearsight.training.data.targets import LabelTargets
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from hearsight.training.step import student
from hearsight.training.step.device import Device
from hearsight.training.step.losses import binary_cross_entropy, smooth_targets
from tests.support.training import FakeDataset, make_config


def draw(rows: int, classes: int, labels: int) -> np.ndarray:
    random = np.random.default_rng(0)
    dense = np.zeros((rows, classes), np.float32)
    for row in dense[1:]:  # the first has no label
        row[random.choice(classes, labels, replace=False, shuffle=False)] = random.uniform(0.1, 1.0, labels)
    return dense


def test_sparse_targets_hold_all_that_is_not_zero_also_of_some_rows() -> None:
    dense = draw(7, 50, 4)
    found = SparseTargets.gather(list(dense), 50)
    np.testing.assert_array_equal(found.to_dense(), dense)
    for rows in (slice(0, 3), slice(2, 7), slice(3, 3), slice(None)):
        np.testing.assert_array_equal(found[rows].to_dense(), dense[rows])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_and_its_gradient_are_those_of_dense_targets(smoothing: float) -> None:
    dense = draw(9, 200, 5)
    results = []
    for targets in (torch.from_numpy(dense), SparseTargets.gather(list(dense), 200).send("cpu")):
        logits = (4.0 * torch.randn(9, 200, generator=torch.Generator().manual_seed(1))).requires_grad_()
        loss = binary_cross_entropy(logits, smooth_targets(targets, smoothing, ()))
        loss.backward()
        results.append((loss.detach(), logits.grad))
    for one, other in zip(*results, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("entries", [15, 200], ids=["labels", "100 probabilities of each of two teachers"])
def test_a_batch_of_30_871_classes_carries_less_than_a_hundredth_of_its_dense_bytes(entries: int) -> None:
    classes, rows = 30_871, 128
    targets = SparseTargets.gather(draw(rows, classes, entries), classes)
    assert targets.num_bytes == sum(array.nbytes for array in (targets.ends, targets.ids, targets.values))
    assert targets.num_bytes < 0.01 * 4 * rows * classes


@pytest.mark.parametrize("classes", [30_000, 60_000, 70_000])
def test_ids_of_any_width_arrive_as_they_were(classes: int) -> None:
    row = np.zeros(classes, np.float32)
    row[[0, classes // 2, classes - 1]] = 0.5
    found = SparseTargets.gather([row], classes)
    assert found.send("cpu").ids.tolist() == [0, classes // 2, classes - 1]


def test_training_by_sparse_targets_has_the_losses_of_the_dense_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = make_config(
        model="hearsight-conv-4", options={"width": 0.1}, epochs=2, mix=0.5, label_smoothing=0.1, global_batch_size=16
    )
    train(FakeDataset(), tmp_path / "dense", config)
    monkeypatch.setattr(student, "LEAST_CLASSES", 2)
    calls = []
    whole = SparseTargets.send
    monkeypatch.setattr(sparse_module.SparseTargets, "send", lambda self, name: calls.append(name) or whole(self, name))
    train(FakeDataset(), tmp_path / "sparse", config)
    assert len(calls) == 2 * 3 * 2  # every part of every step
    losses = [[line["loss"] for line in read_runlog(tmp_path / name) if "loss" in line] for name in ("dense", "sparse")]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    one, other = (load_checkpoint(tmp_path / name)[0].output_layer.weight for name in ("dense", "sparse"))
    torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


def test_16_bit_waveforms_become_the_same_amplitudes_on_the_device(data: FakeDataset) -> None:
    sampling = SamplingConfig(segment_samples=16_000, batch_size=8)
    device = Device("cpu", 1, "float32", fast=False)
    found = []
    for int16 in (False, True):
        source = TrainBatches(
            data, LabelTargets(data, 0.5), data.indices("train"), dataclasses.replace(sampling, int16=int16)
        )
        batch = source.make(1, np.arange(8))
        assert batch.waveform.dtype == (np.int16 if int16 else np.float32)
        found.append(device.send(batch)[0])
    assert torch.equal(*found)
    mixed = dataclasses.replace(sampling, int16=True, gain=6.0)
    batch = TrainBatches(data, LabelTargets(data, 0.5), data.indices("train"), mixed).make(1, np.arange(2))
    assert batch.waveform.dtype == np.float32
