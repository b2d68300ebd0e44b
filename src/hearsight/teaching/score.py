"""How well heads that were taught without them classify examples: cross-validation over sources."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from hearsight.errors import InputError
from hearsight.metrics.intervals import Estimate, estimate_measures
from hearsight.metrics.proportions import estimate_share
from hearsight.teaching.head import Rows, fit_head

FOLDS = 5
"""Folds, or as many as the rarest class has sources."""
FEW = 5
"""Sources of a class below which a score is called rough."""


@dataclasses.dataclass(frozen=True)
class ClassScore:
    """How well the examples of one class were classified.

    Attributes
    ----------
    name
        The class.
    num_examples, num_sources, num_segments
        Examples, different sources of them, and segments.
    found
        Share of its examples whose highest probability is that of the class.
    named
        Share of the examples with that highest probability that are of the class.
    """

    name: str
    num_examples: int
    num_sources: int
    num_segments: int
    found: Estimate
    named: Estimate

    def as_json(self) -> dict[str, Any]:
        """Return the fields as a JSON object."""
        values = dataclasses.asdict(self)
        ends = {key: dataclasses.asdict(getattr(self, key)) for key in ("found", "named")}
        return {**values, **{key: drop_nan(value) for key, value in ends.items()}}


@dataclasses.dataclass(frozen=True)
class Score:
    """The result of a cross-validation.

    Attributes
    ----------
    num_folds
        Number of folds.
    accuracy
        Share of the examples whose highest probability is that of their class, with Wilson's interval.
    mean_average_precision
        Mean over the folds, with an interval over the examples. The ends are NaN where no resample changes it, as of perfect
        scores: such an interval would be a point, which is no statement about other examples.
    classes
        Class by class.
    """

    num_folds: int
    accuracy: Estimate
    mean_average_precision: Estimate
    classes: tuple[ClassScore, ...]


def assign_folds(names: Sequence[str], sources: Sequence[str], seed: int) -> Int64[np.ndarray, " examples"]:
    """Return the fold of each example: each source is put where its class has fewest, in an order that the seed draws.

    Parameters
    ----------
    names, sources
        The class and the source of each example.
    seed
        Of the order.

    Raises
    ------
    InputError
        When a class has only one source.
    """
    by_class = {name: sorted({one for own, one in zip(names, sources, strict=True) if own == name}) for name in names}
    for name, own in sorted(by_class.items()):
        if len(own) < 2:
            hint = "copies of a file, and spans of one, are one source; 5 to 50 are a good number"
            raise InputError(f"class {name!r}", f"{len(own)} source of examples", "at least two different files", hint)
    num_folds = min(FOLDS, *(len(own) for own in by_class.values()))
    folds: dict[str, int] = {}
    # classes with few sources come first: what they share with others is then spread for their sake
    for place, (_, own) in enumerate(sorted(by_class.items(), key=lambda one: (len(one[1]), one[0]))):
        filled = np.bincount([folds[one] for one in own if one in folds], minlength=num_folds)
        for index in np.random.default_rng((seed, place)).permutation(len(own)):
            if own[index] not in folds:
                folds[own[index]] = int(np.argmin(filled))
                filled[folds[own[index]]] += 1
    return np.array([folds[source] for source in sources], dtype=np.int64)


def score_examples(
    rows: Rows,
    names: Sequence[str],
    sources: Sequence[str],
    vocabulary: Sequence[str],
    *,
    regularization: float,
    seed: int,
) -> Score:
    """Score each example by a head that was taught on the sources of other folds.

    Parameters
    ----------
    rows
        Segments of the examples, and sounds that were made.
    names, sources
        The class and the source of each example; one whose class is not in the vocabulary is only learned from.
    vocabulary
        The classes.
    regularization
        As for :func:`~hearsight.teaching.head.fit_head`.
    seed
        Of the folds.

    Raises
    ------
    InputError
        When a class has only one source.
    """
    scored = np.array([name in vocabulary for name in names])
    places = np.flatnonzero(scored)
    folds = np.full(len(names), -1)
    folds[places] = assign_folds(
        [names[one] for one in places.tolist()], [sources[one] for one in places.tolist()], seed
    )
    fold_of_source = dict(zip(np.array(sources)[places].tolist(), folds[places].tolist(), strict=True))
    folds = np.array([fold_of_source.get(source, -1) for source in sources])
    of_rows = np.where(rows.example >= 0, folds[rows.example], -1)
    scores = np.zeros((len(names), len(vocabulary)))
    for fold in range(int(folds.max()) + 1):
        head = fit_head(rows.select(of_rows != fold), regularization)
        held = rows.select((of_rows == fold) & rows.counts)
        probabilities = head.predict(held.values)
        for one in np.unique(held.example):
            scores[one] = probabilities[held.example == one].mean(axis=0)
    truths = np.array([[name == known for known in vocabulary] for name in names])
    name = "mean_average_precision"
    precision = estimate_measures((name,), scores[places], truths[places], folds[places].astype(np.int64))[name]
    if precision.low == precision.high:
        precision = Estimate(precision.value, np.nan, np.nan)
    hits = int((scores[places].argmax(axis=1) == truths[places].argmax(axis=1)).sum())
    classes = _score_classes(rows, scores, truths, sources, vocabulary)
    return Score(int(folds.max()) + 1, estimate_share(hits, len(places)), precision, classes)


def _score_classes(
    rows: Rows,
    scores: Float64[np.ndarray, "examples classes"],
    truths: Bool[np.ndarray, "examples classes"],
    sources: Sequence[str],
    vocabulary: Sequence[str],
) -> tuple[ClassScore, ...]:
    best = np.where(truths.any(axis=1), scores.argmax(axis=1), -1)
    classes: list[ClassScore] = []
    for index, name in enumerate(vocabulary):
        own = truths[:, index]
        right = float((own & (best == index)).sum())
        segments = int((rows.counts & np.isin(rows.example, np.flatnonzero(own))).sum())
        num_sources = len({sources[one] for one in np.flatnonzero(own).tolist()})
        shares = (estimate_share(right, float(own.sum())), estimate_share(right, float((best == index).sum())))
        classes.append(ClassScore(name, int(own.sum()), num_sources, segments, *shares))
    return tuple(classes)


def drop_nan(values: dict[str, float]) -> dict[str, float | None]:
    """Return values for JSON, which has no NaN: null in its place."""
    return {key: None if np.isnan(value) else value for key, value in values.items()}
