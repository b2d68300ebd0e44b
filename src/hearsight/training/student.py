"""The network that learns, with all that it learns from and by."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch

from hearsight.config import TrainConfig
from hearsight.console import print_message
from hearsight.errors import DatasetError, TrainingError
from hearsight.models.network import Network
from hearsight.models.zoo import NETWORKS, build_network, list_options
from hearsight.training.batches import (
    Batch,
    SamplingConfig,
    SplitStatistics,
    TrainBatches,
    TrainingData,
    ValidationBatches,
    compute_statistics,
)
from hearsight.training.device import Device
from hearsight.training.objectives import DISTRIBUTION_LOSSES, Objective
from hearsight.training.optimizer import make_optimizer, schedule_rate, set_rate
from hearsight.training.resampled import ResampledData, ResampledSoftData
from hearsight.training.softened import SoftData, SoftenedData


@dataclasses.dataclass
class Student:
    """A network in training, its optimizer, and the clips it hears."""

    config: TrainConfig
    machine: Device
    vocabulary: tuple[str, ...]
    dataset: str
    training_sample_rate: int
    network: Network
    objective: Objective
    optimizer: torch.optim.Optimizer
    epochs: TrainBatches
    middles: ValidationBatches
    num_clips: int

    @classmethod
    def prepare(cls, data: TrainingData, config: TrainConfig, machine: Device) -> Student:
        """Read the labels, build the network and its optimizer.

        Raises
        ------
        DatasetError
            When there is too little to train on.
        UsageError
            When there is no such network.
        """
        data = _choose_targets(data, config)
        labelled = config.loss != "reconstruction" and config.targets == "labels"
        training = compute_statistics(data, "train", config.visual_share, labelled_only=labelled)
        most = config.validation_clips
        validation = compute_statistics(data, "validation", config.visual_share, most, labelled_only=labelled)
        _check_clips(training, validation)
        network = build_network(config.model, len(data.names), seed=config.seed, **_choose_options(data, config))
        objective = Objective(config, network)
        training_sample_rate = data.sample_rate
        if network.sample_rate != data.sample_rate:
            soft = isinstance(data, SoftData)
            data = ResampledSoftData(data, network.sample_rate) if soft else ResampledData(data, network.sample_rate)
        if config.prior:
            network.set_prior(torch.from_numpy(training.frequencies).float())
        network = machine.place(network).train()
        draw = SamplingConfig(
            segment_samples=network.example_samples,
            batch_size=config.batch_size,
            segments=config.segments,
            visual_share=config.visual_share,
            gain=config.gain,
            mix=config.mix,
            seed=config.seed,
        )
        return cls(
            config=config,
            machine=machine,
            vocabulary=data.names,
            dataset=data.digest,
            training_sample_rate=training_sample_rate,
            network=network,
            objective=objective,
            optimizer=make_optimizer(network, config),
            epochs=TrainBatches(data, training.clips, draw),
            middles=ValidationBatches(data, validation.clips, draw),
            num_clips=len(training.clips),
        )

    @property
    def num_epochs(self) -> int:
        """Passes over the training clips."""
        return self.config.count_epochs(self.epochs.num_batches)

    def train_step(self, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        """Take one step, counted from one over the whole run; give the loss before it and its learning rate.

        Raises
        ------
        TrainingError
            When the loss is no longer a number; the weights are left as they were.
        """
        rate = schedule_rate(self.config, step - 1, self.epochs.num_batches)
        set_rate(self.optimizer, rate)
        loss, _ = self.objective.measure(self.network, self.machine, batch)
        value = loss.item()
        self.check(epoch, step, value)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return value, rate

    def check(self, epoch: int, step: int, loss: float | None) -> None:
        """Refuse to go on with a loss that is no number; without one, with weights that are none."""
        if loss is None:
            whole = all(bool(torch.isfinite(parameter).all()) for parameter in self.network.parameters())
            loss = 0.0 if whole else math.nan
        if not math.isfinite(loss):
            kept = f"the checkpoint of epoch {epoch - 1} is kept" if epoch > 1 else "no epoch was finished"
            raise TrainingError(
                f"epoch {epoch}, step {step}",
                f"the loss is {loss}",
                "a number",
                f"lower the learning rate (learning_rate is {self.config.learning_rate:g}); {kept}",
            )

    def describe(self) -> dict[str, Any]:
        """Give what is trained on what, for the record of the run."""
        return {
            "model": self.network.name,
            "digest": self.dataset,
            "num_clips": self.num_clips,
            "num_validation_clips": len(self.middles),
            "num_classes": len(self.vocabulary),
        }

    def describe_checkpoint(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """Give what a checkpoint tells of itself, from an epoch's line of the log."""
        config = self.config
        scores = {key: line[key] for key in line if key.startswith("validation_") and isinstance(line[key], float)}
        training = {
            "recipe": config.recipe,
            "dataset": self.dataset,
            "clips": self.num_clips,
            "sample_rate": self.training_sample_rate,
            "epochs": line["epoch"],
            "steps": line["step"],
            "batch_size": config.batch_size,
            "learning_rate": config.learning_rate,
            "seed": config.seed,
            "loss": line["loss"],
        }
        return {"vocabulary": self.vocabulary, "training": training, "scores": scores}


def _choose_targets(data: TrainingData, config: TrainConfig) -> TrainingData:
    """Give the dataset with the targets that the loss is taken from."""
    if config.loss in DISTRIBUTION_LOSSES:
        return SoftenedData(data, f"the loss {config.loss}")
    if config.targets == "soft" and config.loss == "cross-entropy":
        return SoftData(data, "targets soft")
    return data


def _choose_options(data: TrainingData, config: TrainConfig) -> dict[str, Any]:
    """Give the network's options, with a head for each teacher where distributions are learned and the network can have heads."""
    options: dict[str, Any] = dict(config.options)
    if isinstance(data, SoftenedData) and config.model in NETWORKS and "heads" in list_options(config.model):
        options["heads"] = list(data.heads)
    return options


def _check_clips(training: SplitStatistics, validation: SplitStatistics) -> None:
    """Refuse what cannot be trained on, and say what is left out."""
    if len(training.clips) < 2:
        found = f"{len(training.clips)} training clips with labels"
        hint = "build from more videos, or with another policy or validation_share"
        raise DatasetError("the dataset", found, "at least 2", hint)
    if training.num_unlabelled or validation.num_unlabelled:
        print_message(f"{training.num_unlabelled + validation.num_unlabelled} clips have no label and are left out")
    if not len(validation.clips):
        print_message("no clip is kept for validation: training goes on without accuracy and mAP")
