"""The network in training, with its data, objective and optimizer."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from hearsight.config import TrainConfig
from hearsight.console import print_message
from hearsight.errors import DatasetError, TrainingError
from hearsight.models.checkpoint_config import ClassOrigin, Sense
from hearsight.models.network import Network
from hearsight.models.training_network import build_training_network
from hearsight.models.zoo import NETWORKS, list_options
from hearsight.training.data.batches import ORDER, Batch, Order, SamplingConfig, TrainBatches, ValidationBatches
from hearsight.training.data.dataset import (
    ClassifiedData,
    TrainingData,
    choose_agreeing,
    choose_media,
    list_class_ids,
    list_teachers,
)
from hearsight.training.data.sounds import match_sample_rate
from hearsight.training.data.statistics import SplitStatistics, compute_statistics
from hearsight.training.data.targets import TargetSource, make_targets
from hearsight.training.data.weighting import compute_weights
from hearsight.training.group import SOLO, Group
from hearsight.training.step.accumulation import Accumulator
from hearsight.training.step.averaging import WeightAverage
from hearsight.training.step.device import Device
from hearsight.training.step.masking import mask_in_training
from hearsight.training.step.objectives import Objective, make_objective
from hearsight.training.step.optimizer import make_optimizer, schedule_rate, set_rate, sum_rates

LEAST_SUM_OF_RATES = 0.05
"""Sum of the learning rates of all steps below which a run is too short: fresh kernels have about this size, and Adam moves a
weight by at most its learning rate per step."""


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """What a run keeps when it is continued, besides its configuration, and who trains it.

    Attributes
    ----------
    order
        Version of the order of clips.
    least_parts
        Minimum number of parts of a step: the number of processes that the run began with.
    group
        The processes.
    """

    order: Order = ORDER
    least_parts: int = 1
    group: Group = SOLO


@dataclasses.dataclass
class Student:
    """A network in training.

    Attributes
    ----------
    config, device
        The run's configuration and where it computes.
    vocabulary
        Names of the classes, in the order of the logits.
    classes
        Where each class comes from; empty where the dataset does not record it.
    teachers
        Names of the dataset's teachers that the run learns from; empty where the dataset does not record them.
    dataset
        Digest of the dataset.
    training_sample_rate
        Sample rate of the dataset's sounds in Hz: no network learns anything above half of it.
    network, objective, optimizer
        What is trained, what is minimised, and by what.
    accumulator, group
        What computes the gradients, and the processes that do so together.
    average
        The moving average of the weights, where the configuration asks for one.
    train_batches, validation_batches
        The examples.
    """

    config: TrainConfig
    device: Device
    vocabulary: tuple[str, ...]
    classes: tuple[ClassOrigin, ...]
    teachers: tuple[str, ...]
    dataset: str
    training_sample_rate: int
    network: Network
    objective: Objective
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    accumulator: Accumulator
    group: Group
    train_batches: TrainBatches
    validation_batches: ValidationBatches

    @classmethod
    def prepare(cls, data: TrainingData, config: TrainConfig, device: Device, plan: RunPlan | None = None) -> Student:
        """Read the targets, build the network and its optimizer.

        Parameters
        ----------
        data, config, device
            The dataset, the run's configuration, and where it computes.
        plan
            The order of clips and the parts of a step; a resumed run has those that it began with.

        Raises
        ------
        DatasetError
            When there is too little to train on, or the targets are not in the dataset.
        UsageError
            When there is no such network, or it does not fit the loss.
        """
        plan = plan or RunPlan()
        targets = make_targets(data, config)
        training, validation = _split(data, targets, config)
        options = _choose_options(targets, config)
        network = build_training_network(config.model, len(targets.names), options, seed=config.seed)
        objective = make_objective(config, network)
        if config.prior:
            network.set_prior(torch.from_numpy(training.frequencies).float())
        network = device.place(network).train()
        mask_in_training(network, config.time_mask, config.mel_mask)
        sounds = match_sample_rate(data, network.sample_rate)
        sampling = SamplingConfig(
            segment_samples=network.example_samples,
            batch_size=config.batch_size,
            global_batch_size=config.global_batch_size,
            segments=config.segments,
            gain=config.gain,
            mix=config.mix,
            shift=config.shift,
            seed=config.seed,
            order=plan.order,
            least_parts=plan.least_parts,
            rank=plan.group.rank,
            size=plan.group.size,
        )
        return cls(
            config=config,
            device=device,
            vocabulary=targets.names,
            classes=_list_origins(data, targets.names),
            teachers=tuple(list_teachers(data)),
            dataset=data.digest,
            training_sample_rate=data.sample_rate,
            network=network,
            objective=objective,
            optimizer=make_optimizer(network, config),
            average=WeightAverage(network, config.average) if config.average else None,
            accumulator=Accumulator(network, device, config, plan.group),
            group=plan.group,
            train_batches=TrainBatches(
                sounds, targets, training.clips, sampling, compute_weights(data, targets, training.clips, config)
            ),
            validation_batches=ValidationBatches(sounds, targets, validation.clips, sampling),
        )

    @property
    def num_epochs(self) -> int:
        """Number of passes over the training clips."""
        return self.config.count_epochs(self.train_batches.num_batches)

    @property
    def num_steps(self) -> int:
        """Number of steps of the whole run."""
        return self.config.count_steps(self.train_batches.num_batches)

    @property
    def num_examples(self) -> int:
        """Number of training examples of the whole run: a clip has one in each epoch."""
        return self.count_examples(self.num_steps)

    def count_examples(self, steps: int) -> int:
        """Return the number of training examples of the first steps."""
        epochs, rest = divmod(steps, self.train_batches.num_batches)
        return epochs * self.num_clips + self.train_batches.count_clips(rest)

    @property
    def num_clips(self) -> int:
        """Number of training clips."""
        return len(self.train_batches)

    def warn_if_too_short(self) -> None:
        """Print a message where the steps are too few, at their learning rates, to learn anything."""
        steps_per_epoch = self.train_batches.num_batches
        if sum_rates(self.config, steps_per_epoch) >= LEAST_SUM_OF_RATES:
            return
        steps = self.num_steps
        advice = "set more epochs or a higher learning_rate"
        if self.config.recipe in ("jia2019", "soundnet2016"):
            advice = "for a small dataset use recipe=quick"
        print_message(
            f"warning: {steps} steps over {self.num_clips} clips at learning rates up to {self.config.learning_rate:g} are too few "
            f"to learn from; {advice}"
        )

    def train_step(self, batch: Batch, epoch: int, step: int) -> tuple[float, float]:
        """Take one step; return the loss before it and its learning rate.

        Parameters
        ----------
        batch
            The examples.
        epoch, step
            Counted from one over the whole run.

        Raises
        ------
        TrainingError
            When the loss is no longer a number; the weights are left as they were.
        """
        rate = schedule_rate(self.config, step - 1, self.train_batches.num_batches)
        set_rate(self.optimizer, rate)
        value = self.accumulator.compute(batch, self.objective, epoch, step)
        self.check(epoch, step, value)
        if self.config.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(step)
        return value, rate

    def with_average(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the network has the weights that are validated and delivered."""
        return contextlib.nullcontext() if self.average is None else self.average.in_place()

    def check(self, epoch: int, step: int, loss: float | None) -> None:
        """Check a loss; where there is none, check the weights and what they compute from a batch.

        Raises
        ------
        TrainingError
            When the loss, a weight or an output is not finite.
        """
        found = None if loss is None or math.isfinite(loss) else f"the loss is {loss}"
        if loss is None:
            found = self._find_not_finite(epoch, step)
        if found is not None:
            kept = f"the checkpoint of epoch {epoch - 1} is kept" if epoch > 1 else "no epoch was finished"
            hint = f"lower the learning rate (learning_rate is {self.config.learning_rate:g}); {kept}"
            raise TrainingError(f"epoch {epoch}, step {step}", found, "a number" if loss else "numbers", hint)

    def _find_not_finite(self, epoch: int, step: int) -> str | None:
        """Return what is not finite: weights, or the outputs for the batch of a step; None if all are finite."""
        for name, value in self.network.state_dict().items():
            if not bool(torch.isfinite(value).all()):
                return f"weights of {name} are not finite"
        number = (step - 1) % self.train_batches.num_batches
        waveform, _ = self.device.send(next(self.train_batches.batches(epoch, number)))
        self.network.eval()
        try:
            with torch.inference_mode(), self.device.autocast():
                outputs = self.objective.forward(waveform)
        finally:
            self.network.train()
        return None if bool(torch.isfinite(outputs).all()) else "the network's outputs are not finite"

    def describe(self) -> dict[str, Any]:
        """Return the network and the dataset, as the run's record and log hold them."""
        return {
            "model": self.network.name,
            "digest": self.dataset,
            "num_clips": self.num_clips,
            "num_validation_clips": len(self.validation_batches),
            "num_classes": len(self.vocabulary),
            "teachers": list(self.teachers),
            "steps_per_epoch": self.train_batches.num_batches,
        }

    def describe_checkpoint(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of :func:`~hearsight.models.checkpoint.save_checkpoint`, from an epoch's line of the log."""
        config = self.config
        scores = {key: line[key] for key in line if key.startswith("validation_") and isinstance(line[key], float)}
        training = {
            "recipe": config.recipe,
            "dataset": self.dataset,
            "teachers": list(self.teachers),
            "clips": self.num_clips,
            "sample_rate": self.training_sample_rate,
            "epochs": line["epoch"],
            "steps": line["step"],
            "batch_size": config.step_clips,
            "learning_rate": config.learning_rate,
            "seed": config.seed,
            "loss": line["loss"],
        }
        return {"vocabulary": self.vocabulary, "classes": self.classes, "training": training, "scores": scores}


def _list_origins(data: TrainingData, names: Sequence[str]) -> tuple[ClassOrigin, ...]:
    """Return the sense and the teacher of each class that is learned, where the dataset knows them."""
    if not isinstance(data, ClassifiedData):
        return ()
    senses: dict[str, Sense] = {"audio": "heard", "vision": "seen"}
    ids = list_class_ids(data)
    origins = [
        ClassOrigin(
            sense=senses[each.modality],
            teacher=each.teacher,
            id=ids.get((each.teacher, getattr(each, "class_index", -1))),
        )
        for each in data.classes
    ]
    by_name = dict(zip(data.names, origins, strict=True))
    return tuple(by_name[name] for name in names)


def _split(data: TrainingData, targets: TargetSource, config: TrainConfig) -> tuple[SplitStatistics, SplitStatistics]:
    """Choose the clips to train on and to validate on.

    Raises
    ------
    DatasetError
        When there are fewer than two clips to train on.
    """
    labelled_only = config.loss != "reconstruction" and config.targets == "labels"
    chosen = choose_media(data, data.indices("train"), config.media_share)
    chosen = choose_agreeing(data, chosen, config.min_agreement)
    training = compute_statistics(targets, chosen, labelled_only=labelled_only)
    clips, most = data.indices("validation"), config.validation_clips
    validation = compute_statistics(targets, clips, most=most, labelled_only=labelled_only)
    if len(training.clips) < 2:
        found = f"{len(training.clips)} training clips with labels"
        hint = "build from more videos, or with another policy or validation_share"
        raise DatasetError("the dataset", found, "at least 2", hint)
    if training.num_unlabelled or validation.num_unlabelled:
        print_message(f"{training.num_unlabelled + validation.num_unlabelled} clips have no label and are left out")
    if not len(validation.clips):
        print_message("there are no validation clips: training continues without accuracy and mAP")
    return training, validation


def _choose_options(targets: TargetSource, config: TrainConfig) -> dict[str, Any]:
    """Return the network's options, with a head for each teacher where the network can have heads."""
    options: dict[str, Any] = dict(config.options)
    if targets.heads and config.model in NETWORKS and "heads" in list_options(config.model):
        options["heads"] = list(targets.heads)
    return options
