"""Scores of a network on the validation clips, computed after each epoch."""

from __future__ import annotations

import dataclasses
import math
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float16, Shaped
from torch import Tensor

from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.tagging import hits
from hearsight.models.network import Network
from hearsight.prefetch import prefetch
from hearsight.training.data.batches import ValidationBatches
from hearsight.training.step.device import Device
from hearsight.training.step.objectives import Objective

IN_MEMORY = 256 * 2**20
"""Largest array of scores, in bytes, that is held in memory; larger ones are mapped from a file."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """The result of validation; None if there are no validation clips.

    Attributes
    ----------
    loss
        Mean loss over the clips.
    accuracy
        1-best accuracy: the share of labelled clips whose most probable class is one of their labels. Where a network has several
        heads, the mean over the heads, each scored on its own classes.
    mean_average_precision
        Mean over the classes that a validation clip has.
    num_clips
        Number of validation clips.
    """

    loss: float | None = None
    accuracy: float | None = None
    mean_average_precision: float | None = None
    num_clips: int = 0

    def describe(self) -> str:
        """Return the scores in a few words."""
        if self.loss is None:
            return "not validated"
        if self.accuracy is None:
            return f"validation loss {self.loss:.4f}"
        precision = "undefined" if self.mean_average_precision is None else f"{self.mean_average_precision:.3f}"
        return f"validation loss {self.loss:.4f}, accuracy {self.accuracy:.3f}, mAP {precision}"

    def as_values(self) -> dict[str, Any]:
        """Return the values for the run log."""
        return {f"validation_{field.name}": getattr(self, field.name) for field in dataclasses.fields(self)}


def validate(network: Network, clips: ValidationBatches, device: Device, objective: Objective, scratch: Path) -> Scores:
    """Score a network, and leave it in training mode.

    Parameters
    ----------
    network
        Is in evaluation mode while it is scored.
    clips
        The validation clips.
    device
        Where to compute.
    objective
        The loss; where its outputs are no logits, there is neither accuracy nor precision.
    scratch
        A folder for scores that do not fit into memory.
    """
    if len(clips) == 0:
        return Scores()
    shape = (len(clips), network.num_classes)
    total, first = 0.0, 0
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".validation-") as folder:
        scores = _allocate(Path(folder) / "scores", shape, np.float16)
        labels = _allocate(Path(folder) / "labels", shape, np.bool_)
        network.eval()
        for batch in prefetch(clips.batches()):
            rows = slice(first, first + len(batch.clips))
            waveform, targets = device.send(batch)
            with torch.inference_mode():
                with device.autocast():
                    outputs = objective.forward(waveform)
                total += float(objective(outputs, targets)) * len(batch.clips)
                if objective.scores_classes:
                    means = outputs.float().mean(1) if outputs.ndim == 3 else outputs
                    scores[rows] = to_scores(means, network.heads).cpu().numpy()
            labels[rows] = batch.labels
            first = rows.stop
        network.train()
        if first == 0:  # no clip can be read, and training goes on without them
            return Scores()
        scores, labels, loss = scores[:first], labels[:first], total / first
        if not math.isfinite(loss) or not objective.scores_classes:
            return Scores(loss if math.isfinite(loss) else math.nan, None, None, first)
        precision = mean_average_precision(scores, labels)
        accuracy = compute_accuracy(scores, labels, network.heads)
        return Scores(loss, accuracy, None if math.isnan(precision) else precision, first)


def to_scores(logits: Float[Tensor, "batch classes"], heads: tuple[int, ...]) -> Float16[Tensor, "batch classes"]:
    """Return half-precision scores that order clips and classes as the probabilities do.

    Without heads these are the logits themselves. With heads they are the logarithms of each head's softmax: logits of different
    clips or heads are not comparable, since each softmax has its own sum. Half precision keeps logarithms apart near zero and one,
    where it would round probabilities.
    """
    logits = logits.float()
    if heads:
        logits = torch.cat([head.log_softmax(1) for head in logits.split(heads, dim=1)], dim=1)
    return logits.clamp(-6e4, 6e4).half()


def compute_accuracy(
    scores: Float16[np.ndarray, "clips classes"], labels: Bool[np.ndarray, "clips classes"], heads: tuple[int, ...]
) -> float | None:
    """Return the 1-best accuracy over the clips that have a label, the mean over the heads; None if there is no label."""
    accuracies: list[float] = []
    first = 0
    for size in heads or (labels.shape[1],):
        classes = slice(first, first + size)
        first += size
        num_labelled = int(labels[:, classes].any(axis=1).sum())
        if num_labelled:
            accuracies.append(float(hits(scores[:, classes], labels[:, classes]).sum()) / num_labelled)
    return sum(accuracies) / len(accuracies) if accuracies else None


def _allocate(path: Path, shape: tuple[int, int], dtype: type[np.generic]) -> Shaped[np.ndarray, "clips classes"]:
    if math.prod(shape) * np.dtype(dtype).itemsize <= IN_MEMORY:
        return np.zeros(shape, dtype)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):
        # a mapped file without space on its disk would end the process by a signal; this raises an error
        with path.open("rb+") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array
