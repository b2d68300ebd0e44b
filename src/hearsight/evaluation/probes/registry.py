"""The probes by name: :data:`PROBES` describes each one, and which of its choices are made here.

Whatever a probe leaves open (C, the number of neighbours, the number of epochs) is chosen within the clips it is fitted on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from hearsight.errors import UsageError, guess
from hearsight.evaluation.probes.knn import fit_knn
from hearsight.evaluation.probes.one_vs_rest import fit_one_vs_rest
from hearsight.learners.forests import TREES, fit_forest
from hearsight.learners.linear import fit_linear, fit_svm

FINETUNE = "finetune"
"""In place of a probe: nothing is fitted on embeddings, the whole network is trained."""


@runtime_checkable
class Fitted(Protocol):
    """What every classifier that was fitted for a fold reports.

    Attributes
    ----------
    hyperparameter
        What was given or chosen: C, or a number of neighbours, trees or epochs.
    converged
        Whether the fit reached its end.
    absent
        Classes that no clip it was fitted on had; they are never predicted.
    """

    @property
    def hyperparameter(self) -> float:
        """See above."""
        ...

    @property
    def converged(self) -> bool:
        """See above."""
        ...

    @property
    def absent(self) -> tuple[int, ...]:
        """See above."""
        ...


@runtime_checkable
class FittedProbe(Fitted, Protocol):
    """A fitted head."""

    def predict_scores(self, features: Float[np.ndarray, "rows dim"]) -> Float64[np.ndarray, "rows classes"]:
        """Score every class of every row; minus infinity where a class is absent."""
        ...


@dataclasses.dataclass(frozen=True)
class ProbeInputs:
    """What a probe is fitted on.

    Attributes
    ----------
    features, targets
        A row per clip, or per window of a clip, and which classes are true of it.
    groups
        Rows of one group stay together where something is chosen by cross-validation.
    multi_label
        Whether a clip may have several classes, or none.
    benchmark
        Its name, by which a paper's own choices are taken.
    seed
        Of all draws.
    widths
        Features that come from each of several models; each counts alike, however many they are. Empty where all are one's.
    """

    features: Float[np.ndarray, "rows dim"]
    targets: Bool[np.ndarray, "rows classes"]
    groups: Int64[np.ndarray, " rows"]
    multi_label: bool
    benchmark: str = ""
    seed: int = 0
    widths: tuple[int, ...] = ()

    @property
    def labels(self) -> Int64[np.ndarray, " rows"]:
        """The one class of each row."""
        return np.argmax(self.targets, axis=1).astype(np.int64)


@dataclasses.dataclass(frozen=True)
class ProbeKind:
    """A probe that can be fitted.

    Attributes
    ----------
    title
        What it is.
    chosen
        What its hyperparameter is.
    multi_label
        Whether it fits clips that may have several classes.
    pool
        The default pool: how a clip's segments become one vector.
    fit
        Fits it, with a given hyperparameter or a chosen one.
    threshold
        What a score must reach for its class to be called true, by F1: 0 for logits and margins, one half for shares.
    """

    title: str
    chosen: str
    multi_label: bool
    pool: str
    fit: Callable[[ProbeInputs, float | None], FittedProbe] = dataclasses.field(repr=False)
    threshold: float = 0.0


def fit_probe(probe: str, examples: ProbeInputs, hyperparameter: float | None = None) -> FittedProbe:
    """Fit a head.

    Raises
    ------
    UsageError
        When there is no such probe (the hint guesses the meant one), it does not fit clips of several classes, the hyperparameter
        is out of range, a feature is not finite, or the examples have a single class.
    """
    kind = find_probe(probe)
    if examples.multi_label and not kind.multi_label:
        others = " or ".join(name for name, other in PROBES.items() if other.multi_label)
        found = f"{examples.targets.shape[1]} classes, of which a clip may have several"
        raise UsageError(f"probe {probe}", found, others)
    return kind.fit(examples, hyperparameter)


def find_probe(probe: str) -> ProbeKind:
    """Find a probe by its name.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    if probe not in PROBES:
        raise UsageError("probe", f"{probe!r}", "a probe", guess(probe, [*PROBES, FINETUNE]))
    return PROBES[probe]


