"""Every knob, one frozen model per stage; TOML files and ``--set key=value`` overrides.

A configuration file has one table per stage, ``[build]``, ``[train]`` and so on. An override names a key of the stage at hand
(``cut.length=5``) or of any stage (``build.cut.length=5``). All mistakes are reported at once, and an unknown key guesses the
one that was meant.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from hearsight.errors import ConfigError, guess


class Stage(BaseModel):
    """A frozen configuration that knows all its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class CutConfig(Stage):
    """How a media file is cut into clips."""

    length: float = Field(default=4.0, ge=1.0, le=60.0)
    """Seconds of a clip (Jia 2019: 3 to 5, 4 on average)."""
    min_length: float = Field(default=3.0, ge=1.0, le=60.0)
    """Shortest clip in seconds."""
    max_length: float = Field(default=5.0, ge=1.0, le=60.0)
    """Longest clip in seconds."""
    tail: Literal["share", "merge", "drop", "keep"] = "share"
    """What becomes of the rest after the last whole clip. A rest of at least ``min_length`` is always a clip of its own. A shorter
    one is shared out with one or two clips before it, so that all stay within ``min_length`` and ``max_length`` (``share``: 10 s
    become 4 + 3 + 3); merged into the clip before it up to ``max_length`` (``merge``); dropped (``drop``); or kept as a short
    clip where it has at least one second (``keep``). Where there is no way to do so it is dropped."""

    @model_validator(mode="after")
    def _check_order(self) -> CutConfig:
        if not self.min_length <= self.length <= self.max_length:
            raise ValueError(
                f"min_length {self.min_length:g} <= length {self.length:g} <= max_length {self.max_length:g} does not hold"
            )
        return self


class ScreenConfig(Stage):
    """Which clips are not worth labelling."""

    min_loudness: float = Field(default=-60.0, ge=-120.0, le=0.0)
    """RMS level in dB of full scale below which a clip is silent."""
    min_motion: float = Field(default=0.25, ge=0.0, le=255.0)
    """Mean absolute difference of successive pictures (0 to 255) below which a clip is a still."""
    duplicates: Literal["drop", "keep"] = "drop"
    """Whether clips that sound and look like an earlier one are dropped."""


class PolicyConfig(Stage):
    """How soft labels become labels (Jia 2019, section 2)."""

    vision_top: int = Field(default=10, ge=1)
    """Visual labels per clip."""
    audio_top: int = Field(default=5, ge=1)
    """Most audio labels per clip."""
    audio_threshold: float | Literal["fit"] = "fit"
    """Probability that an audio label must reach; ``fit`` chooses it so that clips have ``audio_mean`` labels on average."""
    audio_mean: float = Field(default=3.0, gt=0.0)
    """Mean number of audio labels per clip that a fitted threshold aims at."""
    min_probability: float = Field(default=0.0, ge=0.0, le=1.0)
    """Labels of no more than this probability are left out, whatever their rank."""


class BuildConfig(Stage):
    """From videos to a labelled dataset."""

    vision: tuple[str, ...] = ("clusters",)
    """Specs of the vision teachers, ``kind:where``."""
    audio: tuple[str, ...] = ("clusters",)
    """Specs of the audio teachers, ``kind:where``."""
    images_per_second: float = Field(default=3.0, gt=0.0, le=60.0)
    """Pictures sent to each vision teacher (Jia 2019: 3)."""
    cut: CutConfig = CutConfig()
    screen: ScreenConfig = ScreenConfig()
    policy: PolicyConfig = PolicyConfig()
    soft_top: int = Field(default=100, ge=0)
    """Classes of a teacher's output that are kept per clip and per image or segment; 0 keeps all of them."""
    validation_share: float = Field(default=1 / 15, ge=0.0, lt=1.0)
    """Share of the 4,096 folds that is kept for validation (Jia 2019: 1 of 15 million)."""
    shard_clips: int = Field(default=2048, ge=1)
    """Clips per shard that the number of shards is chosen for."""
    max_failure_rate: float = Field(default=1.0, ge=0.0, le=1.0)
    """Share of media files that may be rejected before the command says so in its exit code."""
    seed: int = 0
    """Seed of everything that draws lots while building (the clusters)."""

    @model_validator(mode="after")
    def _check_kept(self) -> BuildConfig:
        _check_soft_top(self.soft_top, self.policy)
        if not self.vision and not self.audio:
            raise ValueError("no teacher at all: name at least one in vision or audio")
        return self


