"""How well a network does on the validation clips, after each epoch."""

from __future__ import annotations

import dataclasses
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hearsight.metrics.averages import mean_average_precision
from hearsight.metrics.tagging import one_best_accuracy
from hearsight.models.network import Network
from hearsight.training.batches import ValidationBatches, prefetch
from hearsight.training.device import Device
from hearsight.training.objectives import Objective

IN_MEMORY = 256 * 2**20
"""Bytes of scores up to which they are held in memory; larger ones are written to a file that is mapped."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """What validation gives; None where no clip is kept for it.

    The accuracy counts a hit if the most probable class is any of the clip's labels, over the clips that have one; the mean average
    precision is over the classes that a validation clip has.
    """

    loss: float | None = None
    accuracy: float | None = None
    mean_average_precision: float | None = None
    num_clips: int = 0

    def describe(self) -> str:
        """Say it in a few words."""
        if self.loss is None:
            return "not validated"
        if self.accuracy is None:
            return f"validation loss {self.loss:.4f}"
        precision = "undefined" if self.mean_average_precision is None else f"{self.mean_average_precision:.3f}"
        return f"validation loss {self.loss:.4f}, accuracy {self.accuracy:.3f}, mAP {precision}"

    def as_values(self) -> dict[str, Any]:
        """Give the values for the run log."""
        return {f"validation_{field.name}": getattr(self, field.name) for field in dataclasses.fields(self)}


def validate(
    network: Network, clips: ValidationBatches, machine: Device, objective: Objective, scratch: Path
) -> Scores:
    """Score a network, and leave it in training mode.

    Parameters
    ----------
    network
        Put into evaluation mode meanwhile.
    clips
        The validation clips.
    machine
        What to compute on.
    objective
        The loss; where it names no classes, there is neither accuracy nor precision.
    scratch
        A folder for scores that are too many for memory.
    """
    if len(clips) == 0:
        return Scores()
    shape = (len(clips), network.num_classes)
    total, first = 0.0, 0
    with tempfile.TemporaryDirectory(dir=scratch, prefix=".validation-") as folder:
        scores = _allocate(Path(folder) / "scores", shape, np.float16)
        truths = _allocate(Path(folder) / "truths", shape, np.bool_)
        network.eval()
        for batch in prefetch(clips.batches()):
            rows = slice(first, first + len(batch.clips))
            with torch.inference_mode():
                loss, logits = objective.measure(network, machine, batch)
                total += float(loss) * len(batch.clips)
                if logits is not None:
                    # logits order the clips as probabilities do; half precision tells them apart near zero and one as well
                    scores[rows] = logits.float().clamp(-6e4, 6e4).cpu().numpy()
            truths[rows] = batch.targets > 0 if batch.truths is None else batch.truths
            first = rows.stop
        network.train()
        if not math.isfinite(total):
            return Scores(math.nan, None, None, len(clips))
        if not objective.tags:
            return Scores(total / len(clips), None, None, len(clips))
        precision = mean_average_precision(scores, truths)
        # a clip without any label can be no hit, whatever is said of it, and is none that counts
        num_labelled = int(truths.any(axis=1).sum())
        accuracy = one_best_accuracy(scores, truths) * len(clips) / num_labelled if num_labelled else None
        return Scores(total / len(clips), accuracy, None if math.isnan(precision) else precision, len(clips))


def _allocate(path: Path, shape: tuple[int, int], dtype: type[np.generic]) -> np.ndarray:
    if math.prod(shape) * np.dtype(dtype).itemsize <= IN_MEMORY:
        return np.zeros(shape, dtype)
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
