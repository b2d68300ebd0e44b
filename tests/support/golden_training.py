"""The runs whose losses are golden: each combination of sound source, target source and sampling."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest import mock

from hearsight.training.data.batches import SHUFFLED, Order
from hearsight.training.loop import train
from hearsight.training.run.log import read_runlog
from tests.support.training import SoftDataset, make_config

_SOUNDNET = {"model": "soundnet-5", "options": {"width": 0.1}, "epochs": 2}

RUNS: dict[str, dict[str, Any]] = {
    "labels": {},
    "quick": {"recipe": "quick", "precision": "float32", "mix": 0.5, "gain": 6.0},
    "plain": {"fast": False, "validation_clips": 3},
    "labels, resampled": _SOUNDNET,
    "probabilities": {"targets": "soft", "mix": 0.5},
    "probabilities, resampled": {**_SOUNDNET, "targets": "soft", "mix": 0.5},
    "kl": {**_SOUNDNET, "recipe": "soundnet2016", "mix": 0.5},
    "l2": {**_SOUNDNET, "recipe": "soundnet2016", "loss": "l2"},
    "reconstruction": {**_SOUNDNET, "model": "soundnet-autoencoder", "loss": "reconstruction"},
}
"""Configurations, beside those of :func:`~tests.support.training.make_config`."""


RUNS_IN_NEW_ORDER = ("labels", "kl")
"""Runs whose losses are golden in the order of this version too."""


def compute_losses(name: str, folder: Path, order: Order = SHUFFLED) -> dict[str, list[float]]:
    """Return the loss of each step and the validation loss of each epoch of a run, with a version of the order of clips."""
    data = SoftDataset(16, 4)
    for clip in (3, 17):
        data.set_labels(clip, [], [])
    data.set_sound(5, data.read(5)[:9000])
    with mock.patch("hearsight.training.loop.ORDER", order):
        train(data, folder, make_config(log_every=1, **RUNS[name]))
    log = read_runlog(folder)
    return {
        "steps": [line["loss"] for line in log if line["kind"] == "step"],
        "validation": [line["validation_loss"] for line in log if line["kind"] == "epoch"],
    }