class MixConfig(Stage):
    """From a dataset to another one, of seconds and mixtures of its sounds that the audio teachers label anew."""

    clips: int = Field(default=12_000, ge=2)
    """Excerpts and mixtures to make, those for validation included."""
    length: float = Field(default=1.0, ge=1.0, le=60.0)
    """Seconds of each."""
    share: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of them that are mixtures; the rest are excerpts of one clip."""
    sounds: int = Field(default=2, ge=2, le=8)
    """Most sounds of a mixture; it has two of them at least."""
    level: float = Field(default=10.0, ge=0.0, le=40.0)
    """Greatest change of level, up or down, drawn for each sound, in dB."""
    speed: float = Field(default=1.0, ge=1.0, le=4.0)
    """Greatest change of speed, drawn for each sound: at 1.5 it is played up to 1.5 times as fast or as slowly, and higher or lower
    with it; the teachers hear it as it is played."""
    audio: tuple[str, ...] = ()
    """Specs of the audio teachers, ``kind:where``; those of the dataset where none is given."""
    vision: bool = False
    """Whether what the vision teachers saw meanwhile comes along; in a mixture, each clip counts by the level of its sound."""
    policy: PolicyConfig = PolicyConfig()
    soft_top: int = Field(default=100, ge=0)
    """Classes of a teacher's output that are kept; 0 keeps all of them."""
    shard_clips: int = Field(default=4096, ge=1)
    """Clips per shard that the number of shards is chosen for."""
    seed: int = Field(default=0, ge=0)
    """Seed of which sounds are taken, from where, how loud and how fast."""

    @model_validator(mode="after")
    def _check_kept(self) -> MixConfig:
        _check_soft_top(self.soft_top, self.policy)
        return self


def _check_soft_top(soft_top: int, policy: PolicyConfig) -> None:
    wanted = max(policy.vision_top, policy.audio_top)
    if 0 < soft_top < wanted:
        raise ValueError(f"soft_top {soft_top} keeps fewer classes than the policy chooses from ({wanted})")


_ConfigT = TypeVar("_ConfigT", bound=Stage)


def load_config(
    model: type[_ConfigT],
    stage: str,
    file: Path | None = None,
    overrides: Sequence[str] = (),
    /,
    **arguments: Any,
) -> _ConfigT:
    """Resolve a stage's configuration: defaults, then the file, then arguments that are not ``None``, then overrides.

    Parameters
    ----------
    model
        The stage's configuration model.
    stage
        Name of its table in the file.
    file
        A TOML file, or None.
    overrides
        ``key=value`` strings; the value is read as TOML and, failing that, as a bare string.
    arguments
        Values from the command line's own flags.

    Raises
    ------
    ConfigError
        Naming every unknown key, value out of range and syntax error at once.
    """
    values: dict[str, Any] = {}
    if file is not None:
        values = _read_stage(file, stage)
    values.update({key: value for key, value in arguments.items() if value is not None})
    for override in overrides:
        _apply_override(values, override, stage)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(error, model, str(file or "--set")) from error


def _read_stage(file: Path, stage: str) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(file, "no such file", "a TOML file with a table " + f"[{stage}]") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(file, f"cannot be read ({error})", "a TOML file") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, f"not TOML ({error})", "TOML") from error
    for name, table in tables.items():
        if name not in STAGES:
            raise ConfigError(file, f"unknown table [{name}]", "a stage", guess(name, STAGES))
        if not isinstance(table, dict):
            raise ConfigError(file, f"{name} is a value", f"a table [{name}]")
    return dict(tables.get(stage, {}))


