"""The knobs of training, and the recipes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from hearsight.config.stage import Stage

_LITTLE_DATA: dict[str, Any] = {
    "optimizer": "adamw",
    "learning_rate": 2e-3,
    "schedule": "one-cycle",
    "l2_penalty": 0.0,
    "weight_decay": 0.02,
    "segments": "anywhere",
    "prior": True,
    "precision": "auto",
}
"""What our own recipes, for minutes or hours of video, have in common."""

RECIPES: dict[str, dict[str, Any]] = {
    "jia2019": {},
    "quick": {**_LITTLE_DATA, "epochs": 15, "min_steps": 600, "batch_size": 32},
    "mixtures": {
        **_LITTLE_DATA,
        "model": "hearsight-conv-4",
        "targets": "soft",
        "epochs": 8,
        "min_steps": 1500,
        "batch_size": 64,
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
    loss: Literal["cross-entropy", "kl", "l2", "reconstruction"] = "cross-entropy"
    """What is minimised: the cross-entropy of the labels (Jia 2019); the divergence from the vision teachers' distributions, a
    softmax for each (Aytar 2016), or the squared error of it (Aytar 2016, Table 5, where it does much worse); or an autoencoder's
    error, which asks for no labels (Aytar 2016, section 4)."""
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
