"""What can be fitted on frozen embeddings, by name: :data:`HEADS` says what each head is and which of its choices are made here.

Whatever a head leaves open (C, the number of neighbours, the number of epochs) is chosen within the clips it is fitted on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Float64, Int64

from hearsight.errors import UsageError, guess
from hearsight.evaluation.neighbours import fit_neighbours
from hearsight.evaluation.tagger import fit_tagger
from hearsight.learners.forests import TREES, fit_forest
from hearsight.learners.linear import fit_linear, fit_svm

Head = Literal["linear", "svm", "knn", "forest", "mlp", "jia", "softmax"]
"""Names of the heads."""
FINETUNE = "finetune"
"""In place of a head: nothing is fitted on embeddings, the whole network is trained."""


@runtime_checkable
class Fitted(Protocol):
    """What anything fitted for a fold says of itself.

    Attributes
    ----------
    strength
        What was given or chosen: C, or a number of neighbours, trees or epochs.
    converged
        Whether the fit reached its end.
    absent
        Classes that no clip it was fitted on had; they are never predicted.
    """

    @property
    def strength(self) -> float:
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
class FittedHead(Fitted, Protocol):
    """A fitted head."""

    def decide(self, features: Float[np.ndarray, "rows dim"]) -> Float64[np.ndarray, "rows classes"]:
        """Score every class of every row; minus infinity where a class is absent."""
        ...


@dataclasses.dataclass(frozen=True)
class Examples:
    """What a head is fitted on.

    Attributes
    ----------
    features, truths
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
    truths: Bool[np.ndarray, "rows classes"]
    groups: Int64[np.ndarray, " rows"]
    multi_label: bool
    benchmark: str = ""
    seed: int = 0
    widths: tuple[int, ...] = ()

    @property
    def labels(self) -> Int64[np.ndarray, " rows"]:
        """The one class of each row."""
        return np.argmax(self.truths, axis=1).astype(np.int64)


@dataclasses.dataclass(frozen=True)
class HeadKind:
    """A head that can be fitted.

    Attributes
    ----------
    title
        What it is.
    chosen
        What its strength is.
    multi_label
        Whether it fits clips that may have several classes.
    pool
        How a clip's segments become one vector unless something else is asked for.
    fit
        Fits it, with a given strength or a chosen one.
    """

    title: str
    chosen: str
    multi_label: bool
    pool: str
    fit: Callable[[Examples, float | None], FittedHead] = dataclasses.field(repr=False)


def fit_head(head: str, examples: Examples, strength: float | None = None) -> FittedHead:
    """Fit a head.

    Raises
    ------
    UsageError
        When there is no such head (the hint guesses the meant one), it does not fit clips of several classes, ``strength`` is none
        that it can have, a feature is not finite, or the examples have a single class.
    """
    kind = find_head(head)
    if examples.multi_label and not kind.multi_label:
        others = " or ".join(name for name, other in HEADS.items() if other.multi_label)
        raise UsageError(f"head {head}", "a benchmark whose clips may have several classes", others)
    return kind.fit(examples, strength)


def find_head(head: str) -> HeadKind:
    """Find a head by its name.

    Raises
    ------
    UsageError
        When there is none of that name.
    """
    if head not in HEADS:
        raise UsageError("head", f"{head!r}", "a head", guess(head, [*HEADS, FINETUNE]))
    return HEADS[head]


def _fit_linear(examples: Examples, strength: float | None) -> FittedHead:
    return _fit_linear_head(examples, strength, "linear")


def _fit_svm(examples: Examples, strength: float | None) -> FittedHead:
    return _fit_linear_head(examples, strength, "svm")


def _fit_linear_head(examples: Examples, strength: float | None, head: str) -> FittedHead:
    if examples.multi_label:
        return fit_tagger(
            examples.features,
            examples.truths,
            head=head,
            strength=strength,
            groups=examples.groups,
            widths=examples.widths,
            seed=examples.seed,
        )
    fit = fit_linear if head == "linear" else fit_svm
    return fit(
        examples.features,
        examples.labels,
        num_classes=examples.truths.shape[1],
        strength=strength,
        groups=examples.groups,
        widths=examples.widths,
        seed=examples.seed,
    )


def _fit_neighbours(examples: Examples, strength: float | None) -> FittedHead:
    return fit_neighbours(
        examples.features,
        examples.truths,
        neighbours=None if strength is None else whole(strength, "neighbours"),
        groups=examples.groups,
        widths=examples.widths,
        seed=examples.seed,
    )


def _fit_forest(examples: Examples, strength: float | None) -> FittedHead:
    trees = TREES if strength is None else whole(strength, "trees")
    num_classes = examples.truths.shape[1]
    return fit_forest(examples.features, examples.labels, num_classes=num_classes, trees=trees, seed=examples.seed)


def _fit_neural(name: str) -> Callable[[Examples, float | None], FittedHead]:
    def fit(examples: Examples, strength: float | None) -> FittedHead:
        from hearsight.evaluation.neural import choose_recipe, fit_neural  # torch takes a second to import

        epochs = None if strength is None else whole(strength, "epochs")
        recipe = choose_recipe(name, examples.benchmark)
        return fit_neural(
            examples.features,
            examples.truths,
            recipe=dataclasses.replace(recipe, exclusive=not examples.multi_label),
            epochs=epochs,
            groups=examples.groups,
            widths=examples.widths,
            seed=examples.seed,
        )

    return fit


def whole(strength: float, what: str) -> int:
    """Take a strength as a count.

    Raises
    ------
    UsageError
        When it is no whole number above 0.
    """
    if strength < 1.0 or strength != int(strength):
        raise UsageError("strength", f"{strength:g}", f"a whole number of {what}, at least 1")
    return int(strength)


HEADS: dict[str, HeadKind] = {
    "linear": HeadKind("logistic regression", "C", True, "mean+max", _fit_linear),
    "svm": HeadKind("linear support vector machine, one class against all", "C", True, "mean+max", _fit_svm),
    "knn": HeadKind("nearest neighbours", "neighbours", True, "mean+max", _fit_neighbours),
    "forest": HeadKind("random forest", "trees", False, "mean+max", _fit_forest),
    "mlp": HeadKind("one hidden layer of 1,024 units", "epochs", True, "mean+max", _fit_neural("mlp")),
    "jia": HeadKind("Jia 2019: one layer on concatenated embeddings", "epochs", True, "concat", _fit_neural("jia")),
    "softmax": HeadKind("Wu & Lee 2018: a softmax layer, for scenes", "epochs", False, "mean", _fit_neural("softmax")),
}
"""Every head by its name."""
