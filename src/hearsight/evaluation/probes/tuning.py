"""Training a copy of a network on a benchmark's clips; after a kill it continues."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor, nn

from hearsight.config import FinetuneConfig, TrainConfig
from hearsight.console import print_message
from hearsight.errors import CheckpointError, TrainingError
from hearsight.evaluation.probes.registry import FINETUNE
from hearsight.models.network import Network
from hearsight.models.tensors import read_tensors, write_tensors
from hearsight.models.zoo import build_network
from hearsight.training.step.device import Device
from hearsight.training.step.optimizer import export_state, import_state, make_optimizer, schedule_rate, set_rate

SAVE_SECONDS = 60.0
"""Seconds of training after which the state is saved again: what a kill may cost."""
ORDER = "order-2"
"""The version of how clips and excerpts are drawn; scores of another version are not taken from the cache."""
_STEP = "step"


@runtime_checkable
class Sounds(Protocol):
    """The sounds of clips."""

    @property
    def lengths(self) -> Int64[np.ndarray, " clips"]:
        """Samples of each clip."""
        ...

    def read(self, clip: int) -> Float32[np.ndarray, " samples"]:
        """Return the sound of a clip."""
        ...


@dataclasses.dataclass(frozen=True)
class TuningExamples:
    """The clips that a network is fine-tuned on.

    Attributes
    ----------
    sounds
        The sounds of all clips of the benchmark.
    targets
        Which classes each of them has.
    clips
        Those to train on.
    """

    sounds: Sounds
    targets: Bool[np.ndarray, "clips classes"]
    clips: Int64[np.ndarray, " chosen"]


@dataclasses.dataclass
class _Tuning:
    """A network in fine-tuning, and how many steps it has taken."""

    network: Network
    optimizer: torch.optim.Optimizer
    device: Device
    step: int = 0

    def save(self, path: Path) -> None:
        """Write the state; where that cannot be, print a message."""
        tensors = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        tensors |= {f"optimizer/{name}": value for name, value in export_state(self.network, self.optimizer).items()}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_tensors(path, {**tensors, _STEP: torch.tensor(self.step)})
        except OSError as error:
            print_message(f"{path}: not kept ({error})")

    def restore(self, path: Path) -> None:
        """Continue from a saved state, if there is one."""
        if not path.exists():
            return
        try:
            tensors = read_tensors(path)
            self.step = int(tensors.pop(_STEP))
            groups: dict[str, dict[str, Tensor]] = {"network": {}, "optimizer": {}}
            for name, value in tensors.items():
                kind, _, key = name.partition("/")
                groups[kind][key] = value
            self.network.load_state_dict(groups["network"])
            import_state(self.network, self.optimizer, groups["optimizer"])
        except (KeyError, RuntimeError) as error:
            hint = "remove the file: this fold is then trained from its beginning"
            raise CheckpointError(path, f"{error}", "the state of this fine-tuning", hint) from error


def tune(
    network: Network, examples: TuningExamples, config: FinetuneConfig, seed: int, state: Path | None = None
) -> Iterator[int]:
    """Train a network in place.

    Parameters
    ----------
    network
        Is in evaluation mode afterwards.
    examples
        What it is trained on.
    config
        The budget.
    seed
        Of the order of clips, their excerpts, and dropout.
    state
        The file that holds the state between a kill and the next call, which reaches the same weights from it. It is removed at
        the end. With None nothing is kept.

    Yields
    ------
    int
        Numbers of epochs that are done since the last one.

    Raises
    ------
    TrainingError
        When the loss is no longer a number.
    CheckpointError
        When the state is damaged.
    """
    plan = TrainConfig(
        recipe="quick", epochs=config.epochs, learning_rate=config.learning_rate, weight_decay=config.weight_decay
    )
    device = Device.resolve(plan)
    steps = -(-len(examples.clips) // config.batch_size)
    network = device.place(network).train()
    tuning = _Tuning(network, make_optimizer(network, plan), device)
    if state is not None:
        tuning.restore(state)
    saved = time.monotonic()
    with device.deterministic():
        yield tuning.step // steps
        for epoch in range(tuning.step // steps, config.epochs):
            batches, starts = _draw_epoch(examples, network.example_samples, steps, (seed, epoch))
            for number in range(tuning.step % steps, steps):
                set_rate(tuning.optimizer, schedule_rate(plan, tuning.step, steps))
                device.seed(seed, epoch, number)
                _take_step(tuning, examples, batches[number], starts[number], epoch)
                if state is not None and time.monotonic() - saved > SAVE_SECONDS:
                    tuning.save(state)
                    saved = time.monotonic()
            yield 1
    network.eval()
    if state is not None:
        with contextlib.suppress(OSError):
            state.unlink(missing_ok=True)


def _draw_epoch(
    examples: TuningExamples, length: int, steps: int, key: tuple[int, int]
) -> tuple[list[Int64[np.ndarray, " batch"]], list[Int64[np.ndarray, " batch"]]]:
    """Return the clips of each step of an epoch, and where the excerpt of each clip starts."""
    generator = np.random.default_rng(key)
    clips = generator.permutation(examples.clips)
    starts = generator.integers(0, np.maximum(0, examples.sounds.lengths[clips] - length) + 1)
    return np.array_split(clips, steps), np.array_split(starts, steps)


def _take_step(
    tuning: _Tuning,
    examples: TuningExamples,
    clips: Int64[np.ndarray, " batch"],
    starts: Int64[np.ndarray, " batch"],
    epoch: int,
) -> None:
    network, device = tuning.network, tuning.device
    pairs = zip(clips, starts, strict=True)
    excerpts = [_cut(examples.sounds.read(int(clip)), int(start), network) for clip, start in pairs]
    waveform = torch.from_numpy(np.stack(excerpts)).to(device.name)
    wanted = torch.from_numpy(examples.targets[clips].astype(np.float32)).to(device.name)
    loss = _measure_loss(network(waveform).logits[:, 0], wanted, exclusive=bool(network.heads))
    if not math.isfinite(float(loss.detach())):
        found = f"a loss of {float(loss.detach())} in epoch {epoch + 1}"
        raise TrainingError(FINETUNE, found, "a number", "lower finetune.learning_rate")
    tuning.optimizer.zero_grad()
    loss.backward()
    tuning.optimizer.step()
    tuning.step += 1


def replace_output(network: Network, num_classes: int, *, exclusive: bool, seed: int) -> Network:
    """Return the same network with a fresh last layer for other classes; all other weights are copies."""
    options = {key: value for key, value in network.options.items() if key != "heads"}
    fresh = build_network(network.name, num_classes, seed=seed, **options)
    fresh.heads = (num_classes,) if exclusive else ()
    (output,) = (name for name, module in fresh.named_modules() if module is fresh.output_layer)
    kept = {key: value for key, value in network.state_dict().items() if not key.startswith(f"{output}.")}
    fresh.load_state_dict(kept, strict=False)
    return fresh


def _cut(waveform: Float32[np.ndarray, " samples"], start: int, network: Network) -> Float32[np.ndarray, " excerpt"]:
    """Return an excerpt as long as the network takes; a shorter clip is repeated, or padded with silence."""
    length = network.example_samples
    if len(waveform) < length:
        return np.resize(waveform, length) if network.repeats_short else np.pad(waveform, (0, length - len(waveform)))
    return waveform[start : start + length]


def _measure_loss(
    logits: Float[Tensor, "batch classes"], targets: Float[Tensor, "batch classes"], *, exclusive: bool
) -> Float[Tensor, ""]:
    if exclusive:
        return nn.functional.cross_entropy(logits, targets)
    return nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1).mean()