def _fit_linear(examples: ProbeInputs, hyperparameter: float | None) -> FittedProbe:
    return _fit_linear_probe(examples, hyperparameter, "linear")


def _fit_svm(examples: ProbeInputs, hyperparameter: float | None) -> FittedProbe:
    return _fit_linear_probe(examples, hyperparameter, "svm")


def _fit_linear_probe(examples: ProbeInputs, hyperparameter: float | None, probe: str) -> FittedProbe:
    if examples.multi_label:
        return fit_one_vs_rest(
            examples.features,
            examples.targets,
            probe=probe,
            hyperparameter=hyperparameter,
            groups=examples.groups,
            widths=examples.widths,
            seed=examples.seed,
        )
    fit = fit_linear if probe == "linear" else fit_svm
    return fit(
        examples.features,
        examples.labels,
        num_classes=examples.targets.shape[1],
        regularization=hyperparameter,
        groups=examples.groups,
        widths=examples.widths,
        seed=examples.seed,
    )


def _fit_knn(examples: ProbeInputs, hyperparameter: float | None) -> FittedProbe:
    return fit_knn(
        examples.features,
        examples.targets,
        neighbours=None if hyperparameter is None else whole(hyperparameter, "neighbours"),
        groups=examples.groups,
        widths=examples.widths,
        seed=examples.seed,
    )


def _fit_forest(examples: ProbeInputs, hyperparameter: float | None) -> FittedProbe:
    trees = TREES if hyperparameter is None else whole(hyperparameter, "trees")
    num_classes = examples.targets.shape[1]
    return fit_forest(examples.features, examples.labels, num_classes=num_classes, trees=trees, seed=examples.seed)


def _fit_mlp(name: str) -> Callable[[ProbeInputs, float | None], FittedProbe]:
    def fit(examples: ProbeInputs, hyperparameter: float | None) -> FittedProbe:
        from hearsight.evaluation.probes.mlp import choose_settings, fit_mlp  # torch takes a second to import

        epochs = None if hyperparameter is None else whole(hyperparameter, "epochs")
        settings = choose_settings(name, examples.benchmark)
        return fit_mlp(
            examples.features,
            examples.targets,
            settings=dataclasses.replace(settings, exclusive=not examples.multi_label),
            epochs=epochs,
            groups=examples.groups,
            widths=examples.widths,
            seed=examples.seed,
        )

    return fit


def whole(hyperparameter: float, what: str) -> int:
    """Take a hyperparameter as a count.

    Raises
    ------
    UsageError
        When it is no whole number above 0.
    """
    if hyperparameter < 1.0 or hyperparameter != int(hyperparameter):
        raise UsageError("hyperparameter", f"{hyperparameter:g}", f"a whole number of {what}, at least 1")
    return int(hyperparameter)


PROBES: dict[str, ProbeKind] = {
    "linear": ProbeKind("logistic regression", "C", True, "mean+max", _fit_linear),
    "svm": ProbeKind("linear support vector machine, one class against all", "C", True, "mean+max", _fit_svm),
    "knn": ProbeKind("nearest neighbours", "neighbours", True, "mean+max", _fit_knn, threshold=0.5),
    "forest": ProbeKind("random forest", "trees", False, "mean+max", _fit_forest),
    "mlp": ProbeKind("one hidden layer of 1,024 units", "epochs", True, "mean+max", _fit_mlp("mlp")),
    "jia": ProbeKind("Jia 2019: one layer on concatenated embeddings", "epochs", True, "concat", _fit_mlp("jia")),
    "softmax": ProbeKind("Wu & Lee 2018: a softmax layer, for scenes", "epochs", False, "mean", _fit_mlp("softmax")),
}
"""Every probe by its name."""