def _apply_override(values: dict[str, Any], override: str, stage: str) -> None:
    key, equals, text = override.partition("=")
    key = key.strip()
    if not equals or not key:
        raise ConfigError(f"--set {override}", "no key=value", "for example cut.length=5")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    path = key.split(".")
    if path[0] in STAGES and len(path) > 1:
        if path[0] != stage:
            return
        path = path[1:]
    table = values
    for part in path[:-1]:
        inner = table.get(part, {})
        if not isinstance(inner, Mapping):
            raise ConfigError(f"--set {override}", f"{part} is a value", "a table")
        table[part] = dict(inner)
        table = table[part]
    table[path[-1]] = value


def _explain(error: ValidationError, model: type[Stage], where: str) -> ConfigError:
    lines: list[str] = []
    hints: list[str] = []
    for problem in error.errors(include_url=False):
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"unknown key {key!r}")
            hints.append(f"{key}: {guess(key, list_keys(model))}")
        else:
            value = f" = {problem['input']!r}" if not isinstance(problem["input"], Mapping) else ""
            lines.append(f"{key}{value}: {problem['msg'].removeprefix('Value error, ')}".removeprefix(": "))
    return ConfigError(where, "; ".join(lines), hint="; ".join(hints))


def list_keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    """List the dotted keys of a configuration model, those of inner tables included."""
    keys: list[str] = []
    for name, field in model.model_fields.items():
        kinds = [field.annotation, *get_args(field.annotation)]
        inner = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
        keys += list_keys(inner, f"{prefix}{name}.") if inner else [f"{prefix}{name}"]
    return keys


RECIPES: dict[str, dict[str, Any]] = {
    "jia2019": {},
    "quick": {
        "epochs": 15,
        "min_steps": 600,
        "batch_size": 32,
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "schedule": "one-cycle",
        "l2_penalty": 0.0,
        "weight_decay": 0.02,
        "segments": "anywhere",
        "prior": True,
        "precision": "auto",
    },
    "mixtures": {
        "model": "hearsight-conv-4",
        "targets": "soft",
        "epochs": 8,
        "min_steps": 1500,
        "batch_size": 64,
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "schedule": "one-cycle",
        "l2_penalty": 0.0,
        "weight_decay": 0.02,
        "segments": "anywhere",
        "prior": True,
        "precision": "auto",
    },
    "soundnet2016": {
        "model": "soundnet-8",
        "loss": "kl",
        "loss_weight": 250.0,
        "epochs": 4,
        "min_steps": 100_000,
        "batch_size": 64,
        "learning_rate": 1e-3,
        "decay": 1.0,
        "l2_penalty": 0.0,
        "segments": "anywhere",
    },
}
"""What each recipe of training sets; every other key has the default of :class:`TrainConfig`, which is the paper's."""


