"""The result of an evaluation: scores with folds and intervals, as lines to print and as JSON."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from hearsight.evaluation.benchmarks.benchmark import Benchmark
from hearsight.evaluation.contamination import Contamination
from hearsight.evaluation.features.extractor import NetworkFacts
from hearsight.evaluation.probes.cross_validation import CrossScore
from hearsight.metrics.intervals import Estimate
from hearsight.metrics.measures import MEASURES


@dataclasses.dataclass(frozen=True)
class PartScore:
    """The measures of some of the scored clips: an evaluation set, a balanced draw, those without contamination.

    Attributes
    ----------
    num_clips
        How many.
    measures
        By name, with 95 % intervals over clips.
    """

    num_clips: int
    measures: dict[str, Estimate]

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object; undefined values are null."""
        return {"num_clips": self.num_clips, "measures": _list_measures(self.measures)}

    def describe(self) -> str:
        """Return one line to print."""
        parts = [f"{MEASURES[name]} {_show(name, found)}" for name, found in self.measures.items()]
        return ", ".join(parts) + f" ({self.num_clips} clips)"


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """A model's score on a benchmark.

    Attributes
    ----------
    benchmark, run, extra_models, model
        The benchmark's name; what was asked to be scored; what was set in addition; the name of its network, and behind a plus
        those of the others.
    probe, pool
        What was fitted on the embeddings, and how segments became clips; ``statistics`` where the model gives one vector per clip.
        One after the other for several models.
    untrained, seed
        Whether the weights are fresh (of one model at least), and the seed of all draws.
    networks
        What the score depends on of each model that is a network: its options, size, bandwidth, and what it learned from.
    leak_free, finetune_epochs
        Whether clips of recordings in the scored fold were left out of fitting; epochs of fine-tuning, None for a probe.
    accuracy
        Mean over the folds, 0..1: the share of clips whose highest score is their class, or one of their classes.
    folds
        Accuracy of each fold, in the order of their numbers; one for a fixed split.
    interval
        95 % interval of the accuracy, by a bootstrap over clips within each fold.
    mean_average_precision
        Mean over the folds of the mAP over the classes that have a clip in the fold.
    measures
        Further measures by name, means over the folds, with 95 % intervals.
    num_clips, num_classes, dim
        Clips scored in these folds, classes, length of a clip's vector.
    missing
        Clips that the benchmark lists and that are not there; None where it lists none.
    undefined
        Classes that no scored clip of some fold has, so that their average precision is undefined there and left out of means.
    evaluation_set
        The score of the evaluation set apart from the cross-validation, if there is one.
    balanced
        The measures of a balanced draw of the scored clips, if requested.
    contamination
        What the dataset trained on shares with the benchmark, where one was given.
    clean
        The measures of the scored clips that this dataset does not hold, by the same classifiers; None where it holds none or all.
    seconds
        How long it took, embedding included.
    notes
        What a reader of the score should know.
    clips, score
        The benchmark as it was scored, and the scores of every clip; not in the JSON.
    """

    benchmark: str
    run: str
    extra_models: tuple[str, ...]
    model: str
    probe: str
    pool: str
    untrained: bool
    seed: int
    networks: tuple[NetworkFacts, ...]
    leak_free: bool
    finetune_epochs: int | None
    accuracy: float
    folds: tuple[float, ...]
    interval: tuple[float, float]
    mean_average_precision: float
    measures: dict[str, Estimate]
    num_clips: int
    num_classes: int
    dim: int
    missing: int | None
    undefined: tuple[str, ...]
    evaluation_set: PartScore | None
    balanced: PartScore | None
    contamination: Contamination | None
    clean: PartScore | None
    seconds: float
    notes: tuple[str, ...]
    clips: Benchmark
    score: CrossScore

    @property
    def training_clips(self) -> int | None:
        """Clips that the run's network learned from; None where nothing is recorded."""
        return self.networks[0].clips if self.networks else None

    def as_json(self) -> dict[str, Any]:
        """Return the object that ``hearsight evaluate --json`` prints; what is undefined is null."""
        parts = ("evaluation_set", "balanced", "contamination", "clean")
        left_out = ("clips", "score", "measures", "networks", *parts)
        fields = [field.name for field in dataclasses.fields(self) if field.name not in left_out]
        value = {name: getattr(self, name) for name in fields}
        plain = {name: list(item) if isinstance(item, tuple) else _or_none(item) for name, item in value.items()}
        objects = {name: getattr(self, name) for name in parts}
        return {
            **plain,
            "networks": [dataclasses.asdict(facts) | {"teachers": list(facts.teachers)} for facts in self.networks],
            "training_clips": self.training_clips,
            "measures": _list_measures(self.measures),
            **{name: None if part is None else part.as_json() for name, part in objects.items()},
            "hyperparameters": [_or_none(fold.hyperparameter) for fold in self.score.folds],
        }

    def describe(self) -> list[str]:
        """Return lines to print."""
        model = ", ".join([self.model, *self._list_conditions()])
        low, high = self.interval
        measures = [f"{MEASURES[name]} {_show(name, found)}" for name, found in self.measures.items()]
        lines = [
            f"{self.benchmark}, {self.num_clips} clips, {self.num_classes} classes: {model}, {self.probe} on {self.dim} numbers"
            f" ({self.pool})",
            f"accuracy {100 * self.accuracy:.1f} %, 95 % interval {100 * low:.1f} to {100 * high:.1f}"
            + ("; folds " + " ".join(f"{100 * fold:.1f}" for fold in self.folds) if len(self.folds) > 1 else ""),
            ", ".join(measures) + f"; {self.seconds:.1f} s",
        ]
        if self.evaluation_set is not None:
            lines.append(f"evaluation set: {self.evaluation_set.describe()}")
        if self.balanced is not None:
            lines.append(f"balanced: {self.balanced.describe()}")
        if self.contamination is not None:
            lines += self.contamination.describe()
        if self.clean is not None:
            lines.append(f"without them: {self.clean.describe()}")
        return [*lines, *(f"note: {note}" for note in self.notes)]

    def _list_conditions(self) -> list[str]:
        """List what distinguishes the run's network from the network of its name."""
        found = ["untrained"] if self.untrained else []
        for facts in self.networks[:1]:
            found += [facts.options] if facts.options else []
            if facts.is_band_limited:
                found.append(f"learned from sound of {facts.training_sample_rate:,} Hz")
        return found


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two models on the same clips.

    Attributes
    ----------
    difference
        Accuracy (or another measure) of the first less that of the second, means over their runs.
    interval
        Its 95 % interval, by a paired bootstrap over clips within each fold, and over runs.
    num_clips, num_runs
        Clips, and pairs of runs.
    measure
        What was compared.
    """

    difference: float
    interval: tuple[float, float]
    num_clips: int
    num_runs: int
    measure: str = "accuracy"

    @property
    def is_clear(self) -> bool:
        """Whether the interval is clear of zero."""
        return self.interval[0] > 0.0 or self.interval[1] < 0.0

    def as_json(self) -> dict[str, Any]:
        """Return a JSON object."""
        return {**dataclasses.asdict(self), "interval": list(self.interval)}


def _list_measures(measures: dict[str, Estimate]) -> dict[str, dict[str, Any]]:
    return {
        name: {"value": _or_none(found.value), "interval": [_or_none(found.low), _or_none(found.high)]}
        for name, found in measures.items()
    }


def _or_none(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _show(name: str, found: Estimate) -> str:
    if math.isnan(found.value):
        return "undefined"
    if name == "d_prime":
        return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
    return f"{100 * found.value:.1f} % ({100 * found.low:.1f} to {100 * found.high:.1f})"
