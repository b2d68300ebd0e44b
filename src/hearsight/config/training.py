"""The configuration of training, and the recipes."""

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
"""What our own recipes, made for minutes or hours of video, have in common."""

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
    "finetune": {**_LITTLE_DATA, "epochs": 20, "min_steps": 200, "batch_size": 32, "learning_rate": 5e-4},
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
"""The values that each recipe sets; every other key has the default of :class:`TrainConfig`, which is that of Jia 2019."""


class TrainConfig(Stage):
    """How a network is trained on a dataset (Jia 2019, section 3).

    Examples
    --------
    >>> hearsight.TrainConfig(recipe="quick", epochs=3).epochs
    3
    """

    recipe: Literal["jia2019", "quick", "mixtures", "finetune", "soundnet2016"] = "jia2019"
    """Which defaults the keys below have: ``jia2019``, made for millions of clips; ``quick``, which learns from about a thousand
    clips in minutes on two cores; ``mixtures``, for datasets of ``hearsight mix``; ``finetune``, for a trained network and some
    hundred labelled clips; or ``soundnet2016`` (Aytar 2016). A key that is given overrides the recipe."""
    model: str = "jia-mobilenet-v2"
    """Name of the network; ``hearsight models`` lists them."""
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """Options of the network, such as ``width = 0.5``."""
    initial: str = ""
    """A run or checkpoint folder, or the name of an installed model, whose weights the network begins with. Unless ``model`` is
    given, the network and its options are those of the run. Classes that both have, by id or else by name, keep their rows of the
    last layer. Empty begins with fresh weights."""
    freeze: tuple[str, ...] = ()
    """Layers whose weights and statistics do not change, such as ``trunk``: names of modules of the network."""
    epochs: int = Field(default=30, ge=1, le=10**6)
    """Number of passes over the training clips (Jia 2019: about 30)."""
    min_steps: int = Field(default=0, ge=0, le=10**10)
    """Minimum number of steps: a small dataset takes more epochs than ``epochs``, until it has this many steps. A recipe's value is
    ignored where ``epochs`` is given."""
    max_steps: int = Field(default=0, ge=0, le=10**10)
    """Number of steps after which training ends, if need be in the middle of an epoch. It replaces ``epochs`` and ``min_steps``;
    with 0, these determine the length."""
    batch_size: int = Field(default=64, ge=2, le=2**20)
    """Clips that go through the network together, and clips per step unless ``global_batch_size`` is given. Jia 2019 took 1,024 or
    2,048 on four GPUs; 64 suits two CPU cores and small datasets."""
    global_batch_size: int = Field(default=0, ge=0, le=2**24)
    """Clips per step: the gradients of parts of at most ``batch_size`` clips are accumulated, so that memory does not limit it. A
    step is that of one large batch, except that batch normalisation has the statistics of each part. 0 is ``batch_size``."""
    sync_batch_norm: bool = False
    """Whether several processes share the statistics of batch normalisation in each step, instead of each using those of its
    part. The number of processes cannot change then."""
    sync_every: int = Field(default=1, ge=1, le=10**6)
    """Number of steps that each of several processes takes on its own share of the clips, before all average their weights,
    statistics and moments (local SGD). With 1, they take each step together. With more, the number of processes cannot change."""
    loss: Literal["cross-entropy", "softmax", "kl", "l2", "reconstruction"] = "cross-entropy"
    """The loss: ``cross-entropy`` of the labels (Jia 2019); ``softmax``, the cross-entropy where just one class holds (Wu 2018);
    ``kl``, the divergence from the vision teachers' distributions, with a
    softmax for each teacher (Aytar 2016); ``l2``, the squared error of these distributions (Aytar 2016, Table 5, where it does
    much worse); or ``reconstruction``, the error of an autoencoder, which needs no labels (Aytar 2016, section 4)."""
    targets: Literal["labels", "soft"] = "labels"
    """Targets of the cross-entropy: ``labels``, a one for each label (Jia 2019), or ``soft``, the teachers' probabilities of all
    classes, as far as the dataset has kept them."""
    loss_weight: float = Field(default=1.0, gt=0.0, le=1e9)
    """Factor on the loss (250 in the code of Aytar 2016)."""
    optimizer: Literal["adam", "adamw"] = "adam"
    """Adam with an L2 penalty in the loss (Jia 2019), or AdamW, whose weight decay is not part of the loss."""
    learning_rate: float = Field(default=1e-4, gt=0.0, le=1e3)
    """First learning rate of the exponential schedule (Jia 2019: 1e-4), or highest one of the one-cycle schedule."""
    schedule: Literal["exponential", "one-cycle", "cosine"] = "exponential"
    """How the learning rate changes: ``exponential``, multiplied by ``decay`` after every epoch (Jia 2019); ``one-cycle``, a
    linear rise over the first fifth of all steps, and then half a cosine down to zero; or ``cosine``, half a cosine over all
    steps."""
    warmup_steps: int = Field(default=0, ge=0, le=10**10)
    """Number of first steps in which the learning rate of any schedule is scaled up from almost zero, linearly. 0 is none."""
    drop_at: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of all steps after which the learning rate is divided by ten (Hershey 2017: 13 of 17 million steps). 0 is never."""
    decay: float = Field(default=0.9, gt=0.0, le=1.0)
    """Factor on the learning rate after every epoch (Jia 2019: 0.9)."""
    clip_norm: float = Field(default=0.0, ge=0.0, le=1e9)
    """Largest norm of the gradient of all weights; a larger gradient is scaled down to it. 0 does not clip."""
    average: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Decay of the exponential moving average of the weights, such as 0.999. The average is validated and delivered. In the first
    steps the decay is ``(1 + step) / (10 + step)`` where that is less. 0 averages nothing."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share by which training targets are moved towards ignorance: 0.5 for each class of a cross-entropy, equal probabilities of
    all classes for distributions. 0 moves none."""
    l2_penalty: float = Field(default=1.0, ge=0.0, le=1e9)
    """Weight of the L2 penalty that is added to the loss (Jia 2019: 1.0). The penalty is ``l2_scale`` times half the sum of the
    squared kernels."""
    l2_scale: float = Field(default=1e-8, ge=0.0, le=1e3)
    """Scale of the L2 penalty, which Jia 2019 does not state (see ``docs/paper-notes.md``)."""
    weight_decay: float = Field(default=0.0, ge=0.0, le=1e3)
    """AdamW's weight decay; biases and normalisations do not decay."""
    segments: Literal["grid", "anywhere"] = "grid"
    """Where a random segment starts within its clip: ``grid``, at a whole number of segments (Jia 2019), or ``anywhere``."""
    excerpt: float = Field(default=0.0, ge=0.0, le=3600.0)
    """Length in seconds of a training example for a network with several outputs over time; each output is compared with what the
    vision teachers saw in its own time (Aytar 2016: 20). Shorter clips are repeated. Needs the loss ``kl`` or ``l2``. 0 is an
    example of one output, whose targets are those of its whole clip."""
    all_classes: bool = False
    """Whether every class of the teachers is learned (Aytar 2016: 1,000 objects and 401 scenes), instead of those that are labels
    of some clip."""
    visual_share: float = Field(default=0.5, gt=0.0, le=1.0)
    """Share of a clip's visual labels that is drawn for each training example: at least one, halves rounded up (Jia 2019: 5 of
    10)."""
    prior: bool = False
    """Whether the biases of the last layer start from the frequencies of the classes instead of from zero."""
    gain: float = Field(default=0.0, ge=0.0, le=40.0)
    """Maximum random change of a segment's level, up or down, in dB."""
    mix: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of segments that are mixed with a segment of another clip; a mixture has the labels of both."""
    shift: float = Field(default=0.0, ge=0.0, le=3600.0)
    """Maximum random shift of a segment of the ``grid``, in seconds; the segment stays within its clip."""
    time_mask: int = Field(default=0, ge=0, le=100_000)
    """Maximum number of log-mel frames in a row that are masked in each training example, as in SpecAugment (Park 2019); they take
    the mean of the patch. 0 masks none."""
    mel_mask: int = Field(default=0, ge=0, le=100_000)
    """Maximum number of neighbouring mel bands that are masked in each training example. 0 masks none."""
    sampling: Literal["uniform", "class-balanced", "agreement"] = "uniform"
    """How often a clip is drawn: ``uniform``, once in each epoch; ``class-balanced``, in proportion to the sum of the inverse
    frequencies of its labels; or ``agreement``, in proportion to the agreement of its picture and sound, and never where that is
    below chance. An epoch has as many draws as there are clips."""
    teachers: tuple[str, ...] = ()
    """Teachers of the dataset whose classes are learned, in this order; none stands for all, in the order of the build. Each is
    ``vision``, ``audio``, a teacher's name, or a part of the name that no other teacher's name has."""
    media_share: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the training videos that are used, chosen by their content; a smaller share is a part of a larger one (Hershey 2017,
    Table 4)."""
    min_agreement: float | None = Field(default=None, ge=-1e6, le=1e6)
    """Smallest agreement of picture and sound that a training clip must have; 0 is that of chance. Needs the agreement that
    ``hearsight stats`` computes; clips that have none, because they lack labels of one sense, are left out. None uses all clips."""
    validation_clips: int = Field(default=20_000, ge=1, le=10**9)
    """Maximum number of validation clips that are scored after each epoch."""
    bad_steps: Literal["stop", "skip"] = "stop"
    """What happens at a step whose loss is no number, or a spike: ``stop`` ends the run with an error that names the clips, and
    ``skip`` goes on from the weights and statistics before the step. Ten such steps in a row end the run in any case."""
    spike: float = Field(default=0.0, ge=0.0, le=1e9)
    """How many times the mean loss of the epoch so far makes the loss of a step a spike, such as 5. In the first ten steps of an
    epoch, it is compared with the epoch before. 0 never."""
    bad_clips: Literal["stop", "skip"] = "stop"
    """What happens at a clip whose sound cannot be read because its file is damaged: ``stop`` saves the state and ends the run with
    an error, and ``skip`` takes another clip in its place and prints a message for each damaged file."""
    keep: int = Field(default=1, ge=1, le=10**6)
    """Number of latest checkpoints that are kept, in addition to that of the best epoch."""
    checkpoint_steps: int = Field(default=0, ge=0, le=10**10)
    """Number of steps after which a checkpoint is written within an epoch; 0 writes none by the number of steps."""
    checkpoint_minutes: float = Field(default=10.0, ge=0.0, le=1e6)
    """Minutes after which a checkpoint is written within an epoch; 0 writes none by time. Checkpoints do not change the result."""
    deliver: Literal["last", "best"] = "last"
    """Which epoch's network the finished run has: the last, or the one with the highest mean average precision."""
    precision: Literal["float32", "bfloat16", "auto"] = "float32"
    """Precision of convolutions and matrix products. ``auto`` is bfloat16 where the processor multiplies it natively."""
    fast: bool = True
    """Whether to use channels-last kernels and a fused optimizer. The alternative is the reference for tests."""
    device: str = "auto"
    """``cpu``, ``cuda``, or ``auto``: CUDA where it is available."""
    threads: int = Field(default=0, ge=0, le=4096)
    """Number of CPU threads; 0 is one per core. A resumed run has as many as it began with, since results vary slightly with
    them."""
    log_every: int = Field(default=10, ge=1, le=10**9)
    """Number of steps between two lines of the run log."""
    tensorboard: bool = False
    """Whether the log is also written for TensorBoard, to ``tensorboard/`` in the run folder."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of the weights, the order of clips, the segments and labels that are drawn, and dropout."""

    @model_validator(mode="after")
    def _check_targets(self) -> TrainConfig:
        if self.targets == "soft" and self.loss != "cross-entropy":
            raise ValueError(f"targets = soft is for loss = cross-entropy; the loss {self.loss} has its own targets")
        return self

    @model_validator(mode="after")
    def _check_excerpt(self) -> TrainConfig:
        if self.excerpt and self.loss not in ("kl", "l2"):
            raise ValueError(f"excerpt = {self.excerpt:g} is for the losses kl and l2; the loss is {self.loss}")
        return self

    @model_validator(mode="after")
    def _check_sizes(self) -> TrainConfig:
        if 0 < self.global_batch_size < self.batch_size:
            raise ValueError(
                f"global_batch_size = {self.global_batch_size} is less than batch_size = {self.batch_size}"
            )
        if self.sync_every > 1 and (self.average or self.sync_batch_norm or self.spike):
            other = "average" if self.average else "sync_batch_norm" if self.sync_batch_norm else "spike"
            raise ValueError(f"sync_every = {self.sync_every} cannot be combined with {other}, which needs every step")
        return self

    @property
    def step_clips(self) -> int:
        """Clips per step, on all devices together."""
        return self.global_batch_size or self.batch_size

    @model_validator(mode="before")
    @classmethod
    def _take_recipe(cls, values: Any) -> Any:
        """Add the recipe's values for the keys that are not given."""
        if isinstance(values, dict) and isinstance(values.get("recipe"), str):
            taken = dict(RECIPES.get(values["recipe"], {}))
            if values.get("initial"):
                taken.pop("model", None)  # the network is that of the run it begins with
            if "epochs" in values:
                taken.pop("min_steps", None)
            return {**taken, **values}
        return values

    def count_epochs(self, steps_per_epoch: int) -> int:
        """Return the number of epochs: ``epochs``, or as many as ``min_steps`` need at ``steps_per_epoch``.

        With ``max_steps`` it is the number of epochs that are begun.
        """
        if self.max_steps:
            return -(-self.max_steps // steps_per_epoch)
        return max(self.epochs, -(-self.min_steps // steps_per_epoch))

    def count_steps(self, steps_per_epoch: int) -> int:
        """Return the number of steps of the whole run."""
        return self.max_steps or self.count_epochs(steps_per_epoch) * steps_per_epoch
