"""Videos in, a checkpoint out: build and train in one call, with defaults that a newcomer need not touch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from hearsight.config import BuildConfig, TrainConfig, list_keys, load_config
from hearsight.dataset.build import build_dataset
from hearsight.dataset.statistics import BuildSummary
from hearsight.errors import ConfigError, guess
from hearsight.models.zoo import build_network
from hearsight.training.loop import TrainSummary, train


@dataclasses.dataclass(frozen=True)
class LearnSummary:
    """What both stages say."""

    build: BuildSummary
    train: TrainSummary

    def describe(self) -> list[str]:
        """Say it in lines for a person."""
        return [*self.build.describe(), *self.train.describe()]


def load_learn_configs(
    file: Path | None, overrides: Sequence[str], /, *, model: str | None = None, **teachers: Any
) -> tuple[BuildConfig, TrainConfig]:
    """Resolve the configurations of both stages.

    An override names its stage (``train.epochs=5``), or a key that belongs to one of them (``epochs=5``) or to both (``seed=5``).
    Where nobody chose a recipe, training takes the quick one: the paper's is made for millions of clips.

    Raises
    ------
    ConfigError
        For a key of neither stage, and for all that :func:`~hearsight.config.load_config` refuses.
    """
    known = {"build": list_keys(BuildConfig), "train": list_keys(TrainConfig)}
    chosen: dict[str, list[str]] = {"build": [], "train": []}
    for override in overrides:
        key = override.partition("=")[0].strip()
        stage, _, rest = key.partition(".")
        stages = [stage] if stage in known and rest else [name for name, keys in known.items() if key in keys]
        if not stages:
            every = [f"{name}.{one}" for name, keys in known.items() for one in keys]
            raise ConfigError(
                "--set",
                f"unknown key {key!r}",
                "a key of build or train",
                guess(key, [*every, *known["build"], *known["train"]]),
            )
        for name in stages:
            chosen[name].append(override)
    build = load_config(BuildConfig, "build", file, chosen["build"], **teachers)
    training = load_config(TrainConfig, "train", file, chosen["train"], model=model)
    if "recipe" not in training.model_fields_set:
        training = load_config(TrainConfig, "train", file, ["recipe=quick", *chosen["train"]], model=model)
    return build, training


def check_network(name: str, options: dict[str, Any]) -> None:
    """Find a mistake in the network's name or options before hours of building, not after.

    Raises
    ------
    UsageError
        As :func:`~hearsight.models.zoo.build_network` does.
    """
    with torch.device("meta"):
        build_network(name, 1, **options)


def learn_from_media(
    sources: Sequence[str | Path],
    out: Path,
    build: BuildConfig | None = None,
    training: TrainConfig | None = None,
    *,
    workers: int | None = None,
) -> LearnSummary:
    """Build the dataset ``out/dataset`` and train the run ``out`` on it; run again, both go on where they stopped.

    Raises
    ------
    DatasetError, UsageError
        As :func:`~hearsight.dataset.build.build_dataset` and :func:`~hearsight.training.loop.train` do.
    """
    training = training or TrainConfig(recipe="quick")
    check_network(training.model, training.options)
    dataset = Path(out) / "dataset"
    built = build_dataset(sources, dataset, build, workers=workers)
    return LearnSummary(built, train(dataset, Path(out), training, resume=True))
