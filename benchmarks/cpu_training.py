"""How much faster does a network train than by a plain eager loop of PyTorch, on the processors?

Both sides train the same fresh network on the same examples of generated sound, in turn and in separate processes. The plain side
is what PyTorch's tutorial writes: a `Dataset`, a `DataLoader`, single precision, `torch.optim.Adam`, nothing set. Our side is the
loop of `hearsight train` with its default recipe. The losses of both are compared step by step. Wanted: at least 1.5 times for
MobileNetV2 and ResNet-50, and no network slower.

    python -m benchmarks.cpu_training
    python -m benchmarks.cpu_training --models soundnet-8 --batch 16

On a machine with other work to do, `--threads 1 --clock cpu` counts the seconds of the processors instead of those on the wall.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import DataLoader

from benchmarks.verdict import print_verdict
from hearsight.config import TrainConfig
from hearsight.models.zoo import build_network
from hearsight.prefetch import prefetch
from hearsight.training.step.device import Device
from hearsight.training.step.student import Student

WANTED = {"jia-mobilenet-v2": 1.5, "jia-resnet-50": 1.5}
"""Least ratios; of other networks 1."""
TOLERANCE = 1e-3
"""Largest relative difference of the losses of a step."""
MODELS = ("jia-mobilenet-v2", "jia-resnet-50", "jia-vggish-fcn", "hearsight-conv-4", "wu-alexnet-bn-gap", "hershey-fc")
NUM_CLASSES = 500
UNTIMED = 2
"""First steps, in which memory is allocated."""


@dataclasses.dataclass(frozen=True)
class Labels:
    """The labels of a clip."""

    visual: np.ndarray
    audio: np.ndarray


class Noise:
    """Clips of one second of noise with ten labels each, so that nothing is left to be drawn but their order."""

    names = tuple(f"class {index}" for index in range(NUM_CLASSES))
    sample_rate = 16_000
    digest = "noise"

    def __init__(self, num_clips: int, seconds: float) -> None:
        random = np.random.default_rng(0)
        self._sounds = random.integers(-3000, 3000, (num_clips, round(seconds * self.sample_rate)), dtype=np.int16)
        self._labels = random.integers(0, NUM_CLASSES, (num_clips, 10), dtype=np.int32)

    @property
    def num_samples(self) -> np.ndarray:
        """Length of each clip."""
        return np.full(len(self._sounds), self._sounds.shape[1], np.int32)

    def indices(self, split: Literal["train", "validation"]) -> np.ndarray:
        """Every clip is for training."""
        return np.arange(len(self._sounds) if split == "train" else 0)

    def read(self, index: int, start: int = 0, num_samples: int | None = None) -> np.ndarray:
        """Return samples of a clip."""
        return self._sounds[index][start:][:num_samples]

    def labels(self, index: int) -> Labels:
        """Return the labels of a clip."""
        return Labels(self._labels[index], np.zeros(0, np.int32))


class PlainDataset(torch.utils.data.Dataset[tuple[np.ndarray, np.ndarray]]):
    """What the plain side reads."""

    def __init__(self, data: Noise) -> None:
        self._data = data

    def __len__(self) -> int:
        return len(self._data.num_samples)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        targets = np.zeros(NUM_CLASSES, np.float32)
        targets[self._data.labels(index).visual] = 1.0
        return self._data.read(index).astype(np.float32) / 32768, targets


def main() -> None:
    """Print the ratio of each network; or the times of one side, in a separate process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--workers", type=int, default=1, help="of the plain side's DataLoader")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--side", choices=("plain", "ours"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(_time_steps(options)))
        return
    for model in options.models:
        compare(model, options)


def compare(model: str, options: argparse.Namespace) -> None:
    """Time both sides in turn, and print their ratio and how much their losses differ."""
    seconds: dict[str, list[float]] = {"plain": [], "ours": []}
    losses: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for side, found in seconds.items():
            result = _run(model, side, options)
            found += result["seconds"]
            losses[side] = result["losses"]
    medians = {side: statistics.median(found) for side, found in seconds.items()}
    pairs = zip(losses["plain"], losses["ours"], strict=True)
    difference = max(abs(one - other) / abs(one) for one, other in pairs)
    rates = ", ".join(f"{side} {options.batch / median:.1f}" for side, median in medians.items())
    print(f"{model}: {rates} clips/s ({options.clock} clock)", flush=True)
    print_verdict(f"largest relative difference of the losses, {model}", difference, "below", TOLERANCE)
    wanted = WANTED.get(model, 1.0)
    print_verdict(
        f"clips per second over plain PyTorch, {model}", medians["plain"] / medians["ours"], "at least", wanted
    )


def _run(model: str, side: str, options: argparse.Namespace) -> dict[str, list[float]]:
    words = [sys.executable, "-m", "benchmarks.cpu_training", "--side", side, "--models", model]
    for name in ("batch", "steps", "threads", "workers", "clock"):
        words += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def _time_steps(options: argparse.Namespace) -> dict[str, list[float]]:
    """Take some steps on one side; return the seconds of each but the first, and the losses."""
    torch.set_num_threads(options.threads)
    model, num_steps = options.models[0], options.steps + UNTIMED
    rate = build_network(model, 1).sample_rate
    config = TrainConfig(model=model, batch_size=options.batch, visual_share=1.0, threads=options.threads, device="cpu")
    data = Noise(options.batch * num_steps, build_network(model, 1).example_samples / rate)
    data.sample_rate = rate
    student = Student.prepare(data, config, Device.resolve(config))
    steps = _step_ours(student) if options.side == "ours" else _step_plainly(data, config, student, options.workers)
    clock = time.process_time if options.clock == "cpu" else time.perf_counter
    seconds: list[float] = []
    losses: list[float] = []
    begun = clock()
    for loss in steps:
        seconds.append(clock() - begun)
        losses.append(loss)
        begun = clock()
    return {"seconds": seconds[UNTIMED:], "losses": losses}


def _step_ours(student: Student) -> Iterator[float]:
    with student.device.deterministic():
        for step, batch in enumerate(prefetch(student.train_batches.batches(1)), start=1):
            yield student.train_step(batch, 1, step)[0]


def _step_plainly(data: Noise, config: TrainConfig, student: Student, workers: int) -> Iterator[float]:
    """Train in the plain way; of the student only the order of the clips is taken."""
    network = build_network(config.model, NUM_CLASSES, seed=config.seed).train()
    kernels = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": kernels, "weight_decay": config.l2_scale}, {"params": others}]
    optimizer = torch.optim.Adam(groups, lr=config.learning_rate)
    order = [clips.tolist() for clips in student.train_batches.order(1)]
    for waveform, targets in DataLoader(PlainDataset(data), batch_sampler=order, num_workers=workers):
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(network(waveform).logits[:, 0], targets)
        loss.backward()
        optimizer.step()
        yield loss.item()


if __name__ == "__main__":
    main()
