"""The configuration of scoring a model on a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from hearsight.config.stage import Stage


class FinetuneConfig(Stage):
    """How a network is fine-tuned on each split, by AdamW and the one-cycle schedule of the recipe ``quick``."""

    epochs: int = Field(default=20, ge=1, le=10**6)
    """Number of passes over the training clips, with one segment of each clip."""
    batch_size: int = Field(default=32, ge=2, le=2**20)
    """Number of segments per step."""
    learning_rate: float = Field(default=5e-4, gt=0.0, le=1e3)
    """Highest learning rate."""
    weight_decay: float = Field(default=0.02, ge=0.0, le=1e3)
    """Weight decay; biases and normalisations do not decay."""


class EvaluateConfig(Stage):
    """How a model is scored on a benchmark (Jia 2019, section 4).

    Examples
    --------
    >>> hearsight.EvaluateConfig(probe="svm").probe
    'svm'
    """

    extra_models: tuple[str, ...] = ()
    """Further models, spelled as the run is. Their features of a clip are concatenated with the run's, all models have equal
    weight, and one probe is fitted on all of them (Aytar 2016, section 4.3). ``layer`` and ``untrained`` apply to the run
    alone."""
    probe: Literal["linear", "svm", "knn", "forest", "mlp", "jia", "softmax", "finetune", "outputs"] = "linear"
    """What is fitted on the frozen embeddings: logistic regression, one-against-all linear SVM, nearest neighbours, random forest,
    a network with one hidden layer, the single layer of Jia 2019, or the softmax layer of Wu & Lee 2018. With ``finetune`` nothing
    is: the whole network is trained on the training folds. ``outputs``, for ``dataset=FOLDER``, scores the network's own
    probabilities on the validation clips of a dataset (Hershey 2017)."""
    finetune: FinetuneConfig = FinetuneConfig()
    pool: Literal["mean", "max", "mean+max", "mean+deviation", "concat", "windows"] | None = None
    """How the embeddings of a clip's segments become one vector. ``concat`` is the paper's, for clips of one length; ``windows``
    keeps them apart: the probe is fitted on segments, and a clip's scores are the mean of theirs (Aytar 2016). Where it is not
    given: ``concat`` for the probe ``jia``, ``mean`` for ``softmax``, ``windows`` for a layer, else ``mean+max``."""
    layer: str | None = None
    """A layer of SoundNet, such as ``pool5``, that replaces the embedding."""
    window: float | None = Field(default=None, ge=0.01, le=3600.0)
    """Length in seconds of the windows that a layer is cut into; by default 5 for scenes and 1 for all else (Aytar 2016)."""
    hop: float | None = Field(default=None, ge=0.001, le=3600.0)
    """Seconds from the start of a window to the start of the next; by default half a window."""
    untrained: bool = False
    """Whether to score the same network with random weights."""
    seed: int = Field(default=0, ge=0, le=2**32 - 1)
    """Seed of fresh weights, of the splits that choose the probe's hyperparameter, and of the interval."""
    hyperparameter: float | None = Field(default=None, gt=0.0, le=1e6)
    """C of a linear probe, or the number of neighbours, trees or epochs; by default chosen within the training folds."""
    clip_seconds: float | None = Field(default=None, ge=0.01, le=86_400.0)
    """Length in seconds that clips are cut or padded to; by default the benchmark's own."""
    scored_classes: int = Field(default=0, ge=0, le=10**6)
    """With the probe ``outputs``: score only so many classes, those that most clips of the dataset have (Hershey 2017, Table 3:
    400); 0 scores all that the network and the dataset have in common."""
    leak_free: bool = False
    """Whether each fold is scored by a probe fitted without the clips whose recording has a clip in that fold. Official folds of
    ESC-50 and UrbanSound8K tear a few recordings apart; published scores do not leave these out."""
    unreadable: Literal["refuse", "exclude"] = "refuse"
    """Whether clips that cannot be read end the evaluation (``refuse``), or are left out and listed (``exclude``)."""
    resamples: int = Field(default=10_000, ge=100, le=10**6)
    """Number of bootstrap resamples for the interval of the accuracy."""
    measure_resamples: int = Field(default=1_000, ge=100, le=10**5)
    """Maximum number of bootstrap resamples for the intervals of all other measures, which need a sort per class."""
    balanced: int = Field(default=0, ge=0, le=10**6)
    """Clips per class of a balanced evaluation set that is drawn from the scored clips and measured in addition (Hershey 2017:
    about 33); 0 draws none."""
    training_dataset: Path | None = None
    """A dataset folder. Clips of the benchmark that it contains are listed, and the score without them is given as well."""
    cache: bool = True
    """Whether embeddings of a benchmark and scores of fine-tuned folds are cached for the next run."""

    @model_validator(mode="after")
    def _check_finetuning(self) -> EvaluateConfig:
        if self.probe == "finetune" and self.extra_models:
            raise ValueError(f"probe finetune trains one network, and {1 + len(self.extra_models)} models are given")
        if self.probe == "finetune" and self.hyperparameter is not None:
            given = f"{self.hyperparameter:g} is given"
            raise ValueError(f"probe finetune has no hyperparameter; its budget is finetune.epochs, and {given}")
        return self
