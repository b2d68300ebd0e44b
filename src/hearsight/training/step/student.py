"""The network in training, with its data, objective and optimizer."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import torch

from hearsight.config import TrainConfig
from hearsight.console import print_message
from hearsight.errors import TrainingError
from hearsight.models.adoption import Classes, freeze_layers
from hearsight.models.checkpoint_config import ClassOrigin
from hearsight.models.network import Network
from hearsight.models.training_network import build_training_network
from hearsight.training.data.batches import ORDER, Batch, Order, SamplingConfig, TrainBatches, ValidationBatches
from hearsight.training.data.dataset import TrainingData, list_origins, list_teachers, name_clips
from hearsight.training.data.sounds import match_sample_rate
from hearsight.training.data.sparse import LEAST_CLASSES
from hearsight.training.data.split import choose_clips
from hearsight.training.data.steps import StepTargets
from hearsight.training.data.targets import make_targets
from hearsight.training.data.weighting import compute_weights
from hearsight.training.group import SOLO, Group
from hearsight.training.step.accumulation import Accumulator
from hearsight.training.step.averaging import WeightAverage
from hearsight.training.step.batch_norm import check_synchronised, synchronise_batch_norm
from hearsight.training.step.device import Device
from hearsight.training.step.initial import adopt_initial
from hearsight.training.step.local import LocalSteps
from hearsight.training.step.masking import mask_in_training
from hearsight.training.step.objectives import Objective, choose_options, count_outputs, make_objective
from hearsight.training.step.optimizer import advise_too_short, make_optimizer, schedule_rate, set_rate
from hearsight.training.step.watch import StepWatch, find_not_finite


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """What a run keeps when it is continued, except its configuration, and who trains it.

    Attributes
    ----------
    order
        Version of the order of clips.
    least_parts
        Minimum number of parts of a step: the number of processes that the run began with.
    group
        The processes.
    initial
        Where the weights came from that the run began with; None for a new run, or fresh weights.
    has_checkpoint
        Whether the weights will be restored from one.
    """

    order: Order = ORDER
    least_parts: int = 1
    group: Group = SOLO
    initial: Mapping[str, Any] | None = None
    has_checkpoint: bool = False


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
    data
        The dataset.
    dataset
        Digest of the dataset.
    initial
        Where the weights came from that the run began with; None where they were fresh.
    training_sample_rate
        Sample rate of the dataset's sounds in Hz: no network learns anything above half of it.
    network, objective, optimizer
        What is trained, what is minimised, and by what.
    accumulator, local, group
        What computes the gradients; what averages the processes where they take separate steps; the processes.
    average
        The moving average of the weights, where the configuration asks for one.
    watch
        What judges the loss of each step.
    train_batches, validation_batches
        The examples.
    """

    config: TrainConfig
    device: Device
    vocabulary: tuple[str, ...]
    classes: tuple[ClassOrigin, ...]
    teachers: tuple[str, ...]
    data: TrainingData
    dataset: str
    initial: Mapping[str, Any] | None
    training_sample_rate: int
    network: Network
    objective: Objective
    optimizer: torch.optim.Optimizer
    average: WeightAverage | None
    accumulator: Accumulator
    local: LocalSteps
    group: Group
    watch: StepWatch
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
        training, validation = choose_clips(data, targets, config)
        options = choose_options(config, targets.heads)
        network = build_training_network(config.model, len(targets.names), options, seed=config.seed)
        if config.loss == "softmax":
            network.heads = targets.heads
        objective = make_objective(config, network)
        if config.prior:
            network.set_prior(torch.from_numpy(training.frequencies).float())
        classes, initial = list_origins(data, targets.names), plan.initial
        if config.initial and not plan.has_checkpoint:
            initial = adopt_initial(network, config, Classes(targets.names, classes), plan.initial)
        freeze_layers(network, config.freeze)
        network = device.place(network).train()
        mask_in_training(network, config.time_mask, config.mel_mask)
        sounds = match_sample_rate(data, network.sample_rate)
        segment_samples = round(config.excerpt * network.sample_rate) or network.example_samples
        if config.excerpt:
            targets = StepTargets(data, config.excerpt, count_outputs(network, segment_samples))
        sampling = SamplingConfig(
            segment_samples=segment_samples,
            repeat_short=bool(config.excerpt),
            sparse=config.fast and config.loss == "cross-entropy" and len(targets.names) >= LEAST_CLASSES,
            int16=device.name != "cpu",
            skip_unreadable=config.bad_clips == "skip",
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
        train_batches = TrainBatches(
            sounds, targets, training.clips, sampling, compute_weights(data, targets, training.clips, config)
        )
        check_synchronised(config, plan.group, plan.least_parts, train_batches)
        if config.sync_batch_norm:
            synchronise_batch_norm(network, plan.group)
        optimizer = make_optimizer(network, config)
        return cls(
            config=config,
            device=device,
            vocabulary=targets.names,
            classes=classes,
            teachers=tuple(list_teachers(data)),
            data=data,
            dataset=data.digest,
            initial=initial,
            training_sample_rate=data.sample_rate,
            network=network,
            objective=objective,
            optimizer=optimizer,
            average=WeightAverage(network, config.average) if config.average else None,
            accumulator=Accumulator(network, device, config, plan.group),
            local=LocalSteps(network, optimizer, plan.group, config.sync_every),
            group=plan.group,
            watch=StepWatch(network, config.spike, skip=config.bad_steps == "skip"),
            train_batches=train_batches,
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
        advice = advise_too_short(self.config, self.train_batches.num_batches)
        if advice is None:
            return
        print_message(
            f"warning: {self.num_steps} steps over {self.num_clips} clips at learning rates up to "
            f"{self.config.learning_rate:g} are too few to learn from; {advice}"
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
            When the loss is no longer a number, or a spike, and such steps are not left out; the weights are left as they were.
        """
        rate = schedule_rate(self.config, step - 1, self.train_batches.num_batches)
        set_rate(self.optimizer, rate)
        self.watch.keep_statistics()
        value = self.accumulator.compute(batch, self.objective, epoch, step)
        wrong = self.watch.judge(value, batch.num_clips)
        if wrong is None:
            self._change_weights(step)
        else:
            self._leave_out(epoch, step, wrong)
        if self.local.is_local:
            last = step % self.train_batches.num_batches == 0 or step == self.num_steps
            self.accumulator.stop = self.local.finish_step(step, last=last, stop=self.accumulator.stop)
        return value, rate

    def _change_weights(self, step: int) -> None:
        if self.config.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimizer.step()
        if self.average is not None:
            self.average.update(step)

    def _leave_out(self, epoch: int, step: int, wrong: str) -> None:
        """Undo a bad step, with a message that names its clips; or raise, where it is not to be left out."""
        clips = f"the batch has the clips {name_clips(self.data, self.list_clips(epoch, step))}"
        if not self.watch.leave_out():
            wanted = "a number" if "spike" not in wrong else f"at most {self.config.spike:g} times as much"
            raise self.explain(epoch, step, wrong, wanted, clips)
        if self.group.is_leader:
            print_message(f"warning: epoch {epoch}, step {step} is left out: {wrong}; {clips}")

    def list_clips(self, epoch: int, step: int) -> list[int]:
        """Return the indices of the clips of a step, of all processes."""
        number = (step - 1) % self.train_batches.num_batches
        return next(self.train_batches.order(epoch, number, number + 1)).tolist()

    def explain(self, epoch: int, step: int, found: str, wanted: str, about: str = "") -> TrainingError:
        """Return the error of a step, with what to try, what has been kept, and a few words about the step."""
        kept = f"the checkpoint of epoch {epoch - 1} is kept" if epoch > 1 else "no epoch was finished"
        lower = f"lower the learning rate (learning_rate is {self.config.learning_rate:g})"
        if about and self.config.bad_steps == "stop":
            lower += ", or leave out such steps (bad_steps=skip)"
        hint = "; ".join(part for part in (lower, kept, about) if part)
        return TrainingError(f"epoch {epoch}, step {step}", found, wanted, hint)

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
            number = (step - 1) % self.train_batches.num_batches
            waveform, _ = self.device.send(next(self.train_batches.batches(epoch, number)))
            found = find_not_finite(self.network, self.objective, self.device, waveform)
        if found is not None:
            raise self.explain(epoch, step, found, "a number" if loss else "numbers")

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
            **({"begun_with": dict(self.initial)} if self.initial else {}),
        }
        return {"vocabulary": self.vocabulary, "classes": self.classes, "training": training, "scores": scores}