class TrainConfig(Stage):
    """From a dataset to a checkpoint (Jia 2019, section 3)."""

    recipe: Literal["jia2019", "quick", "mixtures", "soundnet2016"] = "jia2019"
    """Where the defaults of the keys below come from: the paper's, made for millions of clips; ``quick``, which learns from about a
    thousand clips in minutes on two cores; ``mixtures``, for what ``hearsight mix`` makes; or those of Aytar 2016. A key that is
    given overrules the recipe."""
    model: str = "jia-mobilenet-v2"
    """Name of the network, as ``models/zoo.py`` lists it."""
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Options of the network, for example ``width = 0.5``."""
    epochs: int = Field(default=30, ge=1)
    """Passes over the training clips (Jia 2019: about 30)."""
    min_steps: int = Field(default=0, ge=0)
    """Fewest steps: a small dataset is passed over more often than ``epochs`` says, until there are as many. A recipe's value
    does not count where ``epochs`` is given."""
    batch_size: int = Field(default=64, ge=2)
    """Clips per step (Jia 2019: 1,024 and 2,048 on four K40; 64 suits two cores and small datasets)."""
    loss: Literal["cross-entropy", "kl", "reconstruction"] = "cross-entropy"
    """What is minimised: the cross-entropy of the labels (Jia 2019); the divergence from the vision teachers' distributions, a
    softmax for each (Aytar 2016); or an autoencoder's error, which asks for no labels (Aytar 2016, section 4)."""
    targets: Literal["labels", "soft"] = "labels"
    """What the cross-entropy is taken from: a one for each label (Jia 2019), or the teachers' own probabilities of all classes, as
    far as the dataset keeps them."""
    loss_weight: float = Field(default=1.0, gt=0.0)
    """Factor on it (250 in the code of Aytar 2016)."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """Adam with an L2 penalty in the loss (Jia 2019), or AdamW, whose decay of the weights is no part of the loss."""
    learning_rate: float = Field(default=1e-4, gt=0.0)
    """First learning rate of the exponential schedule (Jia 2019: 1e-4), the highest of the one-cycle schedule."""
    schedule: Literal["exponential", "one-cycle"] = "exponential"
    """How the learning rate goes: times ``decay`` after every epoch (Jia 2019), or up in a straight line over the first fifth of
    all steps and down to zero along half a cosine."""
    decay: float = Field(default=0.9, gt=0.0, le=1.0)
    """Factor on the learning rate after every epoch (Jia 2019: 0.9)."""
    l2_penalty: float = Field(default=1.0, ge=0.0)
    """Weight of the regularisation loss beside the cross-entropy (Jia 2019: 1.0). That loss is ``l2_scale`` times half the sum of
    the squared kernels."""
    l2_scale: float = Field(default=1e-8, ge=0.0)
    """Scale of the kernels' regularisation loss, which Jia 2019 does not print (see ``docs/paper-notes.md``)."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """AdamW's decay of the kernels per unit of learning rate."""
    segments: Literal["grid", "anywhere"] = "grid"
    """Where in a clip its random second lies: one of its whole, non-overlapping seconds (Jia 2019), or anywhere."""
    visual_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Share of a clip's visual labels that is drawn each time it is heard, at least one, halves rounded up (Jia 2019: 5 of 10)."""
    prior: bool = False
    """Whether the last layer starts from the frequencies of the classes instead of from zero."""
    gain: float = Field(default=0.0, ge=0.0, le=40.0)
    """Greatest change of level, up or down, drawn for each segment, in dB."""
    mix: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of segments that are mixed with a segment of another clip, whose labels they take on as well."""
    validation_clips: int = Field(default=20_000, ge=1)
    """Most validation clips that are heard after each epoch."""
    keep: int = Field(default=1, ge=1)
    """Number of last epochs whose checkpoints are kept, beside that of the best epoch."""
    deliver: Literal["last", "best"] = "last"
    """Which epoch's network the finished run holds; the best is that of the highest mean average precision."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Precision of the convolutions; ``auto`` takes bfloat16 where the processor multiplies it natively."""
    fast: bool = True
    """Whether to train with channels last and a fused optimizer; without, the plain path that the fast one is measured against."""
    device: str = "auto"
    """``cpu``, ``cuda``, or ``auto``: a CUDA device where there is one."""
    threads: int = Field(default=0, ge=0)
    """Threads of the CPU; 0 takes one per core. A resumed run takes as many as it began with."""
    log_every: int = Field(default=10, ge=1)
    """Steps from one line of the run log to the next."""
    tensorboard: bool = False
    """Whether the run log is also written for TensorBoard, into ``tensorboard/`` of the run."""
    seed: int = Field(default=0, ge=0)
    """Seed of the weights, the order of clips, the segments and the labels drawn."""

    @model_validator(mode="after")
    def _check_targets(self) -> TrainConfig:
        if self.targets == "soft" and self.loss != "cross-entropy":
            raise ValueError(f"targets soft are for the loss cross-entropy, not {self.loss}, which has its own")
        return self

    @model_validator(mode="before")
    @classmethod
    def _take_recipe(cls, values: Any) -> Any:
        """Put the recipe's values under those that are given."""
        if isinstance(values, dict) and isinstance(values.get("recipe"), str):
            taken = dict(RECIPES.get(values["recipe"], {}))
            if "epochs" in values:
                taken.pop("min_steps", None)
            return {**taken, **values}
        return values

    def count_epochs(self, steps_per_epoch: int) -> int:
        """Count the passes over a dataset of ``steps_per_epoch`` steps: ``epochs``, or as many as ``min_steps`` take."""
        return max(self.epochs, -(-self.min_steps // steps_per_epoch))


class FinetuneConfig(Stage):
    """The budget of fine-tuning, for each split; AdamW and the one-cycle schedule of the recipe ``quick``."""

    epochs: int = Field(default=20, ge=1)
    """Passes over the training clips; each gives a segment per pass."""
    batch_size: int = Field(default=32, ge=2)
    """Segments per step."""
    learning_rate: float = Field(default=5e-4, gt=0.0)
    """Highest learning rate."""
    weight_decay: float = Field(default=0.02, ge=0.0)
    """Decay of the kernels per unit of learning rate."""


class EvaluateConfig(Stage):
    """From a model to its score on a benchmark (Jia 2019, section 4)."""

    beside: tuple[str, ...] = ()
    """Further models, spelled as the run is: their descriptions of a clip stand beside the run's, each counting alike, and one head
    is fitted on all of them (Aytar 2016, section 4.3). ``layer`` and ``untrained`` are of the run alone."""
    head: Literal["linear", "svm", "knn", "forest", "mlp", "jia", "softmax", "finetune"] = "linear"
    """What is fitted on the frozen embeddings: logistic regression, linear SVM one against all, nearest neighbours, random forest,
    a network with one hidden layer, the paper's single layer, or the softmax layer of Wu & Lee 2018; or, with ``finetune``,
    nothing: the whole network is trained on the training folds."""
    finetune: FinetuneConfig = FinetuneConfig()
    pool: Literal["mean", "max", "mean+max", "mean+deviation", "concat", "windows"] | None = None
    """How the embeddings of a clip's segments become one vector. ``concat`` is the paper's, for clips of one length; ``windows``
    keeps them apart: the head is fitted on segments, and a clip's scores are the mean of theirs (Aytar 2016). Where it is not
    given: ``concat`` for the head ``jia``, ``mean`` for ``softmax``, ``windows`` for a layer, else ``mean+max``."""
    layer: str | None = None
    """A layer of SoundNet, such as ``pool5``, to take in place of the embedding."""
    window: float | None = Field(default=None, gt=0.0)
    """Seconds of the windows that a layer is cut into; 5 for scenes and 1 for all else where it is not given (Aytar 2016)."""
    hop: float | None = Field(default=None, gt=0.0)
    """Seconds from window to window; half a window where it is not given."""
    untrained: bool = False
    """Whether the same network is scored with fresh weights."""
    seed: int = 0
    """Seed of fresh weights, of the splits that choose the classifier's strength, and of the interval."""
    strength: float | None = Field(default=None, gt=0.0)
    """C of a linear head, or the number of neighbours, trees or epochs; chosen within the training folds where it is not given."""
    clip_seconds: float | None = Field(default=None, gt=0.0)
    """Length that clips are cut or filled up to; the benchmark's own where it is not given."""
    unreadable: Literal["refuse", "exclude"] = "refuse"
    """Whether clips that cannot be read end the evaluation, or are left out and named beside the score."""
    resamples: int = Field(default=10_000, ge=100)
    """Resamples of the bootstrap that gives the interval of the accuracy."""
    measure_resamples: int = Field(default=1_000, ge=100)
    """Resamples, at most, of the bootstraps that give the intervals of all other measures, which take a sort per class."""
    balanced: int = Field(default=0, ge=0)
    """Clips per class of a balanced evaluation set that is drawn from the scored clips and measured beside them (Hershey 2017:
    about 33); 0 draws none."""
    against: Path | None = None
    """A dataset folder: clips of the benchmark that are in it, too, are named, and the score is given without them as well."""
    cache: bool = True
    """Whether the embeddings of a benchmark are kept for the next time."""


STAGES: tuple[str, ...] = ("build", "mix", "train", "evaluate")
"""Names of the tables a configuration file may have."""
