"""The demo: its settings, its folder, and its result."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from hearsight.config import BuildConfig, PolicyConfig, TrainConfig
from hearsight.dataset.statistics import BuildSummary
from hearsight.demo.quality import ScaleQuality
from hearsight.evaluation.result import Comparison, Evaluation
from hearsight.training.run.summary import TrainSummary


@dataclasses.dataclass(frozen=True)
class DemoSettings:
    """How large the demo is. The defaults take some minutes on two cores; smaller ones show that it runs, not that it learns.

    Attributes
    ----------
    num_videos, seconds
        Size of the world: videos, and the length of each.
    sounds_per_kind
        Labelled sounds of each kind that the scores are measured on.
    model, width, epochs, batch_size, learning_rate
        The network and its training; see :class:`~hearsight.config.TrainConfig`.
    """

    num_videos: int = 300
    seconds: float = 16.0
    sounds_per_kind: int = 40
    model: str = "jia-vggish-fcn"
    width: float = 0.125
    epochs: int = 40
    batch_size: int = 32
    learning_rate: float = 3e-3

    def make_build_config(self, seed: int) -> BuildConfig:
        """Make the configuration of the build: labels that fewer than a fifth of the pictures speak for are left out."""
        return BuildConfig(policy=PolicyConfig(min_probability=0.2), seed=seed)

    def make_train_config(self, seed: int) -> TrainConfig:
        """Make the configuration of the training."""
        return TrainConfig.model_validate(
            {
                "recipe": "quick",
                "model": self.model,
                "options": {"width": self.width},
                "epochs": self.epochs,
                "batch_size": self.batch_size,
                "learning_rate": self.learning_rate,
                "seed": seed,
            }
        )


@dataclasses.dataclass(frozen=True)
class DemoFolder:
    """What is where in the demo's folder."""

    folder: Path

    @property
    def settings(self) -> Path:
        """Seed and sizes that the folder belongs to."""
        return self.folder / "demo.json"

    @property
    def seconds(self) -> Path:
        """How long each stage took, all starts together."""
        return self.folder / "seconds.json"

    @property
    def videos(self) -> Path:
        """The world."""
        return self.folder / "videos"

    @property
    def sounds(self) -> Path:
        """The labelled sounds."""
        return self.folder / "sounds"

    @property
    def portraits(self) -> Path:
        """A video of each kind."""
        return self.folder / "portraits"

    @property
    def example(self) -> Path:
        """Videos that no training saw."""
        return self.folder / "example"

    @property
    def dataset(self) -> Path:
        """What ``hearsight build`` writes."""
        return self.folder / "dataset"

    @property
    def run(self) -> Path:
        """What ``hearsight train`` writes."""
        return self.folder / "run"

    @property
    def page(self) -> Path:
        """The report."""
        return self.folder / "index.html"


@dataclasses.dataclass(frozen=True)
class DemoResult:
    """What the demo came to.

    Attributes
    ----------
    page
        The report.
    student, untrained, log_mel
        Scores on the labelled sounds: of the trained network, of the same network with fresh weights, and of log-mel statistics.
    gains
        Of the student over the other two, in this order, with paired intervals.
    quality, label_truth
        Of the machine's labels; ``label_truth`` is the share of visual labels that name something audible.
    build, training
        Summaries of these stages.
    seconds
        Of each stage.
    """

    page: Path
    student: Evaluation
    untrained: Evaluation
    log_mel: Evaluation
    gains: tuple[Comparison, Comparison]
    quality: tuple[ScaleQuality, ...]
    label_truth: float
    build: BuildSummary
    training: TrainSummary
    seconds: dict[str, float]

    def describe(self) -> list[str]:
        """Return lines to print."""
        rows = (
            ("trained by watching", self.student),
            ("the same, untrained", self.untrained),
            ("log-mel", self.log_mel),
        )
        lines = [f"held-out sounds: {self.student.num_clips} of {self.student.num_classes} kinds, linear probe"]
        for name, score in rows:
            low, high = score.interval
            lines.append(f"  {name:<20} {100 * score.accuracy:5.1f} %  (95 %: {100 * low:.1f} to {100 * high:.1f})")
        for name, gain in zip(("over untrained", "over log-mel"), self.gains, strict=True):
            low, high = gain.interval
            lines.append(
                f"  gain {name:<15} {100 * gain.difference:+5.1f}    (95 %: {100 * low:+.1f} to {100 * high:+.1f})"
            )
        lines.append(f"{sum(self.seconds.values()) / 60:.1f} minutes in all; the page is {self.page}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {
            "page": str(self.page),
            "student": self.student.as_json(),
            "untrained": self.untrained.as_json(),
            "log_mel": self.log_mel.as_json(),
            "gains": [gain.as_json() for gain in self.gains],
            "label_truth": self.label_truth,
            "seconds": self.seconds,
        }
