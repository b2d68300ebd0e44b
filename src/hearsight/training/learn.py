"""Build, mix and train in one call, with defaults for newcomers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hearsight.config import BuildConfig, MixConfig, TrainConfig, list_keys, load_config
from hearsight.console import ProgressCallback, redirect_progress
from hearsight.dataset.build import build_dataset
from hearsight.dataset.mixing.mix import mix_dataset
from hearsight.dataset.mixing.teachers import load_given_teachers
from hearsight.dataset.statistics import BuildSummary
from hearsight.errors import ConfigError, UsageError, guess
from hearsight.models.training_network import check_training_network
from hearsight.training.loop import TrainSummary, train


@dataclasses.dataclass(frozen=True)
class LearnSummary:
    """The summary of each stage; ``mix`` is None where nothing was mixed."""

    build: BuildSummary
    mix: BuildSummary | None
    train: TrainSummary

    def describe(self) -> list[str]:
        """Return the summaries in lines to print."""
        mixed = [f"mixtures: {line}" for line in self.mix.describe()] if self.mix else []
        return [*self.build.describe(), *mixed, *self.train.describe()]


@dataclasses.dataclass(frozen=True)
class LearnConfigs:
    """The configuration of each stage; ``mix`` is None where training uses the dataset itself."""

    build: BuildConfig = dataclasses.field(default_factory=BuildConfig)
    mix: MixConfig | None = None
    train: TrainConfig = dataclasses.field(default_factory=lambda: TrainConfig(recipe="quick"))


def load_learn_configs(
    file: Path | None, overrides: Sequence[str], /, *, model: str | None = None, **teachers: Any
) -> LearnConfigs:
    """Resolve the configurations of all stages.

    An override has the name of its stage (``train.epochs=5``), or a key of build or train (``epochs=5``) or of both (``seed=5``).
    Keys of mixing need the name of the stage. The default recipe is ``quick``, because the paper's is made for millions of clips.
    With the recipe ``mixtures``, training uses mixtures of the dataset's sounds.

    Raises
    ------
    ConfigError
        For a key that no stage has, and for all mistakes that :func:`~hearsight.config.load_config` finds.
    """
    known = {"build": list_keys(BuildConfig), "train": list_keys(TrainConfig), "mix": []}
    chosen: dict[str, list[str]] = {"build": [], "train": [], "mix": []}
    for override in overrides:
        key = override.partition("=")[0].strip()
        stage, _, rest = key.partition(".")
        stages = [stage] if stage in known and rest else [name for name, keys in known.items() if key in keys]
        if not stages:
            every = [f"{name}.{one}" for name, keys in known.items() for one in keys]
            every += [f"mix.{one}" for one in list_keys(MixConfig)]
            raise ConfigError(
                "--set",
                f"unknown key {key!r}",
                "a key of build or train, or mix.KEY",
                guess(key, [*every, *known["build"], *known["train"]]),
            )
        for name in stages:
            chosen[name].append(override)
    build = load_config(BuildConfig, "build", file, chosen["build"], **teachers)
    training = load_config(TrainConfig, "train", file, chosen["train"], model=model)
    if "recipe" not in training.model_fields_set:
        training = load_config(TrainConfig, "train", file, ["recipe=quick", *chosen["train"]], model=model)
    mix = load_config(MixConfig, "mix", file, chosen["mix"])
    if training.recipe == "mixtures":
        return LearnConfigs(build, mix, training)
    if chosen["mix"]:
        raise ConfigError("--set", f"{chosen['mix'][0]}, but nothing is mixed", hint="add --set train.recipe=mixtures")
    return LearnConfigs(build, None, training)


def check_network(name: str, options: dict[str, Any]) -> None:
    """Check the network's name and options before hours of building, not after.

    Raises
    ------
    UsageError
        As :func:`~hearsight.models.training_network.check_training_network` does.
    """
    check_training_network(name, options)


def check_audio_teachers(build: BuildConfig, mix: MixConfig) -> None:
    """Check that there are audio teachers to label the mixtures, before hours of building and not after.

    Raises
    ------
    UsageError
        When no audio teacher is named, or one for mixing has no fixed classes.
    TeacherError
        When the model of one for mixing is absent or broken.
    """
    if not build.audio and not mix.audio:
        raise UsageError("recipe mixtures", "no audio teacher", "one to label mixtures", "--audio SPEC")
    load_given_teachers(mix.audio)


def learn_from_media(
    sources: Sequence[str | Path],
    out: Path,
    configs: LearnConfigs | None = None,
    *,
    workers: int | None = None,
    progress: ProgressCallback | None = None,
) -> LearnSummary:
    """Build the dataset ``out/dataset``, mix it into ``out/mixtures`` if asked to, and train the run ``out`` on it.

    When it is called again, each stage continues where it stopped.

    Parameters
    ----------
    sources
        Files, folders, globs or lists of videos.
    out
        The run folder.
    configs
        The configuration of each stage.
    workers
        Number of worker processes; by default one per processor.
    progress
        Called with the progress of every stage, in place of progress bars.

    Raises
    ------
    DatasetError, RunError, UsageError
        As :func:`~hearsight.dataset.build.build_dataset` and :func:`~hearsight.training.loop.train` do.
    """
    configs = configs or LearnConfigs()
    check_network(configs.train.model, configs.train.options)
    if configs.mix is not None:
        check_audio_teachers(configs.build, configs.mix)
    dataset = Path(out) / "dataset"
    # once training has begun, the dataset must stay as it is: files that failed are not tried again
    retry = not (Path(out) / "run.json").exists()
    with redirect_progress(progress):
        built, mixed = build_dataset(sources, dataset, configs.build, workers=workers, retry=retry), None
        if configs.mix is not None:
            mixtures = Path(out) / "mixtures"
            mixed = mix_dataset(dataset, mixtures, configs.mix, workers=workers)
            dataset = mixtures
        return LearnSummary(built, mixed, train(dataset, Path(out), configs.train))
